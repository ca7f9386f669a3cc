import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  all,
  fail,
  join as joined,
  ok,
  positionOf,
  Secret,
  type Call,
  type Failure,
  type Position,
  type Result,
  type Stack,
  type StackOrder,
  type Tool,
} from '@goldenthread/core';
import { environment, must, which, type Command } from '../host.ts';
import { fileFailure } from '../files.ts';
import { readManifests, type Manifest } from './kubernetes-documents.ts';
import { redacted, secretTexts, SHORTEST } from './kubernetes-secrets.ts';

const MOST_BYTES = 32 * 1024 * 1024;
const PATIENCE_SECONDS = 300;
const KUSTOMIZATION = /^(kustomization\.ya?ml|Kustomization)$/;

const KUBECTL: Tool = {
  name: 'kubectl',
  purpose: 'building manifests with Kustomize',
  version: ['version', '--client'],
  install: 'Install kubectl (it brings Kustomize along) or kustomize.',
  debian: 'kubernetes-client',
};

const KUSTOMIZE: Tool = { ...KUBECTL, name: 'kustomize', version: ['version'] };

// kubectl has Kustomize within it; kustomize by itself does as well.
const builder = (): Tool => (which('kubectl') === null && which('kustomize') !== null ? KUSTOMIZE : KUBECTL);

const renderer = (name: string): Tool => ({
  name,
  purpose: "rendering the stack's manifests",
  version: ['version'],
  install: `Install ${name} and see that it is on PATH.`,
});

/** The programs that make a stack's manifests; none for plain ones. */
export function toolsOf({ kubernetes: { kustomize, render } }: Stack): readonly Tool[] {
  const program = render?.[0];
  return [
    ...(kustomize === undefined ? [] : [builder()]),
    // A script of the stack itself is no tool to be installed.
    ...(program === undefined || program.includes('/') ? [] : [renderer(program)]),
  ];
}

/** Where a setting stands in the stack's declaration. */
async function declared({ root, stack }: StackOrder, needle: string): Promise<Position> {
  const text = await readFile(join(root, stack.file), 'utf8').catch(() => '');
  return positionOf(stack.file, text, needle);
}

async function filesBelow(root: string, path: string): Promise<readonly string[]> {
  const found = await readdir(join(root, path), { withFileTypes: true });
  const below = found
    .filter(({ name }) => !name.startsWith('.'))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(async (entry) => {
      const inner = `${path}/${entry.name}`;
      const folder = entry.isSymbolicLink()
        ? (await stat(join(root, inner))).isDirectory()
        : entry.isDirectory();
      if (folder) return filesBelow(root, inner);
      return /\.(ya?ml|json)$/.test(entry.name) || KUSTOMIZATION.test(entry.name) ? [inner] : [];
    });
  return (await Promise.all(below)).flat();
}

async function fileManifests(order: StackOrder, file: string): Promise<Result<readonly Manifest[]>> {
  const path = join(order.root, file);
  const [text, { size }] = [await readFile(path, 'utf8'), await stat(path)];
  const at = positionOf(file, text.slice(0, 4096), '');
  if (size > MOST_BYTES)
    return fail({
      code: 'declaration-invalid',
      at,
      found: `${size} bytes`,
      expected: 'manifests of at most 32 MiB',
    });
  if (KUSTOMIZATION.test(file.slice(file.lastIndexOf('/') + 1)))
    return fail({
      code: 'declaration-invalid',
      at,
      found: 'a kustomization among plain manifests',
      expected: `kustomize: <its folder> in the section kubernetes of ${order.stack.file}`,
    });
  return readManifests({ file, text, inputs: order.inputs });
}

async function pathManifests(order: StackOrder, path: string): Promise<Result<readonly Manifest[]>> {
  const relative = joined(order.stack.root, path);
  try {
    const folder = (await stat(join(order.root, relative))).isDirectory();
    const files = folder ? await filesBelow(order.root, relative) : [relative];
    const read = all(await Promise.all(files.map((file) => fileManifests(order, file))));
    return read.ok ? ok(read.value.flat()) : read;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return fail(fileFailure(error, relative));
    const at = await declared(order, path);
    return fail({ code: 'reference-missing', at, kind: 'manifests', name: relative, near: [] });
  }
}

interface Program {
  readonly argv: readonly string[];
  readonly what: string;
  readonly tool: Tool;
  readonly env: Readonly<Record<string, string>>;
  /** Where the declaration asks for it. */
  readonly at: Position;
  readonly fill: boolean;
}

