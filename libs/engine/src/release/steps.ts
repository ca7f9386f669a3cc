import {
  addMoved,
  ATTACHMENTS,
  evidenceStatement,
  fail,
  ok,
  PREDICATES,
  provenance,
  sbomStatement,
  UNMOVED,
  versionName,
  type Failure,
  type ImageStore,
  type Json,
  type Moved,
  type PredicateType,
  type Result,
} from '@goldenthread/core';
import { moveDefault, stepWords, type ReleaseStep } from '@goldenthread/core/release';
import { ensureUnsigned } from '../known.ts';
import type { ReleaseCase } from './observe.ts';
import { packagesOf } from './packages.ts';
import { changeState } from './state.ts';
import { signedAbout } from './trust.ts';

/** Signs how it was made, what it consists of and what was tested, each unless it is signed already, and keeps that beside it. */
async function attest(one: ReleaseCase): Promise<Result<Moved>> {
  const { ports, record, declaration, artifact, evidence, attester, store, call } = one;
  const parts = await packagesOf(ports, store, artifact, call);
  if (!parts.ok) return parts;
  const signed = await signedAbout(attester, store, artifact, call);
  if (!signed.ok) return signed;
  const run = await ports.run(call);
  if (!run.ok) return run;
  const newest = evidence.findLast((some) => some.artifact === artifact.digest && some.passed);
  const statements: readonly (readonly [PredicateType, Json])[] = [
    [PREDICATES.provenance, provenance({ artifact, version: record.version, declaration, run: run.value })],
    [PREDICATES.sbom, sbomStatement(artifact, parts.value)],
    ...(newest ? [[PREDICATES.evidence, evidenceStatement(artifact, newest)] as const] : []),
  ];
  for (const [type, statement] of statements) {
    if (signed.value.trusted.some(({ predicateType }) => predicateType === type)) continue;
    const bundle = await attester.sign(statement, call);
    if (!bundle.ok) return bundle;
    const kept = await store.attach(artifact, { type: ATTACHMENTS.attestation, text: bundle.value }, call);
    if (!kept.ok) return kept;
  }
  return ok(UNMOVED);
}

function storeNamed({ homes }: ReleaseCase, name: string): ImageStore {
  const store = homes.find((one) => one.name === name);
  if (!store) throw new Error(`no store ${name}`);
  return store;
}

/** The outcome of a step that moves no content. */
async function unmoved(work: Promise<Result<void>>): Promise<Result<Moved>> {
  const result = await work;
  return result.ok ? ok(UNMOVED) : result;
}

/** Puts an artifact where it is not yet: its content has to be here for that. */
async function put(one: ReleaseCase, store: ImageStore): Promise<Result<Moved>> {
  const here = await ensureUnsigned(one.ports, one.artifact, one.call);
  return here.ok ? store.put(one.artifact, one.evidence, one.call) : here;
}

async function setDefault({ ports, record, wanted, call }: ReleaseCase): Promise<Result<void>> {
  const run = await ports.run(call);
  if (!run.ok) return run;
  const time = ports.now().toISOString();
  const shared = wanted.map(({ name }) => name);
  return changeState(ports, call, (state) =>
    moveDefault(state, record, { by: run.value.by, run: run.value.id, time, shared }, ports.hash),
  );
}

function carryOut(one: ReleaseCase, step: ReleaseStep): Promise<Result<Moved>> {
  const { ports, record, artifact, call } = one;
  const release = { artifact, version: record.version };
  const message = `${versionName(record)}: ${record.reason}\n\nDigest: ${record.digest}`;
  switch (step.do) {
    case 'put':
      return put(one, storeNamed(one, step.store));
    case 'attest':
      return attest(one);
    case 'tag':
      return unmoved(
        ports.history.setTag({ name: versionName(record), commit: record.commit, message }, call),
      );
    case 'label':
      return unmoved(storeNamed(one, step.store).label(release, call));
    case 'share':
      return storeNamed(one, step.store).share(release, step.account, call);
    case 'unshare':
      return unmoved(storeNamed(one, step.store).unshare(release, step.account, call));
    case 'default':
      return unmoved(setDefault(one));
  }
}

/** Carries one step out, and says so. */
async function told(one: ReleaseCase, step: ReleaseStep): Promise<Result<Moved>> {
  const { call, record } = one;
  const [project, name] = [record.image, stepWords(step)];
  const started = performance.now();
  call.emit({ type: 'step', project, step: name, state: 'started' });
  const result = await carryOut(one, step);
  const seconds = (performance.now() - started) / 1000;
  call.emit({ type: 'step', project, step: name, state: result.ok ? 'done' : 'failed', seconds });
  return result;
}

/** Carries steps out: shares side by side, as each account waits for itself alone; all else in order, up to the first failure. */
export async function runSteps(one: ReleaseCase, steps: readonly ReleaseStep[]): Promise<Result<Moved>> {
  let moved = UNMOVED;
  const shares = steps.filter(({ do: what }) => what === 'share');
  for (const step of steps.filter(({ do: what }) => what !== 'share')) {
    const result = await told(one, step);
    if (!result.ok) return result;
    moved = addMoved(moved, result.value);
  }
  const failures: Failure[] = [];
  for (const result of await Promise.all(shares.map((step) => told(one, step)))) {
    if (result.ok) moved = addMoved(moved, result.value);
    else failures.push(...result.failures);
  }
  return failures.length > 0 ? fail(...failures) : ok(moved);
}
