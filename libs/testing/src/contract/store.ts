import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  Access,
  Account,
  Artifact,
  Call,
  Evidence,
  ImageStore,
  Release,
  Result,
} from '@goldenthread/core';
import { sha256 } from '../memory-sources.ts';

/** A store to be held against the contract, with what it can take. */
export interface StoreUnderTest {
  readonly store: ImageStore;
  /** Makes an artifact of the image `name` that the store can take; each call other content and another fingerprint. */
  artifact(name: string): Promise<Artifact>;
  /** Two accounts that it can share with; nobody has shared anything with them. */
  readonly accounts: readonly [Account, Account];
  dispose(): Promise<void>;
}

/** Evidence that an artifact passed its tests, or not. */
export const evidenceFor = (artifact: Artifact, passed = true): Evidence => ({
  schema: 1,
  image: artifact.image,
  artifact: artifact.digest,
  tests: sha256(`tests of ${artifact.image}`),
  passed,
  time: '2026-01-01T00:00:00Z',
  seconds: 1,
  tools: {},
  suites: [
    {
      name: 'script check.sh',
      verifier: 'script',
      on: 'files',
      seconds: 1,
      cases: [{ name: 'works', outcome: passed ? 'passed' : 'failed', seconds: 1 }],
    },
  ],
});

const call: Call = { signal: new AbortController().signal, emit: () => undefined };

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
}

const codes = (result: Result<unknown>): readonly string[] =>
  result.ok ? [] : result.failures.map(({ code }) => code);

const PATIENCE_MS = 30_000;

/** What the account has, once nothing is on its way any more. */
async function settled(store: ImageStore, release: Release, account: Account): Promise<Access['state']> {
  for (const end = Date.now() + PATIENCE_MS; ;) {
    const access = value(await store.access(release, [account], call));
    const state = access.find((one) => one.account.name === account.name)?.state ?? 'missing';
    if (state !== 'pending' || Date.now() > end) return state;
    await pause(20);
  }
}

/** The store of a suite, which is there once its first test runs. */
type Subject = () => StoreUnderTest;

async function put(subject: Subject, image: string): Promise<Artifact> {
  const { store, artifact: make } = subject();
  const artifact = await make(image);
  value(await store.put(artifact, [evidenceFor(artifact)], call));
  return artifact;
}

/** What every store promises, whatever stands behind it. */
export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the contract of a store`, { timeout: 60_000 }, () => {
    let world: StoreUnderTest;
    beforeAll(async () => {
      world = await make();
    }, 60_000);
    afterAll(() => world.dispose());
    keeping(() => world);
    sharing(() => world);
    ending(() => world);
  });
}

/** What is put, found and labelled. */
function keeping(subject: Subject): void {
  it('finds what was put, by fingerprint, and nothing else', async () => {
    const world = subject();
    const { store } = world;
    const artifact = await world.artifact('found');
    expect(value(await store.find('found', artifact.fingerprint, call))).toBeNull();
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    expect(value(await store.find('found', artifact.fingerprint, call))).toBe(artifact.digest);
    expect(value(await store.find('found', sha256('another'), call))).toBeNull();
    expect(value(await store.find('never', artifact.fingerprint, call))).toBeNull();
  });

  it('moves nothing when the same is put again', async () => {
    const { store } = subject();
    const artifact = await put(subject, 'again');
    const moved = value(await store.put(artifact, [evidenceFor(artifact)], call));
    expect(moved).toMatchObject({ sent: 0, bytes: 0 });
  });

  it('refuses an artifact without evidence, with that of another, and with tests that failed', async () => {
    const world = subject();
    const { store } = world;
    const [artifact, other] = [await world.artifact('proof'), await world.artifact('proof')];
    for (const evidence of [[], [evidenceFor(other)], [evidenceFor(artifact, false)]])
      expect(codes(await store.put(artifact, evidence, call))).toEqual(['evidence-missing']);
    expect(value(await store.find('proof', artifact.fingerprint, call))).toBeNull();
  });

  it('gives a version to one artifact for ever', async () => {
    const { store } = subject();
    const [first, second] = [await put(subject, 'label'), await put(subject, 'label')];
    expect(value(await store.labelled('label', '1.0.0', call))).toBeNull();
    value(await store.label({ artifact: first, version: '1.0.0' }, call));
    value(await store.label({ artifact: first, version: '1.0.0' }, call));
    expect(value(await store.labelled('label', '1.0.0', call))).toBe(first.digest);
    expect(codes(await store.label({ artifact: second, version: '1.0.0' }, call))).toEqual(['version-taken']);
    expect(value(await store.labelled('label', '1.0.0', call))).toBe(first.digest);
    value(await store.label({ artifact: second, version: '1.0.1' }, call));
    expect(value(await store.labelled('label', '1.0.1', call))).toBe(second.digest);
  });
}

/** Who has access. */
function sharing(subject: Subject): void {
  it('shares with one account and not with another, and moves nothing the second time', async () => {
    const world = subject();
    const { store } = world;
    const [one, two] = world.accounts;
    const release = { artifact: await put(subject, 'share'), version: '2.0.0' };
    value(await store.label(release, call));
    expect(await settled(store, release, one)).toBe('missing');
    value(await store.share(release, one, call));
    expect(await settled(store, release, one)).toBe('ready');
    expect(await settled(store, release, two)).toBe('missing');
    expect(value(await store.share(release, one, call))).toMatchObject({ sent: 0, bytes: 0 });
    expect(await settled(store, release, one)).toBe('ready');
  });

  it('takes a share back, and leaves the others', async () => {
    const world = subject();
    const { store } = world;
    const [one, two] = world.accounts;
    const release = { artifact: await put(subject, 'unshare'), version: '3.0.0' };
    value(await store.label(release, call));
    for (const account of world.accounts) value(await store.share(release, account, call));
    expect(await settled(store, release, two)).toBe('ready');
    value(await store.unshare(release, two, call));
    expect(await settled(store, release, two)).toBe('missing');
    value(await store.unshare(release, two, call));
    expect(await settled(store, release, one)).toBe('ready');
  });
}

/** How it ends. */
function ending(subject: Subject): void {
  it('marks a release as revoked, once or twice', async () => {
    const { store } = subject();
    const release = { artifact: await put(subject, 'revoke'), version: '4.0.0' };
    value(await store.label(release, call));
    value(await store.revoke(release, 'a hole in its openssl', call));
    value(await store.revoke(release, 'a hole in its openssl', call));
    expect(value(await store.labelled('revoke', '4.0.0', call))).toBe(release.artifact.digest);
  });

  it('removes an artifact, once or twice', async () => {
    const { store } = subject();
    const artifact = await put(subject, 'remove');
    value(await store.remove(artifact, call));
    expect(value(await store.find('remove', artifact.fingerprint, call))).toBeNull();
    value(await store.remove(artifact, call));
  });

  it('stops when it is told to', async () => {
    const world = subject();
    const { store } = world;
    const artifact = await world.artifact('stop');
    const stopped: Call = { ...call, signal: AbortSignal.abort() };
    expect(codes(await store.put(artifact, [evidenceFor(artifact)], stopped))).toEqual(['cancelled']);
    expect(value(await store.find('stop', artifact.fingerprint, call))).toBeNull();
  });
}
