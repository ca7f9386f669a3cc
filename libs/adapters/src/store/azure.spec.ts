import {
  azureError,
  cloudArtifact,
  evidenceFor,
  missingTools,
  startAzure,
  storeContract,
  type FakeAzure,
} from '@goldenthread/testing';
import type { Account, Artifact, Call, Event, ImageStore, Release, Result } from '@goldenthread/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAzureStore } from './azure.ts';

const missing = missingTools('openssl');
const seen = (what: () => boolean): Promise<unknown> => vi.waitUntil(what, { timeout: 30_000 });

const storeOf = (azure: FakeAzure, more: Partial<Parameters<typeof createAzureStore>[0]> = {}): ImageStore =>
  createAzureStore({
    endpoint: azure.endpoint,
    ca: azure.ca,
    credential: azure.credential,
    subscription: azure.subscription,
    retry: 1,
    pace: { interval: 5, patience: 20 },
    ...more,
  });

const account = (
  azure: FakeAzure,
  gallery: string,
  regions: readonly string[] = ['West Europe'],
): Account => ({
  kind: 'azure',
  name: gallery,
  subscription: azure.subscription,
  resourceGroup: 'teams',
  gallery,
  regions,
});

if (missing.length === 0)
  storeContract('Azure', async () => {
    const azure = await startAzure();
    azure.gallery('teams', 'one');
    azure.gallery('teams', 'two');
    return {
      store: storeOf(azure),
      artifact: async (name) => cloudArtifact(name, [{ builder: 'azure-arm', id: azure.bake() }]),
      accounts: [account(azure, 'one', ['westeurope', 'northeurope']), account(azure, 'two')],
      dispose: azure.stop,
    };
  });

