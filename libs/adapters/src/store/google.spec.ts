import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cloudArtifact,
  evidenceFor,
  googleError,
  startGoogle,
  storeContract,
  type FakeGoogle,
} from '@goldenthread/testing';
import type { Account, Artifact, Call, ImageStore, Release, Result } from '@goldenthread/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGoogleStore } from './google.ts';

const seen = (what: () => boolean): Promise<unknown> => vi.waitUntil(what, { timeout: 30_000 });

const storeOf = ({ endpoint }: Pick<FakeGoogle, 'endpoint'>): ImageStore =>
  createGoogleStore({ endpoint, retry: 1, pace: { interval: 5, patience: 20 } });

/** A service, and its project and credentials where the chain of the SDK looks for them. */
async function start(): Promise<FakeGoogle> {
  const google = await startGoogle();
  const folder = await mkdtemp(join(tmpdir(), 'gt-google-'));
  const file = join(folder, 'credentials.json');
  await writeFile(file, JSON.stringify(google.credentials));
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', file);
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', google.project);
  const { stop } = google;
  google.stop = async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
    await stop();
  };
  return google;
}

const account = (member: string): Account => ({
  kind: 'google',
  name: member.split(':')[1] ?? member,
  member,
});
const ONE = account('group:one@example.com');
const TWO = account('serviceAccount:two@example.com');

storeContract('Google', async () => {
  const google = await start();
  return {
    store: storeOf(google),
    artifact: async (name) => cloudArtifact(name, [{ builder: 'googlecompute', id: google.bake() }]),
    accounts: [ONE, TWO],
    dispose: google.stop,
  };
});

