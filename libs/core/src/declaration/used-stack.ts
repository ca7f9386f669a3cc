import { canonical, type Json } from '../canonical.ts';
import type { WrittenEnvironment } from './environment.ts';
import type { WrittenStack } from './stack.ts';

type Section<K extends 'terraform' | 'ansible' | 'cloudformation' | 'kubernetes'> = NonNullable<
  WrittenStack[K]
>;

/** A variable that gets an image's default, by digest or by version. */
export interface ImageInput {
  readonly variable: string;
  readonly image: string;
  readonly as: 'digest' | 'version';
}

/** A variable that gets an output of another stack. */
export interface OutputInput {
  readonly variable: string;
  readonly stack: string;
  readonly output: string;
}

/** What may differ from environment to environment. */
interface Configured {
  readonly variables: Readonly<Record<string, Json>>;
  readonly terraform: Section<'terraform'>;
  readonly ansible: Section<'ansible'>;
  readonly cloudformation: Section<'cloudformation'>;
  readonly kubernetes: Section<'kubernetes'>;
  /** For an engine that a user names by path. */
  readonly options: Readonly<Record<string, Json>>;
}

/** A stack as the code uses it. */
export interface Stack extends Configured {
  readonly name: string;
  /** The folder of the declaration, relative to the workspace root. */
  readonly root: string;
  /** The declaration itself, relative to the workspace root. */
  readonly file: string;
  readonly engine: string;
  readonly images: readonly ImageInput[];
  readonly inputs: readonly OutputInput[];
  /** Relative to the folder of the declaration. */
  readonly playbook: string | null;
  /** What differs, by environment; `stackIn` lays it over the rest. */
  readonly environments: Readonly<Record<string, Partial<Configured>>>;
}

/** One rule over plans, as declared. */
export type PolicyRule = WrittenEnvironment['policy'][number];

/** An environment as the code uses it. */
export interface Environment {
  readonly name: string;
  readonly root: string;
  readonly file: string;
  readonly stage: number;
  readonly stacks: readonly string[];
  readonly services: readonly string[];
  readonly channel: string;
  readonly pins: Readonly<Record<string, string>>;
  readonly policy: readonly PolicyRule[];
  readonly retire: readonly string[];
  readonly drift: WrittenEnvironment['drift'];
}

const folderName = (root: string): string => root.slice(root.lastIndexOf('/') + 1);

function engineOf(written: WrittenStack): string {
  if (written.engine !== undefined) return written.engine;
  if (written.playbook !== undefined) return 'ansible';
  const sections = ['cloudformation', 'kubernetes', 'ansible'] as const;
  return sections.find((section) => written[section] !== undefined) ?? 'terraform';
}

/** Drops what is not said, so that it hides nothing when it is laid over something. */
const said = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;

/** Fills the defaults in; `root` and `file` say where the declaration stands. */
export function usedStack(written: WrittenStack, root: string, file: string): Stack {
  return {
    name: written.name ?? folderName(root),
    root,
    file,
    engine: engineOf(written),
    images: Object.entries(written.images).map(([variable, image]) =>
      typeof image === 'string' ? { variable, image, as: 'digest' } : { variable, ...image },
    ),
    inputs: Object.entries(written.inputs).map(([variable, from]) => ({ variable, ...from })),
    variables: written.variables,
    playbook: written.playbook ?? null,
    terraform: written.terraform ?? {},
    ansible: written.ansible ?? {},
    cloudformation: written.cloudformation ?? {},
    kubernetes: written.kubernetes ?? {},
    options: written.options ?? {},
    environments: Object.fromEntries(
      Object.entries(written.environments).map(([name, differs]) => [
        name,
        said(differs) as Partial<Configured>,
      ]),
    ),
  };
}

/** Fills the defaults in. */
export function usedEnvironment(written: WrittenEnvironment, root: string, file: string): Environment {
  const { stage, stacks, services, channel, pins, policy, retire, drift } = written;
  const name = written.name ?? folderName(root);
  return { name, root, file, stage, stacks, services, channel, pins, policy, retire, drift };
}

const PLACEHOLDER = /\{environment\}/g;

function placed<T>(value: T, environment: string): T {
  if (typeof value === 'string') return value.replace(PLACEHOLDER, environment) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => placed(item, environment)) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, placed(one as unknown, environment)]),
  ) as T;
}

const differing = (stack: Stack, environment: string): Partial<Configured> =>
  (Object.hasOwn(stack.environments, environment) ? stack.environments[environment] : undefined) ?? {};

type Backend = Stack['terraform']['backend'];

/** The settings of the backend in one environment, `{environment}` as it is written. */
function backendIn(stack: Stack, environment: string): Backend {
  const { backend } = stack.terraform;
  const own = differing(stack, environment).terraform?.backend;
  return own ? { ...backend, ...own } : backend;
}

/** The stack as it is in one environment: what differs there laid over the rest key by key, `{environment}` replaced in its settings, its workspace named. */
export function stackIn(stack: Stack, environment: string): Stack {
  const differs = differing(stack, environment);
  const section = <K extends Exclude<keyof Configured, 'variables'>>(key: K): Configured[K] =>
    placed({ ...stack[key], ...differs[key] }, environment);
  const backend = backendIn(stack, environment);
  const workspace = namesEnvironment(stack, environment) ? 'default' : environment;
  return {
    ...stack,
    variables: { ...stack.variables, ...differs.variables },
    terraform: {
      workspace,
      ...section('terraform'),
      ...(backend && { backend: placed(backend, environment) }),
    },
    ansible: section('ansible'),
    cloudformation: section('cloudformation'),
    kubernetes: section('kubernetes'),
    options: section('options'),
  };
}

/**
 * Whether the settings of its backend keep a stack's state in this environment apart from that in every other, so that no
 * workspace has to. Of a stack as it is declared: `stackIn` has used the answer.
 */
export function namesEnvironment(stack: Stack, environment: string): boolean {
  const backend = backendIn(stack, environment);
  const own = differing(stack, environment).terraform?.backend !== undefined;
  const named = Object.values(backend ?? {}).some((value) => String(value).includes('{environment}'));
  if (!own && !named) return false;
  const key = (settings: Backend, name: string): string => canonical(placed(settings ?? {}, name));
  // Two environments of which only the settings' words differ would share one state, and each would undo the other's.
  const others = Object.keys(stack.environments).filter((name) => name !== environment);
  const places = [
    ...others.map((name) => key(backendIn(stack, name), name)),
    ...(named ? [] : [key(stack.terraform.backend, '')]),
  ];
  return !places.includes(key(backend, environment));
}
