import {
  canonical,
  DEFAULT_SETTINGS,
  fail,
  join,
  ok,
  toolMissing,
  within,
  type BakeOrder,
  type Call,
  type Event,
  type Finding,
  type ImageBuilder,
  type ImageVerifier,
  type Json,
  type Linter,
  type MachineHost,
  type Ports,
  type Result,
  type Settings,
} from '@goldenthread/core';
import { fakeVerifier } from './contract/verifier.ts';
import { memoryEngine, memoryInfra, type MemoryInfra } from './memory-infra.ts';
import { memoryPolicy, memoryTester } from './memory-judges.ts';
import { commitOf, memoryFacts, memoryWorkspace, sha256, type MemoryFiles } from './memory-sources.ts';
import {
  memoryAttester,
  memoryHistory,
  memoryLedger,
  memoryReleases,
  memoryStore,
  type MemoryReleases,
} from './memory-release.ts';
import { memoryLocks, memoryRecords, memoryTool, memoryTools, type MemoryRecords } from './memory-tools.ts';

/** A world for commands that is all in memory: what they may touch, what they did, and what steers them. */
export interface MemoryWorld extends MemoryRecords {
  readonly ports: Ports;
  readonly files: MemoryFiles;
  /** Versions of tools by name, 1.0 where none is said; null for one that is missing. */
  readonly tools: Map<string, string | null>;
  /** Orders that reached a builder. */
  readonly built: BakeOrder[];
  /** Digests of all content that was built. */
  readonly contents: Set<string>;
  /** Paths of tests that ran. */
  readonly tested: string[];
  readonly events: Event[];
  /** What is kept beyond this machine. */
  readonly releases: MemoryReleases;
  /** What the engines of infrastructure manage, all of them in memory. */
  readonly infra: MemoryInfra;
  /** Trees of older commits, by commit. */
  readonly trees: Map<string, MemoryFiles>;
  settings: Settings;
  /** Names of machines that were started and not stopped. */
  readonly running: Set<string>;
  /** Records that were left for CI, by path. */
  readonly reports: Map<string, object>;
  /** What becomes of an order: equal content, equal digest. It may wait, and it may fail. */
  content: (order: BakeOrder, call: Call) => Promise<Result<Json>>;
  /** A call that records its events here. */
  call(signal?: AbortSignal): Call;
  /** Takes the files as they are for committed. */
  commit(): void;
}

/** What an order becomes if nobody steers it: another content for another base or another step. */
const plainContent: MemoryWorld['content'] = async ({ base, steps }) =>
  ok([
    base.kind === 'artifact' ? base.artifact.digest : canonical(base as unknown as Json),
    ...steps.map((step) => step.fingerprint),
  ]);

function builder(name: string, world: MemoryWorld): ImageBuilder {
  const tool = memoryTool(name === 'packer' ? 'packer' : 'ansible-playbook');
  return {
    name,
    variant: async () => ok('memory'),
    tools: () => [tool],
    async build(order, call) {
      world.built.push(order);
      if (call.signal.aborted) return fail({ code: 'cancelled' });
      if (world.tools.get(tool.name) === null) return fail(toolMissing(tool));
      const content = await world.content(order, call);
      if (call.signal.aborted) return fail({ code: 'cancelled' });
      if (!content.ok) return content;
      const base = order.base.kind === 'artifact' ? { digest: order.base.artifact.digest } : null;
      const layers = order.steps.map(({ name: step, fingerprint }) => ({
        digest: sha256(fingerprint),
        size: 1,
        step,
      }));
      const digest = sha256(canonical(content.value));
      for (const one of [digest, ...layers.map((layer) => layer.digest)]) world.contents.add(one);
      return ok({
        digest,
        size: 1,
        base,
        backend: 'memory',
        layers,
        external: [],
      });
    },
  };
}

/** Verifiers read files of lines such as `pass starts` and `fail answers: got 502`; a folder is all its files. */
function verifier(name: string, world: MemoryWorld): ImageVerifier {
  const read = (path: string): string =>
    [...world.files].flatMap(([file, text]) => (within(file, path) ? [text] : [])).join('\n');
  const fake = fakeVerifier(read);
  return {
    ...fake,
    name,
    tools: [memoryTool(name)],
    verify: (machine, check, image, call) => {
      world.tested.push(check.path);
      return fake.verify(machine, check, image, call);
    },
  };
}