describe('the Google store', () => {
  let google: FakeGoogle;
  let store: ImageStore;
  let call: Call;
  beforeEach(async () => {
    google = await start();
    store = storeOf(google);
    call = { signal: new AbortController().signal, emit: () => undefined };
  });
  afterEach(() => google.stop());

  const value = <T>(result: Result<T>): T => {
    if (!result.ok) throw new Error(JSON.stringify(result.failures));
    return result.value;
  };
  const bake = (image = 'edge'): Artifact =>
    cloudArtifact(image, [{ builder: 'googlecompute', id: google.bake() }]);
  const released = async (): Promise<Release> => {
    const artifact = bake();
    const release = { artifact, version: '1.4.1' };
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    value(await store.label(release, call));
    return release;
  };
  const imageOf = ({ external }: Artifact) => {
    const image = google.world.images.get(external[0]?.id.split('/').at(-1) ?? '');
    if (!image) throw new Error('it is gone');
    return image;
  };
  const count = (what: string): number => google.asked.filter((asked) => asked === what).length;
  const USER = 'roles/compute.imageUser';

  it('writes hashes whole, in the small alphabet of labels', async () => {
    const { artifact } = await released();
    const hex = artifact.fingerprint.slice('sha256:'.length);
    expect(imageOf(artifact).labels).toMatchObject({
      'goldenthread-image': 'edge',
      'goldenthread-fingerprint-1': hex.slice(0, 32),
      'goldenthread-fingerprint-2': hex.slice(32),
      'goldenthread-version': '1_4_1',
      'goldenthread-commit': artifact.commit?.sha,
    });
    value(await store.label({ artifact, version: '2.0.0' }, call));
    for (const version of ['1.4.1', '2.0.0'])
      expect(value(await store.labelled('edge', version, call))).toBe(artifact.digest);
  });

  it.each(['a.b', 'a_b', 'a__b', 'a-b', 'a_-b'])(
    'tells the image %s from those that are called alike',
    async (name) => {
      const [artifact, others] = [
        bake(name),
        ['a.b', 'a_b', 'a__b', 'a-b', 'a_-b'].filter((one) => one !== name),
      ];
      value(await store.put(artifact, [evidenceFor(artifact)], call));
      expect(value(await store.find(name, artifact.fingerprint, call))).toBe(artifact.digest);
      for (const other of others)
        expect(value(await store.find(other, artifact.fingerprint, call))).toBeNull();
    },
  );

  it('takes an image whose name says the project, and finds it page by page', async () => {
    google.world.page = 1;
    const artifacts = [bake(), bake()].map((one) => ({
      ...one,
      external: one.external.map(({ builder, id }) => ({
        builder,
        id: `projects/${google.project}/global/images/${id}`,
      })),
    }));
    for (const one of artifacts) value(await store.put(one, [evidenceFor(one)], call));
    for (const one of artifacts)
      expect(value(await store.find('edge', one.fingerprint, call))).toBe(one.digest);
  });

  it('keeps what others wrote into labels and policy, at the same time as well', async () => {
    const release = await released();
    const image = imageOf(release.artifact);
    const condition = {
      title: 'for a while',
      expression: 'request.time < timestamp("2030-01-01T00:00:00Z")',
    };
    const theirs = [
      { role: 'roles/compute.admin', members: ['user:admin@example.com'] },
      { role: USER, members: ['user:guest@example.com'], condition },
    ];
    image.policy = { etag: 'other', bindings: theirs };
    let left = 2;
    google.interfere = (what) => {
      if (what === 'POST setLabels' && left > 0) {
        image.labels = { ...image.labels, theirs: 'too' };
        image.labelFingerprint = `other-${left--}`;
      }
      if (what === 'POST setIamPolicy' && left === 0)
        image.policy = { ...image.policy, etag: `other-${left--}` };
      return null;
    };
    value(await store.label({ ...release, version: '1.4.2' }, call));
    expect(image.labels).toMatchObject({ theirs: 'too', 'goldenthread-version': '1_4_1-1_4_2' });
    expect(count('POST setLabels')).toBeGreaterThan(3);
    value(await store.share(release, ONE, call));
    expect(image.policy.bindings).toHaveLength(3);
    expect(image.policy.bindings).toMatchObject([
      ...theirs,
      { role: USER, members: ['group:one@example.com'] },
    ]);
    expect(count('POST setIamPolicy')).toBe(2);
    value(await store.unshare(release, ONE, call));
    expect(image.policy.bindings).toMatchObject(theirs);
  });

  it('shows who else may use it, and takes that away', async () => {
    const release = await released();
    value(await store.share(release, ONE, call));
    value(await store.share(release, account('domain:example.com'), call));
    const access = value(await store.access(release, [ONE, TWO], call));
    expect(access.map((one) => [one.account.name, one.state])).toEqual([
      ['one@example.com', 'ready'],
      ['two@example.com', 'missing'],
      ['domain:example.com', 'ready'],
    ]);
    const stranger = access.at(-1);
    if (stranger) value(await store.unshare(release, stranger.account, call));
    expect(value(await store.access(release, [ONE], call))).toHaveLength(1);
  });

  it('touches nothing that it has not taken', async () => {
    const artifact = bake();
    const foreign = cloudArtifact('edge', artifact.external);
    value(await store.put(foreign, [evidenceFor(foreign)], call));
    const before = JSON.stringify(imageOf(artifact));
    for (const result of [
      await store.put(artifact, [evidenceFor(artifact)], call),
      await store.label({ artifact, version: '1.0.0' }, call),
      await store.share({ artifact, version: '1.0.0' }, ONE, call),
      await store.share({ artifact, version: '1.0.0' }, { kind: 'directory', name: 'd', path: 'd' }, call),
    ])
      expect(result).toMatchObject({ ok: false, failures: [{ code: 'account-unfit' }] });
    value(await store.revoke({ artifact, version: '1.0.0' }, 'no reason', call));
    value(await store.remove(artifact, call));
    expect(JSON.stringify(imageOf(artifact))).toBe(before);
  });

  it('deprecates what is revoked, once', async () => {
    const release = await released();
    value(await store.revoke(release, 'a hole', call));
    value(await store.revoke(release, 'a hole', call));
    expect(imageOf(release.artifact).deprecated).toMatchObject({ state: 'DEPRECATED' });
    expect(count('POST deprecate')).toBe(1);
  });

  it('tries again when it asks too fast, and not for ever', async () => {
    let left = 3;
    google.interfere = (what) =>
      what === 'GET images' && left-- > 0
        ? googleError(429, 'rateLimitExceeded', 'Rate limit exceeded')
        : null;
    value(await store.find('edge', 'sha256:none', call));
    google.interfere = (what) => (what === 'GET images' ? googleError(503, 'backendError', 'Not now') : null);
    expect(await store.find('edge', 'sha256:none', call)).toMatchObject({
      failures: [{ code: 'store-refused', status: 503, detail: 'backendError: Not now' }],
    });
  });

  it('says in the words of Google what it refuses', async () => {
    const release = await released();
    expect(await store.share(release, account('user:'), call)).toMatchObject({
      failures: [{ code: 'store-refused', status: 400, detail: 'invalid: Invalid member user:' }],
    });
    expect(await store.label({ ...release, version: `1.0.0-${'x'.repeat(70)}` }, call)).toMatchObject({
      failures: [{ code: 'account-unfit' }],
    });
  });

  it('says who is refused, and who does not answer', async () => {
    const find = (endpoint: string): Promise<Result<string | null>> =>
      storeOf({ endpoint }).find('edge', 'sha256:none', call);
    expect(await find('http://127.0.0.1:1')).toMatchObject({
      failures: [{ code: 'unreachable' }],
    });
    google.interfere = (what) => (what === 'GET subject' ? { status: 200, body: 'somebody else' } : null);
    expect(await find(google.endpoint)).toMatchObject({ failures: [{ code: 'not-permitted' }] });
    google.interfere = (what) => (what === 'GET images' ? googleError(403, 'forbidden', 'Not you') : null);
    const refused = await find(google.endpoint);
    expect(refused).toMatchObject({
      failures: [{ code: 'not-permitted', hint: expect.stringContaining('Not you') }],
    });
    expect(JSON.stringify(refused)).not.toContain('token-of-the-spec');
  });

  it.each([
    ['a page', { status: 200, body: '<html><body>Welcome</body></html>' }],
    ['nothing', { status: 200, body: '' }],
    ['an empty object', { status: 200, body: '{}' }],
    ['another object', { status: 200, body: '{"hello":"world"}' }],
    ['a page of an error', { status: 418, body: '<html>' }],
  ])('takes %s for no answer', async (_, answer) => {
    google.interfere = (what) => (what === 'GET images' ? answer : null);
    const artifact = bake();
    for (const result of [
      await store.find('edge', 'sha256:none', call),
      await store.put(artifact, [evidenceFor(artifact)], call),
    ])
      expect(result).toMatchObject({
        ok: false,
        failures: [{ code: 'store-refused', store: 'Google Cloud' }],
      });
  });

  it.each(['GET subject', 'GET images'])(
    'stops at once when it is told to, while it waits for %s',
    async (what) => {
      const stop = new AbortController();
      google.interfere = (asked) => (asked === what ? 'never' : null);
      const asked = store.find('edge', 'sha256:none', { ...call, signal: stop.signal });
      await seen(() => google.asked.includes(what));
      stop.abort();
      expect(await asked).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
      if (what === 'GET images') await seen(() => google.waiting() === 0);
    },
  );

  it.each(['GET images', 'GET subject'])('says so where the connection of %s breaks off', async (what) => {
    google.interfere = (asked) => (asked === what ? 'cut' : null);
    expect(await store.find('edge', 'sha256:none', call)).toMatchObject({
      failures: [{ code: 'unreachable' }],
    });
  });

  it('gives up where no answer comes', async () => {
    google.interfere = (what) => (what === 'GET images' ? 'never' : null);
    const impatient = createGoogleStore({ endpoint: google.endpoint, timeout: 0.1 });
    expect(await impatient.find('edge', 'sha256:none', call)).toMatchObject({
      failures: [{ code: 'timeout', seconds: 0.1 }],
    });
    await seen(() => google.waiting() === 0);
  });

  it('stops while an operation goes on', async () => {
    const release = await released();
    google.world.looks = 1_000_000;
    const stop = new AbortController();
    const call: Call = { signal: stop.signal, emit: () => stop.abort() };
    expect(await store.revoke(release, 'a hole', call)).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
    await seen(() => google.waiting() === 0);
  });
});
