import { lstat, mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import {
  fail,
  ok,
  shownOf,
  type Call,
  type Json,
  type Outputs,
  type Result,
  type Secret,
  type StackOrder,
} from '@goldenthread/core';
import { run, start, toolFailure, type Command } from '../host.ts';
import { terraformCommand, type Setting } from '../terraform/tool.ts';
import { secretOf, textsIn, veiled, veilOf } from '../terraform/veil.ts';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
// More than any plan or state that people keep; what is larger is refused rather than taken into memory.
const MOST_BYTES = 256 * 1024 * 1024;

/** One file of a zip archive in memory; null where it is none, or has no such file. */
export function unzip(archive: Buffer, name: string): Buffer | null {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end === -1 || archive.length < end + 22 || archive.readUInt32LE(end) !== END) return null;
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (archive.length < at + 46 || archive.readUInt32LE(at) !== ENTRY) return null;
    const [size, nameLength, extra, comment] = [
      archive.readUInt32LE(at + 20),
      ...[28, 30, 32].map((offset) => archive.readUInt16LE(at + offset)),
    ] as [number, number, number, number];
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const local = archive.readUInt32LE(at + 42);
      const content = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const packed = archive.subarray(content, content + size);
      return archive.readUInt16LE(at + 10) === 0
        ? packed
        : inflateRawSync(packed, { maxOutputLength: MOST_BYTES });
    }
    at += 46 + nameLength + extra + comment;
  }
  return null;
}

interface StateFile {
  readonly lineage?: string;
  readonly serial?: number;
  readonly outputs?: Readonly<Record<string, { readonly value?: Json; readonly sensitive?: boolean }>>;
}

const nameOf = ({ lineage = '', serial = 0 }: StateFile): string | null =>
  lineage === '' ? null : `${lineage} serial ${serial}`;

/** Reads what a program prints, up to a bound. */
export async function printed(command: Command, call: Call): Promise<Result<string>> {
  const running = start(command, call, true);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of running.stdout as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MOST_BYTES) chunks.push(chunk);
    else void running.stop();
  }
  const done = await running.done;
  if (!done.ok) return done;
  if (size > MOST_BYTES)
    return fail({
      code: 'tool-failed',
      tool: command.argv[0] ?? '',
      detail: `it prints more than ${MOST_BYTES} bytes`,
    });
  return done.value.code === 0
    ? ok(Buffer.concat(chunks).toString('utf8'))
    : fail(toolFailure(command, done.value));
}

/** Where Terraform keeps the state of this setting: the settings of its backend, as its init has written them. */
async function backendOf({
  data,
}: Setting): Promise<{ readonly type: string; readonly config: Readonly<Record<string, unknown>> }> {
  try {
    const { backend } = JSON.parse(await readFile(join(data, 'terraform.tfstate'), 'utf8')) as {
      readonly backend?: { readonly type: string; readonly config?: Readonly<Record<string, unknown>> };
    };
    if (backend) return { type: backend.type, config: backend.config ?? {} };
  } catch {
    // Without a backend there is nothing to write down: the state lies beside the files.
  }
  return { type: 'local', config: {} };
}

/** The file of a state that lies on this machine, absolute, in the work tree whatever tree is planned; null where it lies elsewhere. */
export async function localState(setting: Setting, { home, stack }: StackOrder): Promise<string | null> {
  const { type, config } = await backendOf(setting);
  if (type !== 'local') return null;
  const text = (key: string, otherwise: string): string =>
    typeof config[key] === 'string' && config[key] !== '' ? config[key] : otherwise;
  const beside = join(home, stack.root);
  const { workspace } = setting;
  return workspace === null || workspace === 'default'
    ? resolve(beside, text('path', 'terraform.tfstate'))
    : resolve(beside, text('workspace_dir', 'terraform.tfstate.d'), workspace, 'terraform.tfstate');
}

async function pulled(setting: Setting, local: string | null, call: Call): Promise<Result<StateFile | null>> {
  let text: string;
  if (local === null) {
    const read = await printed(terraformCommand(setting, ['state', 'pull']), call);
    if (!read.ok) return read;
    text = read.value;
  } else text = await readFile(local, 'utf8').catch(() => '');
  if (text.trim() === '') return ok(null);
  try {
    const state = JSON.parse(text) as StateFile;
    // Some backends show an empty state where there is none.
    return ok(nameOf(state) === null ? null : state);
  } catch {
    return fail({
      code: 'content-corrupt',
      what: local ?? 'the state',
      expected: 'a state of Terraform',
      found: 'something else',
    });
  }
}

/** A state to be read: where Terraform keeps it, its file where it lies on this machine, and what is secret besides what it says itself. */
export interface Kept {
  readonly setting: Setting;
  readonly local: string | null;
  readonly secrets: readonly string[];
}

/** The outputs in a state; null where there is no state. Whatever holds a text that is secret is one. */
export async function stateOutputs(
  { setting, local, secrets }: Kept,
  call: Call,
): Promise<Result<Outputs | null>> {
  const state = await pulled(setting, local, call);
  if (!state.ok) return state;
  if (state.value === null) return ok(null);
  const entries = Object.entries(state.value.outputs ?? {});
  const own = entries.flatMap(([, { value, sensitive }]) => (sensitive === true ? textsIn(value) : []));
  const veil = veilOf([...secrets, ...own]);
  const isSecret = (value: Json): boolean =>
    shownOf({ value, sensitive: veiled(value, veil) }).is === 'sensitive';
  return ok(
    new Map(
      entries.map(([name, { value = null, sensitive }]): [string, Json | Secret] => [
        name,
        sensitive === true || isSecret(value) ? secretOf(value) : value,
      ]),
    ),
  );
}

/** Names the state that a plan was made on; null where there was none. A plan that cannot be opened says nothing: the state itself is asked. */
export async function plannedOn(
  plan: string,
  setting: Setting,
  local: string | null,
  call: Call,
): Promise<Result<string | null>> {
  const { size } = await stat(plan);
  const entry = size > MOST_BYTES ? null : unzip(await readFile(plan), 'tfstate');
  if (entry) return ok(nameOf(JSON.parse(entry.toString('utf8')) as StateFile));
  const state = await pulled(setting, local, call);
  return state.ok ? ok(state.value && nameOf(state.value)) : state;
}

/** Lets a tree that lies elsewhere see the states that lie in the work tree and git does not keep, for stacks that read those of others. */
export async function linkStates({ root, home }: StackOrder, call: Call): Promise<void> {
  if (root === home) return;
  let listing = '';
  const argv = ['git', 'ls-files', '--others', '-z', '--', '*.tfstate'];
  const done = await run({ argv, cwd: home, whole: (text) => (listing = text) }, call);
  if (!done.ok || done.value.code !== 0) return;
  for (const path of listing.split('\0').filter((one) => one !== '')) {
    const link = join(root, path);
    if (await lstat(link).catch(() => null)) continue;
    await mkdir(dirname(link), { recursive: true });
    // Another preview in the same tree may have been faster.
    await symlink(join(home, path), link).catch(() => undefined);
  }
}
