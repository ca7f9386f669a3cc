import { posix } from 'node:path';
import ts from 'typescript';
import { at, imports, isSpec, nodes, type Import, type Source } from './source.ts';

interface Boundary {
  /** Modules by name; `node:` stands for all of Node's own, and a package for its entry points as well. */
  readonly may: readonly string[];
  readonly why: string;
}

const CORE = '@goldenthread/core';
const ENGINE = '@goldenthread/engine';
const ADAPTERS = '@goldenthread/adapters';

/** What each project may import. Arrows point only at core, and nobody imports an app. */
export const BOUNDARIES: Readonly<Record<string, Boundary>> = {
  'libs/core': {
    may: ['zod', 'semver', 'yaml'],
    why: 'core is pure: it says what is declared, what differs and what to do, and touches nothing',
  },
  'libs/engine': {
    may: [CORE],
    why: 'the engine puts decisions in order and touches the world only through ports',
  },
  'libs/adapters': {
    may: [
      CORE,
      'node:',
      '@aws-sdk/client-cloudformation',
      '@aws-sdk/client-ec2',
      '@azure/arm-compute',
      '@azure/core-auth',
      '@azure/identity',
      '@cdktf/hcl2json',
      '@cyclonedx/cyclonedx-library',
      '@google-cloud/compute',
      '@kubernetes/client-node',
      '@sigstore/bundle',
      '@sigstore/core',
      '@sigstore/verify',
      'conventional-commits-parser',
      'dockerode',
      'fast-xml-parser',
      'packageurl-js',
      'tar-stream',
      'typescript',
      'undici',
    ],
    why: "an adapter speaks to one tool by that tool's client library and answers in core's nouns",
  },
  'libs/plugin': {
    may: [CORE, ENGINE, ADAPTERS, '@nx/devkit', 'node:path'],
    why: 'the plugin only shows Nx what the libraries know',
  },
  'libs/testing': {
    may: [CORE, 'node:', 'vitest'],
    why: 'fakes and contract suites know ports, not their adapters',
  },
  'apps/cli': {
    may: [CORE, ENGINE, ADAPTERS, 'commander', 'node:'],
    why: 'the command line parses input, assembles ports, calls one command and prints',
  },
};

/** What specifications may import beyond their project. */
const IN_SPECS: readonly string[] = ['vitest', 'fast-check', '@goldenthread/testing', CORE, 'node:'];

interface Narrow {
  readonly module: string;
  /** Files, or folders ending with a slash. */
  readonly only: readonly string[];
  readonly why: string;
}

/** Modules that only some files of a project may import. */
export const NARROW: readonly Narrow[] = [
  {
    module: 'node:child_process',
    only: ['libs/adapters/src/host.ts', 'libs/testing/src/'],
    why: 'processes are started in one place, which redacts, stops and never uses a shell',
  },
  {
    module: 'yaml',
    only: ['libs/core/src/yaml.ts', 'libs/core/src/graph/read-yaml.ts'],
    why: 'YAML becomes nodes with positions in one place',
  },
  {
    module: 'undici',
    only: ['libs/adapters/src/oci/http.ts'],
    why: 'registries are spoken to in one place, which is patient, and careful with credentials',
  },
  {
    module: 'dockerode',
    only: ['libs/adapters/src/docker/'],
    why: 'the Docker engine is spoken to in one place',
  },
  {
    module: '@cdktf/hcl2json',
    only: ['libs/adapters/src/facts/'],
    why: 'its worker must be ended by whoever started it',
  },
];

/** Folders and files of adapters that hold what several of them share; everything else there is one adapter's own. */
export const SHARED: Readonly<Record<string, string>> = {
  cloud: 'what stores in clouds have in common, and how each cloud is spoken to',
  oci: 'OCI content in registries and layout folders, for stores and for bases',
  git: 'running git and speaking to its remotes, for the workspace, its history and the ledger',
  namespace: 'Linux namespaces and overlay mounts, for the builder and for machines',
  docker: 'the Docker engine, for the builder and for machines',
  playbook: 'playbooks checked without running them, for linters and for the engine of stacks',
  terraform:
    'running Terraform and reading what it says, for the engine of stacks, the linter and the tester',
  rootfs: 'root file systems of bases, for both back ends of the layered builder',
  'facts/hcl.ts': 'HCL is parsed by a worker that only one place may start and end',
};