describe.skipIf(missing.length > 0)('the Azure store', () => {
  let azure: FakeAzure;
  let store: ImageStore;
  let events: Event[];
  let call: Call;
  let one: Account;
  beforeEach(async () => {
    azure = await startAzure();
    azure.gallery('teams', 'one');
    azure.gallery('teams', 'two');
    one = account(azure, 'one');
    store = storeOf(azure);
    events = [];
    call = { signal: new AbortController().signal, emit: (event) => events.push(event) };
  });
  afterEach(() => azure.stop());

  const value = <T>(result: Result<T>): T => {
    if (!result.ok) throw new Error(JSON.stringify(result.failures));
    return result.value;
  };
  const bake = (): Artifact => cloudArtifact('edge', [{ builder: 'azure-arm', id: azure.bake() }]);
  const released = async (): Promise<Release> => {
    const artifact = bake();
    const release = { artifact, version: '1.4.1' };
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    value(await store.label(release, call));
    return release;
  };
  const resource = (part: string) => {
    const found = [...azure.world.resources.values()].find(({ id }) => id.endsWith(part));
    if (!found) throw new Error(`there is no ${part}`);
    return found;
  };
  const sourceOf = ({ artifact }: Release) => resource(artifact.external[0]?.id ?? '');
  const count = (what: RegExp): number => azure.asked.filter((asked) => what.test(asked)).length;

  it('makes the definition like its source, and the version where the account wants it', async () => {
    const release = await released();
    expect(value(await store.share(release, account(azure, 'one', ['North Europe']), call)).sent).toBe(1);
    expect(resource('/galleries/one/images/edge')).toMatchObject({
      location: 'northeurope',
      properties: { osType: 'Linux', osState: 'Generalized', hyperVGeneration: 'V2' },
    });
    const version = resource('/images/edge/versions/1.4.1');
    expect(version.location).toBe('westeurope');
    expect(version.properties.publishingProfile?.targetRegions?.map(({ name }) => name)).toEqual([
      'westeurope',
      'northeurope',
    ]);
    expect(version.tags).toMatchObject({ 'goldenthread-digest': release.artifact.digest });
    expect(events).toContainEqual(expect.objectContaining({ type: 'waiting', project: 'edge' }));
    expect(value(await store.find('edge', release.artifact.fingerprint, call))).toBe(release.artifact.digest);
  });

  it('shares a version that Packer put into a gallery itself', async () => {
    const release = await released();
    value(await store.share(release, one, call));
    const { id } = resource('/galleries/one/images/edge/versions/1.4.1');
    const artifact = cloudArtifact('edge', [{ builder: 'azure-arm', id: id.toUpperCase() }]);
    // What Packer puts there carries no marks.
    resource('/galleries/one/images/edge/versions/1.4.1').tags = {};
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    expect(value(await store.find('edge', artifact.fingerprint, call))).toBe(artifact.digest);
    value(await store.share({ artifact, version: '2.0.0' }, account(azure, 'two'), call));
    expect(resource('/galleries/two/images/edge').properties.hyperVGeneration).toBe('V2');
    value(await store.revoke({ artifact, version: '2.0.0' }, 'a hole', call));
    for (const gallery of ['one/images/edge/versions/1.4.1', 'two/images/edge/versions/2.0.0']) {
      const { properties, tags } = resource(gallery);
      expect(properties.publishingProfile).toMatchObject({
        excludeFromLatest: true,
        endOfLifeDate: expect.any(String),
      });
      expect(properties.publishingProfile?.targetRegions).toHaveLength(1);
      expect(tags['goldenthread-revoked']).toBe('a hole');
    }
  });

  it('adds the regions that are missing, and no second version', async () => {
    const release = await released();
    value(await store.share(release, one, call));
    const more = account(azure, 'one', ['westeurope', 'northeurope']);
    const [part] = value(await store.access(release, [more], call));
    expect(part).toMatchObject({ state: 'other', detail: expect.stringContaining('is not in northeurope') });
    expect(value(await store.share(release, more, call)).sent).toBe(1);
    expect(value(await store.access(release, [more], call))[0]?.state).toBe('ready');
  });

  it('leaves nothing running where it is stopped while Azure works, and goes on later', async () => {
    const release = await released();
    const stop = new AbortController();
    azure.interfere = (what) => {
      if (what.startsWith('PUT') && what.includes('/versions/')) azure.world.looks = 1_000_000;
      return null;
    };
    const began = store.share(release, one, { ...call, signal: stop.signal });
    await seen(() => count(/^GET .*\/operations\//) > 10);
    stop.abort();
    expect(await began).toMatchObject({ failures: [{ code: 'cancelled' }] });
    await seen(() => azure.waiting() === 0);
    azure.world.looks = 1;
    for (const operation of azure.world.operations.values()) operation.end('Succeeded');
    expect(value(await store.share(release, one, call)).sent).toBe(0);
    expect(count(/^PUT .*\/versions\//)).toBe(1);
  });

  it('makes a version again that failed, and says why it did', async () => {
    const release = await released();
    azure.world.fails = 'no capacity in westeurope';
    expect(await store.share(release, one, call)).toMatchObject({
      failures: [{ code: 'store-refused', detail: expect.stringContaining('no capacity in westeurope') }],
    });
    const [access] = value(await store.access(release, [one], call));
    expect(access).toMatchObject({ state: 'other', detail: expect.stringContaining('failed') });
    azure.world.fails = null;
    expect(value(await store.share(release, one, call)).sent).toBe(1);
    expect(count(/^PUT .*\/versions\//)).toBe(2);
  });

  it('waits for a version that an earlier run has begun', async () => {
    const release = await released();
    value(await store.share(release, one, call));
    const version = resource('/versions/1.4.1');
    version.properties = { ...version.properties, provisioningState: 'Creating' };
    expect(value(await store.access(release, [one], call))[0]?.state).toBe('pending');
    let left = 3;
    azure.interfere = (what) => {
      if (what.includes('/versions/') && --left === 0)
        version.properties = { ...version.properties, provisioningState: 'Succeeded' };
      return null;
    };
    expect(value(await store.share(release, one, call)).sent).toBe(0);
    expect(count(/^PUT .*\/versions\//)).toBe(1);
  });

  it('finds galleries that are no longer among the accounts, and takes the release away', async () => {
    const release = await released();
    for (const name of ['one', 'two']) value(await store.share(release, account(azure, name), call));
    const access = value(await store.access(release, [one], call));
    expect(access.map((each) => [each.account.name, each.state])).toEqual([
      ['one', 'ready'],
      ['teams/two', 'ready'],
    ]);
    const [, other] = access;
    if (other) value(await store.unshare(release, other.account, call));
    expect(value(await store.access(release, [one], call))).toHaveLength(1);
    expect(Object.keys(sourceOf(release).tags).filter((tag) => tag.includes('share'))).toHaveLength(1);
  });

  it('leaves a version alone that somebody else made', async () => {
    const release = await released();
    value(await store.share(release, one, call));
    const version = resource('/versions/1.4.1');
    version.tags = { owner: 'somebody' };
    expect(value(await store.access(release, [one], call))[0]?.state).toBe('other');
    expect(await store.share(release, one, call)).toMatchObject({ failures: [{ code: 'version-taken' }] });
    value(await store.unshare(release, one, call));
    value(await store.revoke(release, 'a hole', call));
    expect(resource('/versions/1.4.1').tags).toEqual({ owner: 'somebody' });
  });

  it('keeps the tags of others, and writes its own again where they were overwritten', async () => {
    const artifact = bake();
    const image = resource(artifact.external[0]?.id ?? '');
    image.tags = { owner: 'somebody' };
    let left = 2;
    azure.interfere = (what) => {
      if (what.startsWith('GET') && what.includes('/images/packer') && count(/^PATCH/) > 0 && left-- > 0)
        image.tags = { owner: 'somebody else' };
      return null;
    };
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    expect(image.tags).toMatchObject({ owner: 'somebody else', 'goldenthread-digest': artifact.digest });
  });

  it('refuses what it can do nothing with', async () => {
    const release = await released();
    const refused = [
      await store.share(release, account(azure, 'none'), call),
      await store.share({ ...release, version: '1.4.1-rc.1' }, one, call),
      await store.share({ artifact: bake(), version: '1.0.0' }, one, call),
      await store.put(cloudArtifact('edge', []), [], call),
    ];
    expect(
      refused.flatMap((result) => (result.ok ? ['ok'] : result.failures.map(({ code }) => code))),
    ).toEqual(['account-unfit', 'account-unfit', 'account-unfit', 'evidence-missing']);
  });

  it('tries again when it asks too fast, and says what Azure says', async () => {
    const release = await released();
    let left = 2;
    azure.interfere = (what) =>
      what.startsWith('PUT') && left-- > 0
        ? { status: 429, headers: { 'x-ms-retry-after-ms': '1' }, body: '{}' }
        : null;
    value(await store.share(release, one, call));
    azure.interfere = (what) =>
      what.startsWith('GET')
        ? azureError(403, 'AuthorizationFailed', 'The client has no authorization.')
        : null;
    expect(await store.access(release, [one], call)).toMatchObject({
      failures: [{ code: 'not-permitted', hint: expect.stringContaining('AuthorizationFailed') }],
    });
  });

  it('says who is refused, and who does not answer', async () => {
    const find = (more: Parameters<typeof storeOf>[1]) =>
      storeOf(azure, more).find('edge', 'sha256:none', call);
    const wrong = { getToken: async () => ({ token: 'wrong', expiresOnTimestamp: Date.now() + 3_600_000 }) };
    expect(await find({ credential: wrong })).toMatchObject({ failures: [{ code: 'not-permitted' }] });
    expect(await find({ endpoint: 'https://127.0.0.1:1' })).toMatchObject({
      failures: [{ code: 'unreachable' }],
    });
    expect(await find({ subscription: '' })).toMatchObject({ failures: [{ code: 'usage' }] });
  });

  it.each([
    ['a page', { status: 200, body: '<html><body>Welcome</body></html>' }],
    ['nothing', { status: 200, body: '' }],
    ['an empty object', { status: 200, body: '{}' }],
    ['another object', { status: 200, body: '{"hello":"world"}' }],
    ['a page of an error', { status: 418, body: '<html>' }],
  ])('takes %s for no answer', async (_, answer) => {
    azure.interfere = () => answer;
    const artifact = bake();
    for (const result of [
      await store.find('edge', 'sha256:none', call),
      await store.put(artifact, [evidenceFor(artifact)], call),
    ])
      expect(result).toMatchObject({ ok: false, failures: [{ code: 'store-refused', store: 'Azure' }] });
  });

  it('says so where connections break off, or lead to somebody else', async () => {
    const { endpoint, credential, subscription } = azure;
    const distrusting = createAzureStore({ endpoint, credential, subscription, retry: 1 });
    expect(await distrusting.find('edge', 'sha256:none', call)).toMatchObject({
      failures: [{ code: 'unreachable', detail: expect.stringContaining('self') }],
    });
    azure.interfere = () => 'cut';
    expect(await store.find('edge', 'sha256:none', call)).toMatchObject({
      failures: [{ code: 'unreachable' }],
    });
  });

  it('gives up where no answer comes', async () => {
    azure.interfere = () => 'never';
    const impatient = storeOf(azure, { timeout: 0.1 });
    expect(await impatient.find('edge', 'sha256:none', call)).toMatchObject({
      failures: [{ code: 'timeout', seconds: 0.1 }],
    });
    await seen(() => azure.waiting() === 0);
  });

  it('stops at once when it is told to, whatever it waits for', async () => {
    const stop = new AbortController();
    azure.interfere = () => 'never';
    const asked = store.find('edge', 'sha256:none', { ...call, signal: stop.signal });
    await seen(() => azure.waiting() > 0);
    stop.abort();
    expect(await asked).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    await seen(() => azure.waiting() === 0);
  });
});
