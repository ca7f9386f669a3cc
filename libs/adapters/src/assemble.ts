import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import {
  fail,
  near,
  ok,
  type Call,
  type Failure,
  type ImageTest,
  type MachineHost,
  type Ports,
  type Result,
  type Tree,
} from '@goldenthread/core';
import { createFacts } from './facts/disk.ts';
import { writeWhole } from './files.ts';
import { createLocks } from './locks/socket.ts';
import type { Parts } from './parts.ts';
import { assembleReleases } from './assemble-releases.ts';
import {
  BUILDERS,
  catalogue,
  INFRA,
  LINTERS,
  MACHINES,
  POLICIES,
  TESTERS,
  VERIFIERS,
  type Load,
} from './registry.ts';
import { slowHash } from './slow-hash.ts';
import { createBlobs } from './store/blobs.ts';
import { createRecords } from './records.ts';
import { createTools } from './tools/path.ts';
import { createGitWorkspace } from './workspace/git.ts';

/** Where Goldenthread keeps artifacts, caches and logs: GOLDENTHREAD_HOME, or its folder in the user's cache. */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  const cache = env['XDG_CACHE_HOME'];
  return resolve(
    env['GOLDENTHREAD_HOME'] ??
      join(cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'goldenthread'),
  );
}

/** The folders that nx.json tells the plugin to leave alone. */
function ignored(nxJson: string | null): readonly string[] {
  try {
    const { plugins } = JSON.parse(nxJson ?? '{}') as {
      plugins?: readonly (string | { plugin: string; options?: { ignore?: readonly string[] } })[];
    };
    const own = plugins?.find((one) => typeof one === 'object' && one.plugin === '@goldenthread/plugin');
    return typeof own === 'object' ? (own.options?.ignore ?? []) : [];
  } catch {
    // Nx says what is wrong with its own file, and better.
    return [];
  }
}

/** An adapter of the user's own: a module whose `create` takes the same parts. */
async function own<T>(path: string, parts: Parts): Promise<Result<T>> {
  const { importOwn, thrownText, unloadable } = await import('./own-module.ts');
  const module = await importOwn(parts.root, path);
  if (!module.ok) return module;
  // What a module of somebody else exports has the type that we hope for.
  const { create } = module.value as { readonly create?: (parts: Parts) => T };
  if (typeof create !== 'function')
    return fail({
      code: 'usage',
      detail: `${path} does not export a function \`create\``,
      hint: 'Export `create(parts)` that answers the adapter.',
    });
  try {
    return ok(create(parts));
  } catch (error) {
    return fail(unloadable(path, thrownText(error)));
  }
}

async function load<T>(
  kind: string,
  map: Readonly<Record<string, Load<T>>>,
  name: string,
  parts: Parts,
): Promise<Result<T>> {
  if (name.includes('/')) return own<T>(name, parts);
  const make = Object.hasOwn(map, name) ? map[name] : undefined;
  return make
    ? ok((await make())(parts))
    : fail({ code: 'project-unknown', name, kind, near: near(name, Object.keys(map)) });
}

/** The first place where such machines can be started here. */
async function machines(parts: Parts, on: ImageTest['on'], call: Call): Promise<Result<MachineHost>> {
  const reasons: Failure[] = [];
  for (const make of Object.values(MACHINES)) {
    const host = (await make())(parts);
    const works = await host.supported(on, call);
    if (works.ok) return ok(host);
    reasons.push(...works.failures);
  }
  return fail(...reasons);
}

const WAYS = {
  files: 'tests in the root file system of an image',
  booted: 'tests of a booted image',
} as const;

/** Which ways of starting machines work here; an image can be baked in layers wherever its files can be tested. */
async function engines(parts: Parts, call: Call): ReturnType<Ports['engines']> {
  const hosts = await Promise.all(Object.values(MACHINES).map(async (make) => (await make())(parts)));
  const ways = hosts.flatMap((host) =>
    Object.entries(WAYS).map(([on, says]) => ({ host, on: on as ImageTest['on'], says })),
  );
  return Promise.all(
    ways.map(async ({ host, on, says }) => ({
      name: `${host.name}: ${says}`,
      works: await host.supported(on, call),
    })),
  );
}

/** The workspace at a commit, read like this one. */
async function treeAt(root: string, commit: string, call: Call): Promise<Result<Tree>> {
  const { checkout } = await import('./git/checkout.ts');
  const out = await checkout(root, commit, call);
  if (!out.ok) return out;
  const workspace = createGitWorkspace(out.value.root);
  const facts = createFacts({
    root: out.value.root,
    cacheFile: null,
    ignore: ignored(workspace.read('nx.json')),
  });
  return ok({ workspace, facts, dispose: out.value.dispose });
}

/** Turns names into objects: the ports over this workspace and this home folder. */
export function assemblePorts({ root, home }: { readonly root: string; readonly home: string }): Ports {
  const blobs = createBlobs(home);
  const parts: Parts = { root, home, blobs };
  const workspace = createGitWorkspace(root);
  return {
    workspace,
    // Not the plugin's file: the command line's code is bundled, and each would take the other's facts for those of other code.
    facts: createFacts({
      root,
      cacheFile: join(root, '.nx/workspace-data/goldenthread-facts-cli.json'),
      ignore: ignored(workspace.read('nx.json')),
    }),
    tools: createTools(home),
    locks: createLocks(home),
    records: createRecords(home, blobs),
    ...assembleReleases(parts),
    tree: (commit, call) => treeAt(root, commit, call),
    reports: {
      write: (project, file, record) =>
        writeWhole(join(root, '.goldenthread', project, file), `${JSON.stringify(record, null, 2)}\n`),
    },
    now: () => new Date(),
    slowHash,
    hash: (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`,
    builder: (name) => load('builder', BUILDERS, name, parts),
    verifier: (name) => load('verifier', VERIFIERS, name, parts),
    linter: (name) => load('linter', LINTERS, name, parts),
    infra: (name) => load('engine', INFRA, name, parts),
    testers: () => Promise.all(TESTERS.map(async (make) => (await make())(parts))),
    policy: (kind) => load('policy', POLICIES, kind, parts),
    machines: (on, call) => machines(parts, on, call),
    catalogue,
    engines: (call) => engines(parts, call),
  };
}
