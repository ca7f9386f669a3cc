import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import {
  canonical,
  fail,
  howToGet,
  member,
  ok,
  positionOf,
  scalar,
  type Call,
  type Json,
  type Result,
  type Stack,
  type StackOrder,
  type Tool,
} from '@goldenthread/core';
import { environment, must } from '../host.ts';
import { assemblyStack } from './cloudformation-assembly.ts';
import { MOST_BYTES, sizeOf, TOO_LARGE } from './cloudformation-check.ts';
import { readTemplate, section, startOf, type Template } from './cloudformation-template.ts';

/** Makes the template of a stack that is written for the CDK. */
export const CDK: Tool = {
  name: 'cdk',
  purpose: 'making the CloudFormation template of a CDK app',
  version: ['--version'],
  install: 'npm install --global aws-cdk, or have it among the packages of the workspace.',
};

/** Makes the template of a stack that is written for the Serverless Framework. */
export const SERVERLESS: Tool = {
  name: 'serverless',
  purpose: 'making the CloudFormation template of a Serverless Framework service',
  version: ['--version'],
  install: 'npm install --global serverless, or have it among the packages of the workspace.',
};

/** A template and the tags that it comes with. */
export interface Source {
  readonly template: Template;
  readonly tags: Readonly<Record<string, string>>;
}

/** The stack's name there. */
export const stackName = ({ stack, environment }: StackOrder): string =>
  stack.cloudformation.stack_name ?? `${stack.name}-${environment}`;

/** What a stack needs on this machine. */
export const toolsOf = ({ cloudformation: { synth } }: Stack): readonly Tool[] =>
  synth === 'cdk' ? [CDK] : synth === 'serverless' ? [SERVERLESS] : [];

const PREFIX = 'goldenthread-cloudformation-';

/** Runs a tool that writes into a folder of its own (0700), which is gone afterwards. */
async function made<T>(
  tool: Tool,
  order: StackOrder,
  {
    args,
    read,
  }: {
    readonly args: (folder: string) => readonly string[];
    readonly read: (folder: string) => Promise<Result<T>>;
  },
  call: Call,
): Promise<Result<T>> {
  const folder = await mkdtemp(join(tmpdir(), PREFIX));
  try {
    const command = {
      argv: [tool.name, ...args(folder)],
      cwd: join(order.root, order.stack.root),
      env: environment(),
      timeout: 900,
      purpose: tool.purpose,
      install: howToGet(tool),
    };
    const done = await must(command, call);
    return done.ok ? await read(folder) : done;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The text of a file that a tool was to write. */
export async function written(tool: string, path: string, label: string): Promise<Result<string>> {
  try {
    return ok(await readFile(path, 'utf8'));
  } catch {
    return fail({ code: 'tool-failed', tool, detail: `it ended well and yet wrote no ${label}` });
  }
}

async function fromCdk(order: StackOrder, call: Call): Promise<Result<Source>> {
  const read = async (folder: string): Promise<Result<Source>> => {
    const found = await assemblyStack(folder, order, stackName(order));
    if (!found.ok) return found;
    const { label, text, tags, assets } = found.value;
    if (assets > 0)
      call.emit({
        type: 'note',
        project: order.stack.name,
        text: `${label} uses ${assets} ${assets === 1 ? 'asset' : 'assets'} of the CDK: publish them (\`cdk-assets publish\`) before it is applied`,
      });
    const template = readTemplate(`${order.stack.root} (${label} of cdk synth)`, text);
    return template.ok ? ok({ template: template.value, tags }) : template;
  };
  const args = (folder: string): readonly string[] => [
    ...['synth', '--quiet', '--output', folder],
    ...['-c', `environment=${order.environment}`],
  ];
  return made(CDK, order, { args, read }, call);
}

/** Keys in S3 of what functions and layers are made from. */
function keysIn(template: Template): readonly string[] {
  const keys = section(template, 'Resources').flatMap(({ value }) =>
    ['Code', 'Content'].flatMap((part) => {
      const properties = member(value, 'Properties');
      const source = properties && member(properties, part);
      return (source && scalar(member(source, 'S3Key'))) ?? [];
    }),
  );
  return [...new Set(keys)];
}

const SERVERLESS_FILE = 'cloudformation-template-update-stack.json';

async function fromServerless(order: StackOrder, call: Call): Promise<Result<Source>> {
  const read = async (folder: string): Promise<Result<Source>> => {
    const text = await written(SERVERLESS.name, join(folder, SERVERLESS_FILE), SERVERLESS_FILE);
    if (!text.ok) return text;
    const template = readTemplate(
      `${order.stack.root} (${SERVERLESS_FILE} of serverless package)`,
      text.value,
    );
    if (!template.ok) return template;
    const keys = keysIn(template.value);
    if (keys.length > 0)
      call.emit({
        type: 'note',
        project: order.stack.name,
        text: `${SERVERLESS_FILE} uses ${keys.length} ${keys.length === 1 ? 'package' : 'packages'} of the Serverless Framework, and nobody uploads them: put them into its bucket (\`aws s3 cp\`, as ${keys.join(', ')}) before it is applied`,
      });
    return ok({ template: template.value, tags: {} });
  };
  const args = (folder: string): readonly string[] => [
    'package',
    '--package',
    folder,
    '--stage',
    order.environment,
  ];
  return made(SERVERLESS, order, { args, read }, call);
}

async function fromFile({ root, stack }: StackOrder): Promise<Result<Source>> {
  const name = stack.cloudformation.template ?? 'template.yaml';
  const file = posix.join(stack.root, name);
  try {
    const template = readTemplate(file, await readFile(join(root, file), 'utf8'));
    return template.ok ? ok({ template: template.value, tags: {} }) : template;
  } catch {
    const declaration = await readFile(join(root, stack.file), 'utf8').catch(() => '');
    const at = positionOf(stack.file, declaration, name);
    return fail({ code: 'reference-missing', at, kind: 'template', name: file, near: [] });
  }
}

/** JSON without its white space, where that is what makes it too large. */
function compact(template: Template): Template {
  if (sizeOf(template) <= MOST_BYTES) return template;
  try {
    return { ...template, body: canonical(JSON.parse(template.body) as Json) };
  } catch {
    return template;
  }
}

/** The template of a stack: its file, or what the CDK or the Serverless Framework makes of the stack's folder. */
export async function readSource(order: StackOrder, call: Call): Promise<Result<Source>> {
  const { synth } = order.stack.cloudformation;
  const read =
    synth === 'cdk'
      ? await fromCdk(order, call)
      : synth === 'serverless'
        ? await fromServerless(order, call)
        : await fromFile(order);
  return read.ok ? ok({ ...read.value, template: compact(read.value.template) }) : read;
}

/** Fails where a template is too large to be sent. */
export function fit(template: Template): Result<void> {
  const size = sizeOf(template);
  if (size <= MOST_BYTES) return ok(undefined);
  return fail({
    code: 'declaration-invalid',
    at: startOf(template),
    found: `${size} bytes`,
    expected: TOO_LARGE,
  });
}
