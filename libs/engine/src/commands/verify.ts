import {
  canonical,
  fail,
  folder,
  join,
  ok,
  within,
  type Artifact,
  type Check,
  type Evidence,
  type Failure,
  type Graph,
  type Call,
  type HashedFile,
  type ImageTest,
  type ImageVerifier,
  type MachineHost,
  type Ports,
  type Project,
  type Result,
  type Suite,
} from '@goldenthread/core';
import { rolesOf } from '../ingredients.ts';
import { ensureContent, knownArtifact, publishedArtifact } from '../known.ts';
import { projectNamed } from '../load.ts';
import { baseOf, prepare, soughtBy, type BakeOptions } from './bake.ts';

/** How to verify. */
export interface VerifyOptions extends Pick<BakeOptions, 'builder'> {
  /** Leave the machine running and say how to enter it. */
  readonly keep?: boolean;
  /** Run the tests although there is evidence. */
  readonly force?: boolean;
}

/** What became of one verification. */
export interface Verified {
  readonly image: string;
  readonly artifact: Artifact;
  readonly evidence: Evidence;
  readonly state: 'tested' | 'reused';
  readonly seconds: number;
}

/** One run over a graph. */
export interface VerifyJob {
  readonly ports: Ports;
  readonly graph: Graph;
  readonly options: VerifyOptions;
  readonly call: Call;
}

const toCheck = (root: string, test: ImageTest): Check => ({
  verifier: 'testinfra' in test ? 'testinfra' : 'script',
  path: join(root, 'testinfra' in test ? test.testinfra : test.script),
  on: test.on,
  timeout: test.timeout,
});

/** The checks of an image: its own, and those in tests/ of each role it uses. */
export function checksOf(graph: Graph, project: Project, files: readonly string[]): readonly Check[] {
  const own = (project.image?.tests ?? []).map((test) => toCheck(project.root, test));
  const promised = rolesOf(graph, project.name).flatMap((role): readonly Check[] => {
    const folder = `${role.root}/tests`;
    const tested = files.some((file) => within(file, folder) && /\/test_[^/]*\.py$/.test(file));
    return tested ? [{ verifier: 'testinfra', path: folder, on: 'files', timeout: 300 }] : [];
  });
  return [...own, ...promised];
}

/** The artifact of an image as it is declared now; `artifact-missing` where it has not been baked. */
export async function currentArtifact(
  job: VerifyJob,
  project: Project,
  known: typeof knownArtifact = knownArtifact,
): Promise<Result<Artifact>> {
  const source = project.image?.base ?? null;
  let parent: Artifact | null = null;
  if (source && 'image' in source) {
    const below = projectNamed(job.graph, source.image, 'image');
    if (!below.ok) return below;
    const artifact = await currentArtifact(job, below.value, known);
    if (!artifact.ok) return artifact;
    parent = artifact.value;
  }
  const prepared = await prepare(job, project, baseOf(source, parent));
  if (!prepared.ok) return prepared;
  const found = await known(job.ports, soughtBy(prepared.value), job.call);
  if (!found.ok) return found;
  return found.value ? ok(found.value) : fail({ code: 'artifact-missing', image: project.name });
}

/** The ways of running that the checks need, each once. */
const waysOf = (checks: readonly Check[]): readonly ImageTest['on'][] =>
  [...new Set(checks.map((check) => check.on))].sort().reverse();

/** Everything that is ready before the first test runs. */
interface Ready {
  readonly checks: readonly Check[];
  readonly verifiers: ReadonlyMap<string, ImageVerifier>;
  readonly hosts: ReadonlyMap<ImageTest['on'], MachineHost>;
  readonly tools: Readonly<Record<string, string>>;
  /** The fingerprint of the tests. */
  readonly tests: string;
}

async function named<K, T>(
  keys: readonly K[],
  find: (key: K) => Promise<Result<T>>,
): Promise<Result<ReadonlyMap<K, T>>> {
  const found = await Promise.all(keys.map(find));
  const failures: Failure[] = found.flatMap((one) => (one.ok ? [] : one.failures));
  if (failures.length > 0) return fail(...failures);
  return ok(
    new Map(keys.flatMap((key, index) => (found[index]?.ok ? [[key, found[index].value] as const] : []))),
  );
}

/** What a check reads: with a Python file what lies beside it, and Pytest's `conftest.py` in every folder above. */
function testFiles({ verifier, path }: Check): readonly string[] {
  if (verifier !== 'testinfra') return [path];
  const parts = path.split('/');
  const above = parts.map((_, index) => join(...parts.slice(0, index), 'conftest.py'));
  return [path.endsWith('.py') ? folder(path) : path, ...above];
}