/** What is wrong with a text that no file holds is told at the place that asks for it. */
const moved = (failure: Failure, { at, what }: Program): Failure => {
  if (failure.code !== 'declaration-invalid' && failure.code !== 'source-unparsable') return failure;
  const inside = `line ${failure.at.line} of what ${what} prints`;
  return failure.code === 'source-unparsable'
    ? { ...failure, at, detail: `${failure.detail} (${inside})` }
    : { ...failure, at, found: `${failure.found} (${inside})` };
};

async function printed(
  order: StackOrder,
  program: Program,
  call: Call,
): Promise<Result<readonly Manifest[]>> {
  let text = '';
  const command: Command = {
    argv: program.argv,
    cwd: join(order.root, order.stack.root),
    env: environment(program.env),
    timeout: PATIENCE_SECONDS,
    whole: (whole) => (text = whole),
    purpose: program.tool.purpose,
    install: program.tool.install,
  };
  const finished = await must(command, call);
  if (!finished.ok) return fail(...finished.failures.map(redacted(secretTexts(order))));
  const read = readManifests({ file: order.stack.file, text, inputs: program.fill ? order.inputs : null });
  if (!read.ok) return fail(...read.failures.map((failure) => moved(failure, program)));
  return ok(read.value.map((one) => ({ ...one, at: program.at })));
}

async function kustomized(
  order: StackOrder,
  folder: string,
  call: Call,
): Promise<Result<readonly Manifest[]>> {
  const tool = builder();
  const what = tool === KUBECTL ? 'kubectl kustomize' : 'kustomize build';
  const argv = [...what.split(' '), join(order.root, order.stack.root, folder)];
  const at = await declared(order, 'kustomize');
  return printed(order, { argv, what, tool, env: {}, at, fill: true }, call);
}

/** The values as a program that renders gets them: `GOLDENTHREAD_INPUT_<NAME>`, texts as they are and all else as JSON. */
const variables = ({ inputs }: StackOrder): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Array.from(inputs, ([name, { value }]) => {
      const text = value instanceof Secret ? value.reveal() : value;
      const key = `GOLDENTHREAD_INPUT_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
      return [key, typeof text === 'string' ? text : JSON.stringify(text)];
    }),
  );

async function rendered(
  order: StackOrder,
  [name = '', ...rest]: readonly string[],
  call: Call,
): Promise<Result<readonly Manifest[]>> {
  // A path is one of the stack's folder, wherever we run.
  const program = name.includes('/') ? join(order.root, order.stack.root, name) : name;
  const at = await declared(order, 'render');
  const argv = [program, ...rest];
  const env = { ...variables(order), GOLDENTHREAD_ENVIRONMENT: order.environment };
  return printed(order, { argv, what: name, tool: renderer(name), env, at, fill: false }, call);
}

/** What everybody reads, in plans, records and messages: a secret must not be part of it. */
function exposed(order: StackOrder, { object, at, sensitive }: Manifest): readonly Failure[] {
  const { apiVersion, kind, metadata } = object;
  const secrets = secretTexts(order).filter(({ length }) => length >= SHORTEST);
  const names = [apiVersion, kind, metadata.name, metadata.namespace ?? ''];
  const put = sensitive.some((path) => /^(apiVersion|kind|metadata\.(name|namespace))$/.test(path.join('.')));
  if (!put && !names.some((name) => secrets.some((secret) => name.includes(secret)))) return [];
  const found = 'a secret in the name, namespace or kind of an object';
  return [{ code: 'declaration-invalid', at, found, expected: 'a name that everybody may read' }];
}

/** All that a stack declares, in the order it is found: manifests, then what Kustomize and its renderer print. */
export async function declaredObjects(order: StackOrder, call: Call): Promise<Result<readonly Manifest[]>> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  const { manifests, kustomize, render } = order.stack.kubernetes;
  const paths = manifests ?? (kustomize === undefined && render === undefined ? ['manifests'] : []);
  const read = all([
    ...(await Promise.all(paths.map((path) => pathManifests(order, path)))),
    ...(kustomize === undefined ? [] : [await kustomized(order, kustomize, call)]),
    ...(render === undefined ? [] : [await rendered(order, render, call)]),
  ]);
  if (!read.ok) return read;
  const found = read.value.flat();
  const failures = found.flatMap((manifest) => exposed(order, manifest));
  return failures.length > 0 ? { ok: false, failures } : ok(found);
}