function host(world: MemoryWorld): MachineHost {
  return {
    name: 'memory',
    tools: [],
    supported: async () => ok(undefined),
    async start(artifact, { on }) {
      const container = `${artifact.image}-${on}`;
      world.running.add(container);
      return ok({
        connection: { kind: 'docker', container },
        beside: [],
        inside: [],
        enter: `enter ${container}`,
        stop: async () => void world.running.delete(container),
      });
    },
  };
}

/** Linters find lines such as `# yamllint: error what is wrong` in what they are told to read. */
function linter(name: string, world: MemoryWorld): Linter {
  return {
    name,
    tools: [memoryTool(name)],
    optional: name !== 'ansible' && name !== 'packer',
    async lint({ files, roles, rolePaths }) {
      const read = [...files, ...roles.flatMap((role) => rolePaths.map((path) => join(path, role)))];
      const found = [...world.files].filter(([file]) => read.some((path) => within(file, path)));
      const findings = found.flatMap(([file, text]) =>
        text.split('\n').flatMap((line, index): Finding[] => {
          const [, by, level, message = ''] = /# ([\w-]+): (error|warning) (.*)/.exec(line) ?? [];
          if (by !== name) return [];
          return [
            {
              file,
              line: index + 1,
              column: 1,
              message,
              rule: `${name} rule`,
              level: level === 'error' ? 'error' : 'warning',
            },
          ];
        }),
      );
      return ok(findings);
    },
  };
}

function portsOf(world: MemoryWorld, slots: number, committed: () => ReadonlyMap<string, string>): Ports {
  let seconds = 0;
  return {
    workspace: memoryWorkspace(world.files, committed),
    facts: memoryFacts(world.files),
    tools: memoryTools(world.tools),
    locks: memoryLocks(slots),
    records: memoryRecords(world),
    history: memoryHistory(world.releases),
    async tree(commit) {
      const files = world.trees.get(commit);
      if (!files)
        return fail({ code: 'usage', detail: `there is no commit ${commit}`, hint: 'Name another.' });
      const workspace = { ...memoryWorkspace(files, () => files), root: commit };
      return ok({ workspace, facts: memoryFacts(files), dispose: async () => undefined });
    },
    settings: async () => ok(world.settings),
    store: async () => ok(memoryStore(world.releases)),
    homes: async () => ok([memoryStore(world.releases)]),
    ledger: async () => ok(memoryLedger(world.releases)),
    attester: async () => ok(memoryAttester(world.releases)),
    sbom: async ({ image }) =>
      ok(canonical({ bomFormat: 'CycloneDX', metadata: { component: { name: image } } })),
    sweep: async () => ok({ records: 0, blobs: 0, others: 0, bytes: 0 }),
    run: async () => ok({ by: 'Memory <memory@localhost>', id: 'a run in memory' }),
    reports: {
      write: async (project, file, record) => ok(void world.reports.set(`${project}/${file}`, record)),
    },
    // Each look at the clock is a second later, so that times are told apart and no spec waits.
    now: () => new Date(Date.UTC(2026, 0, 1) + 1000 * seconds++),
    hash: sha256,
    builder: async (name) => ok(builder(name, world)),
    verifier: async (name) => ok(verifier(name, world)),
    linter: async (name) => ok(linter(name, world)),
    infra: async (name) => ok(memoryEngine(world.infra, name)),
    testers: async () => [memoryTester(world.files)],
    policy: async (kind) => ok(memoryPolicy(kind, world.files)),
    slowHash: sha256,
    machines: async () => ok(host(world)),
    catalogue: async () => [],
    engines: async () => [],
  };
}

/** Makes a world of these files, which count as committed. `slots` bakes run at once. */
export function memoryWorld(given: Readonly<Record<string, string>>, slots = 2): MemoryWorld {
  const files: MemoryFiles = new Map(Object.entries(given));
  let committed = new Map(files);
  const trees = new Map<string, MemoryFiles>([[commitOf(committed), committed]]);
  const world: Omit<MemoryWorld, 'ports'> = {
    files,
    trees,
    infra: memoryInfra((root, path) => (trees.get(root) ?? files).get(path) ?? null),
    tools: new Map(),
    built: [],
    contents: new Set(),
    tested: [],
    events: [],
    releases: memoryReleases(),
    settings: DEFAULT_SETTINGS,
    running: new Set(),
    reports: new Map(),
    artifacts: [],
    evidence: [],
    content: plainContent,
    call: (signal = new AbortController().signal) => ({
      signal,
      emit: (event) => void world.events.push(event),
    }),
    commit: () => {
      committed = new Map(files);
      trees.set(commitOf(committed), committed);
    },
  };
  const whole = world as MemoryWorld;
  return Object.assign(whole, { ports: portsOf(whole, slots, () => committed) });
}