/** Finds verifiers, machines and tools, and hashes the tests. */
async function ready({ ports, call }: VerifyJob, checks: readonly Check[]): Promise<Result<Ready>> {
  const verifiers = await named([...new Set(checks.map((check) => check.verifier))], (name) =>
    ports.verifier(name),
  );
  if (!verifiers.ok) return verifiers;
  const hosts = await named(waysOf(checks), (on) => ports.machines(on, call));
  if (!hosts.ok) return hosts;
  const needed = [...verifiers.value.values(), ...hosts.value.values()].flatMap((one) => one.tools);
  const [tools, files] = await Promise.all([
    ports.tools.versions(needed, call),
    ports.workspace.hashes(checks.flatMap(testFiles), call),
  ]);
  if (!tools.ok) return tools;
  if (!files.ok) return files;
  const machines = Object.fromEntries([...hosts.value].map(([on, host]) => [on, host.name]));
  const tests = testsFingerprint(ports, { checks, files: files.value, tools: tools.value, machines });
  return ok({ checks, verifiers: verifiers.value, hosts: hosts.value, tools: tools.value, tests });
}

function testsFingerprint(
  ports: Ports,
  parts: {
    checks: readonly Check[];
    files: readonly HashedFile[];
    tools: Readonly<Record<string, string>>;
    machines: Readonly<Record<string, string>>;
  },
): string {
  const checks = parts.checks.map(({ verifier, path, on }) => ({ verifier, path, on }));
  return ports.hash(
    canonical({ ...parts, checks, files: parts.files.map(({ path, digest }) => [path, digest]) }),
  );
}

/** Runs all checks of one kind of machine on one machine. */
async function runOn(
  job: VerifyJob,
  artifact: Artifact,
  ready: Ready,
  on: ImageTest['on'],
): Promise<Result<readonly Suite[]>> {
  const { call, options } = job;
  const host = ready.hosts.get(on);
  if (!host) throw new Error(`no machine for ${on}`);
  const step = on === 'booted' ? 'boot' : 'start';
  const started = performance.now();
  call.emit({ type: 'step', project: artifact.image, step, state: 'started' });
  const machine = await host.start(artifact, { on, keep: options.keep ?? false }, call);
  const seconds = (performance.now() - started) / 1000;
  call.emit({ type: 'step', project: artifact.image, step, state: machine.ok ? 'done' : 'failed', seconds });
  if (!machine.ok) return machine;
  const suites: Suite[] = [];
  try {
    for (const check of ready.checks.filter((one) => one.on === on)) {
      const suite = await runCheck(job, artifact, ready, { check, machine: machine.value });
      if (!suite.ok) return suite;
      suites.push(suite.value);
    }
    return ok(suites);
  } finally {
    if (options.keep)
      call.emit({ type: 'note', project: artifact.image, text: `kept (${on}): ${machine.value.enter}` });
    else await machine.value.stop();
  }
}

async function runCheck(
  { call }: VerifyJob,
  artifact: Artifact,
  ready: Ready,
  { check, machine }: { check: Check; machine: Parameters<ImageVerifier['verify']>[0] },
): Promise<Result<Suite>> {
  const verifier = ready.verifiers.get(check.verifier);
  if (!verifier) throw new Error(`no verifier ${check.verifier}`);
  const step = `${check.verifier} ${check.path}`;
  call.emit({ type: 'step', project: artifact.image, step, state: 'started' });
  const started = performance.now();
  const suite = await verifier.verify(machine, check, artifact.image, call);
  const failed = !suite.ok || suite.value.cases.some((one) => one.outcome === 'failed');
  const seconds = (performance.now() - started) / 1000;
  call.emit({ type: 'step', project: artifact.image, step, state: failed ? 'failed' : 'done', seconds });
  return suite;
}

/** Evidence that tests failed, or that none ran: kept for the record, and a failure. */
function judge(evidence: Evidence, file: string): Result<Evidence> {
  const cases = evidence.suites.flatMap((suite) => suite.cases);
  const failed = cases.filter((one) => one.outcome === 'failed');
  if (evidence.passed) return ok(evidence);
  if (failed.length === 0)
    return fail({ code: 'tests-missing', image: evidence.image, file, skipped: cases.length });
  const told = failed.map(({ name, message }) => ({ name, message: message ?? 'no message' }));
  return fail({ code: 'tests-failed', image: evidence.image, failed: told, total: cases.length });
}