/** Files that turn names into adapters and therefore know all of them. */
const KNOW_ALL: ReadonlySet<string> = new Set(['assemble.ts', 'registry.ts', 'index.ts']);

const matches = (name: string, allowed: string): boolean =>
  allowed.endsWith(':') ? name.startsWith(allowed) : name === allowed || name.startsWith(`${allowed}/`);

const projectOf = (path: string): string => path.split('/').slice(0, 2).join('/');

const resolve = (from: string, name: string): string => posix.join(posix.dirname(from), name);

/** Why a relative import leaves its project or its file's extension unsaid. */
function relative(source: Source, { name }: Import): string | null {
  if (!BOUNDARIES[projectOf(source.path)]) return null;
  const target = resolve(source.path, name);
  if (projectOf(target) !== projectOf(source.path))
    return 'a project is reached by its name, never by a path into it';
  return /\.(ts|mjs|js|json)$/.test(name) ? null : 'imports say the extension, as Node reads them';
}

function outside(source: Source, { name }: Import): string | null {
  const boundary = BOUNDARIES[projectOf(source.path)];
  if (!boundary) return null;
  const may = isSpec(source) ? [...boundary.may, ...IN_SPECS] : boundary.may;
  return may.some((allowed) => matches(name, allowed)) ? null : boundary.why;
}

function tooWide(source: Source, { name, typeOnly }: Import): string | null {
  // Types are gone at run time: whoever names one still has to get the thing itself from its one place.
  if (typeOnly || isSpec(source) || !BOUNDARIES[projectOf(source.path)]) return null;
  const rule = NARROW.find(({ module }) => matches(name, module));
  const inside = rule?.only.some(
    (one) => source.path === one || (one.endsWith('/') && source.path.startsWith(one)),
  );
  return rule && !inside ? rule.why : null;
}

/** The folder below libs/adapters/src, '' for files directly in it, null elsewhere. */
function adapterFolder(path: string): string | null {
  const rest = path.startsWith('libs/adapters/src/') ? path.slice('libs/adapters/src/'.length) : null;
  return rest === null ? null : rest.slice(0, Math.max(0, rest.indexOf('/')));
}

function otherAdapter(source: Source, { name }: Import): string | null {
  const own = adapterFolder(source.path);
  const path = resolve(source.path, name);
  const target = adapterFolder(path);
  if (own === null || target === null || target === own || target === '' || isSpec(source)) return null;
  if (target in SHARED || path.slice('libs/adapters/src/'.length) in SHARED) return null;
  if (own === '' && KNOW_ALL.has(posix.basename(source.path))) return null;
  return 'adapters do not import each other: what two of them need belongs into a shared folder or a file beside host.ts';
}

/** Every import of the file that the house does not allow, with the reason. */
export function forbiddenImports(source: Source): readonly string[] {
  return imports(source).flatMap((one) => {
    const checks = one.name.startsWith('.') ? [relative, otherAdapter] : [outside, tooWide];
    const reasons = checks.map((check) => check(source, one)).filter((reason) => reason !== null);
    return reasons.map((reason) => `${one.at} imports ${one.name}: ${reason}`);
  });
}

/** Every call of process.exit outside the one file that may. */
export function exits(source: Source): readonly string[] {
  if (!BOUNDARIES[projectOf(source.path)] || source.path === 'apps/cli/src/main.ts') return [];
  const calls = [...nodes(source.ast)].filter(
    (node) => ts.isPropertyAccessExpression(node) && node.getText(source.ast) === 'process.exit',
  );
  return calls.map(
    (node) => `${at(source, node)} calls process.exit: only apps/cli/src/main.ts ends the process`,
  );
}