async function test(job: VerifyJob, artifact: Artifact, prepared: Ready): Promise<Result<Evidence>> {
  const { ports } = job;
  const here = await ensureContent(ports, artifact, job.call);
  if (!here.ok) return here;
  const started = ports.now();
  const suites: Suite[] = [];
  for (const on of waysOf(prepared.checks)) {
    const ran = await runOn(job, artifact, prepared, on);
    if (!ran.ok) return ran;
    suites.push(...ran.value);
  }
  const now = ports.now();
  const cases = suites.flatMap((suite) => suite.cases);
  const evidence: Evidence = {
    schema: 1,
    image: artifact.image,
    artifact: artifact.digest,
    tests: prepared.tests,
    // A run in which everything was skipped has shown nothing.
    passed: cases.some((one) => one.outcome === 'passed') && cases.every((one) => one.outcome !== 'failed'),
    time: now.toISOString(),
    seconds: (now.getTime() - started.getTime()) / 1000,
    tools: { ...prepared.tools },
    suites,
  };
  const stored = await ports.records.prove(evidence);
  return stored.ok ? ok(evidence) : stored;
}

/** Verifies one image: runs its tests on its artifact unless the same tests have passed on the same artifact. */
export async function verify(job: VerifyJob, name: string): Promise<Result<Verified>> {
  const { ports, graph, options, call } = job;
  const started = ports.now().getTime();
  const project = projectNamed(graph, name, 'image');
  if (!project.ok) return project;
  const files = await ports.workspace.files(call);
  if (!files.ok) return files;
  const checks = checksOf(graph, project.value, files.value);
  if (checks.length === 0) return fail({ code: 'tests-missing', image: name, file: project.value.file });
  const artifact = await currentArtifact(job, project.value);
  if (!artifact.ok) return artifact;
  const prepared = await ready(job, checks);
  if (!prepared.ok) return prepared;
  const known = await ports.records.evidence(artifact.value.digest, prepared.value.tests);
  if (!known.ok) return known;
  const answer = (evidence: Evidence, state: Verified['state']): Result<Verified> =>
    ok({
      image: name,
      artifact: artifact.value,
      evidence,
      state,
      seconds: (ports.now().getTime() - started) / 1000,
    });
  if (known.value?.passed && !options.force && !options.keep) return answer(known.value, 'reused');
  const evidence = await test(job, artifact.value, prepared.value);
  const judged = evidence.ok ? judge(evidence.value, project.value.file) : evidence;
  return judged.ok ? answer(judged.value, 'tested') : judged;
}

/** Baked once: where two machines have baked the same, what was published first counts. */
const firstPublished: typeof knownArtifact = async (ports, sought, call) => {
  const published = await publishedArtifact(ports, sought, call);
  return published.ok && published.value === null
    ? ports.records.find(sought.image, sought.fingerprint)
    : published;
};

/** What an image is now, and the evidence that the tests as they are now have passed on it. */
export interface Proven {
  readonly artifact: Artifact;
  /** All evidence for the artifact. */
  readonly evidence: readonly Evidence[];
}

/** The artifact of an image as it is declared now with its evidence; runs nothing. `evidence-missing` where the tests of now have not passed. */
export async function proven(
  { ports, graph, call, builder }: Omit<VerifyJob, 'options'> & Pick<VerifyOptions, 'builder'>,
  project: Project,
): Promise<Result<Proven>> {
  const job: VerifyJob = { ports, graph, call, options: builder === undefined ? {} : { builder } };
  const files = await ports.workspace.files(call);
  if (!files.ok) return files;
  const checks = checksOf(graph, project, files.value);
  if (checks.length === 0) return fail({ code: 'tests-missing', image: project.name, file: project.file });
  const artifact = await currentArtifact(job, project, firstPublished);
  if (!artifact.ok) return artifact;
  const prepared = await ready(job, checks);
  if (!prepared.ok) return prepared;
  const [known, all] = await Promise.all([
    ports.records.evidence(artifact.value.digest, prepared.value.tests),
    ports.records.evidenceOf(artifact.value.digest),
  ]);
  if (!known.ok) return known;
  if (!all.ok) return all;
  if (known.value?.passed) return ok({ artifact: artifact.value, evidence: all.value });
  const why = known.value
    ? 'its tests failed'
    : 'its tests as they are now, or with the tools as they are now, have not run on it';
  return fail({ code: 'evidence-missing', image: project.name, artifact: artifact.value.digest, why });
}
