import {
  cloudArtifact,
  evidenceFor,
  startAws,
  awsError,
  storeContract,
  type FakeAws,
} from '@goldenthread/testing';
import type { Account, Artifact, Call, Event, ImageStore, Release, Result } from '@goldenthread/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAwsStore } from './aws.ts';

const seen = (what: () => boolean): Promise<unknown> => vi.waitUntil(what, { timeout: 30_000 });

const HOME = 'eu-west-1';
const AWAY = 'us-east-1';
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/one';
const ONE = '000000000001';
const TWO = '000000000002';

const optionsOf = (aws: Pick<FakeAws, 'endpoint' | 'credentials'>) => ({
  endpoint: aws.endpoint,
  region: HOME,
  credentials: aws.credentials,
  attempts: 3,
  pace: { interval: 5, patience: 20 },
});

const storeOf = (aws: Pick<FakeAws, 'endpoint' | 'credentials'>): ImageStore =>
  createAwsStore(optionsOf(aws));

const account = (number: string, regions: Readonly<Record<string, string | null>> = {}): Account => ({
  kind: 'aws',
  name: `account-${number.slice(-1)}`,
  account: number,
  regions: Object.entries(regions).map(([name, kmsKey]) => ({ name, kmsKey })),
});

storeContract('AWS', async () => {
  const aws = await startAws();
  return {
    store: storeOf(aws),
    artifact: async (name) =>
      cloudArtifact(name, [{ builder: 'amazon-ebs', id: `${HOME}:${aws.bake(HOME)}` }]),
    accounts: [account(ONE, { [AWAY]: null }), account(TWO)],
    dispose: aws.stop,
  };
});

describe('the AWS store', () => {
  let aws: FakeAws;
  let store: ImageStore;
  let events: Event[];
  let call: Call;
  beforeEach(async () => {
    aws = await startAws();
    store = storeOf(aws);
    events = [];
    call = { signal: new AbortController().signal, emit: (event) => events.push(event) };
  });
  afterEach(() => aws.stop());

  const value = <T>(result: Result<T>): T => {
    if (!result.ok) throw new Error(JSON.stringify(result.failures));
    return result.value;
  };
  const idOf = ({ external }: Artifact): string => external[0]?.id.split(':')[1] ?? '';
  const imageOf = (artifact: Artifact) => {
    const image = aws.world.images.get(idOf(artifact));
    if (!image) throw new Error('it is gone');
    return image;
  };
  const copies = () => [...aws.world.images.values()].filter(({ tags }) => tags.has('goldenthread:copy-of'));
  const count = (action: string): number => aws.asked.filter((one) => one.startsWith(`${action} `)).length;
  const bake = (image = 'edge'): Artifact =>
    cloudArtifact(image, [{ builder: 'amazon-ebs', id: `${HOME}:${aws.bake(HOME)}` }]);
  const released = async (): Promise<Release> => {
    const artifact = bake();
    const release = { artifact, version: '1.4.1' };
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    value(await store.label(release, call));
    return release;
  };

  it('says on the image and its snapshot what they are', async () => {
    const { artifact } = await released();
    const { tags, snapshot } = imageOf(artifact);
    expect(Object.fromEntries(tags)).toEqual({
      'goldenthread:image': 'edge',
      'goldenthread:fingerprint': artifact.fingerprint,
      'goldenthread:digest': artifact.digest,
      'goldenthread:tests': evidenceFor(artifact).tests,
      'goldenthread:commit': artifact.commit?.sha,
      'goldenthread:version': '1.4.1',
    });
    expect(aws.world.snapshots.get(snapshot)?.tags.get('goldenthread:digest')).toBe(artifact.digest);
  });

  it('finds an image in whatever region it is, page by page, and not where it may not look', async () => {
    aws.world.page = 1;
    aws.interfere = (action, region) =>
      region === 'eu-central-1' && action === 'DescribeImages'
        ? awsError('UnauthorizedOperation', 'You are not authorized to perform this operation.', 403)
        : null;
    const others = [bake(), bake()];
    const far = cloudArtifact('edge', [{ builder: 'amazon-ebs', id: `${AWAY}:${aws.bake(AWAY)}` }]);
    for (const one of [...others, far]) value(await store.put(one, [evidenceFor(one)], call));
    for (const one of [...others, far])
      expect(value(await store.find('edge', one.fingerprint, call))).toBe(one.digest);
  });

  it('copies to a second region with the key of the account, once', async () => {
    aws.world.keys.add(KEY);
    const release = await released();
    const one = account(ONE, { [HOME]: null, [AWAY]: KEY });
    expect(value(await store.share(release, one, call)).sent).toBe(1);
    const [copy] = copies();
    expect(copy).toMatchObject({ region: AWAY, key: KEY, state: 'available' });
    expect(copy?.permissions).toEqual(new Set([`user:${ONE}`]));
    expect(copy?.tags.get('goldenthread:copy-of')).toBe(release.artifact.external[0]?.id);
    expect(copy?.tags.get('goldenthread:version')).toBe('1.4.1');
    expect(imageOf(release.artifact).permissions).toEqual(new Set([`user:${ONE}`]));
    const said = events.map((event) => ('text' in event ? event.text : 'what' in event ? event.what : ''));
    expect(said.join('\n')).toContain(`encrypted with ${KEY}, which ${ONE} needs the right to use`);
    expect(said.join('\n')).toContain('the copy us-east-1:ami-');
    const [access] = value(await store.access(release, [one], call));
    expect(access).toMatchObject({ state: 'ready', detail: expect.stringContaining(KEY) });
    expect(value(await store.share(release, one, call)).sent).toBe(0);
    // Another key asks for a copy of its own; none at all, too.
    value(await store.share(release, account(TWO, { [AWAY]: null }), call));
    expect(copies().map(({ key }) => key)).toEqual([KEY, null]);
    expect(value(await store.find('edge', release.artifact.fingerprint, call))).toBe(release.artifact.digest);
  });

  it('goes on after a failure half-way, and copies nothing twice', async () => {
    const release = await released();
    const one = account(ONE, { [HOME]: null, 'eu-central-1': null, [AWAY]: null });
    aws.interfere = (action, region) =>
      region === AWAY && action === 'ModifyImageAttribute' ? awsError('InternalError', 'Not now', 500) : null;
    expect(await store.share(release, one, call)).toMatchObject({
      ok: false,
      failures: [{ code: 'store-refused', status: 500, detail: 'InternalError: Not now' }],
    });
    const [half] = value(await store.access(release, [one], call));
    expect(half).toMatchObject({ state: 'other', detail: expect.stringContaining('may not use us-east-1:') });
    aws.interfere = () => null;
    expect(value(await store.share(release, one, call)).sent).toBe(0);
    expect(count('CopyImage')).toBe(2);
    const [whole] = value(await store.access(release, [one], call));
    expect(whole?.state).toBe('ready');
  });

  it('makes a copy again that failed, and says why it did', async () => {
    const release = await released();
    const one = account(ONE, { [AWAY]: KEY });
    expect(await store.share(release, one, call)).toMatchObject({
      failures: [{ code: 'store-refused', detail: `The key ${KEY} cannot be used` }],
    });
    aws.world.keys.add(KEY);
    expect(value(await store.share(release, one, call)).sent).toBe(1);
    expect(copies().map(({ state }) => state)).toEqual(['failed', 'available']);
  });

  it('goes on with a copy that somebody else, or an earlier run, has begun', async () => {
    const release = await released();
    const one = account(ONE, { [AWAY]: null });
    aws.world.looks = 1_000_000;
    const stop = new AbortController();
    const began = store.share(release, one, { signal: stop.signal, emit: () => stop.abort() });
    expect(await began).toMatchObject({ failures: [{ code: 'cancelled' }] });
    const [pending] = value(await store.access(release, [one], call));
    expect(pending?.state).toBe('pending');
    await seen(() => aws.waiting() === 0);
    for (const copy of copies()) copy.looks = 0;
    value(await store.share(release, one, call));
    expect(copies()).toHaveLength(1);
    expect(count('CopyImage')).toBe(1);
  });

  it('takes no copy for the image', async () => {
    const release = await released();
    value(await store.share(release, account(ONE, { [AWAY]: null }), call));
    aws.world.images.delete(idOf(release.artifact));
    expect(value(await store.find('edge', release.artifact.fingerprint, call))).toBeNull();
    expect(value(await store.labelled('edge', '1.4.1', call))).toBeNull();
  });

  it('tries again when it asks too fast', async () => {
    const release = await released();
    let left = 2;
    aws.interfere = (action) =>
      action === 'ModifyImageAttribute' && left-- > 0
        ? awsError('RequestLimitExceeded', 'Request limit exceeded.', 503)
        : null;
    value(await store.share(release, account(ONE), call));
    expect(count('ModifyImageAttribute')).toBe(3);
  });

  it('shows who else may use it, and takes that away', async () => {
    const release = await released();
    value(await store.share(release, account(ONE), call));
    imageOf(release.artifact).permissions.add(`user:${TWO}`).add('group:all');
    const access = value(await store.access(release, [account(ONE)], call));
    expect(access.map((one) => [one.account.name, one.state])).toEqual([
      ['account-1', 'ready'],
      [TWO, 'ready'],
      ['all', 'ready'],
    ]);
    for (const one of access.slice(1)) value(await store.unshare(release, one.account, call));
    expect(imageOf(release.artifact).permissions).toEqual(new Set([`user:${ONE}`]));
  });

  it('touches nothing that it has not taken', async () => {
    const artifact = bake();
    const foreign = cloudArtifact('edge', artifact.external);
    value(await store.put(foreign, [evidenceFor(foreign)], call));
    const before = JSON.stringify([...imageOf(artifact).tags]);
    for (const result of [
      await store.put(artifact, [evidenceFor(artifact)], call),
      await store.label({ artifact, version: '1.0.0' }, call),
      await store.share({ artifact, version: '1.0.0' }, account(ONE), call),
    ])
      expect(result).toMatchObject({ ok: false, failures: [{ code: 'account-unfit' }] });
    value(await store.revoke({ artifact, version: '1.0.0' }, 'no reason', call));
    value(await store.remove(artifact, call));
    expect(JSON.stringify([...imageOf(artifact).tags])).toBe(before);
    expect(imageOf(artifact).deprecation).toBeNull();
    expect(aws.world.snapshots.size).toBe(1);
  });

  it('refuses what is no image of AWS, or is not there', async () => {
    const made = [
      [],
      [{ builder: 'qemu', id: 'disk.raw' }],
      [{ builder: 'amazon-ebs', id: `${HOME}:ami-0badbadbad` }],
    ];
    for (const external of made) {
      const artifact = cloudArtifact('edge', external);
      expect(await store.put(artifact, [evidenceFor(artifact)], call)).toMatchObject({
        failures: [{ code: 'account-unfit', account: 'AWS' }],
      });
    }
  });

  it('takes every image that Packer made of one artifact, and removes all of it', async () => {
    const ids = [HOME, AWAY].map((region) => `${region}:${aws.bake(region)}`);
    const artifact = cloudArtifact('edge', [{ builder: 'amazon-ebs', id: ids.join(',') }]);
    const release = { artifact, version: '1.4.1' };
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    value(await store.label(release, call));
    value(await store.share(release, account(ONE, { 'eu-central-1': null }), call));
    value(await store.share(release, account(TWO), call));
    expect(copies()).toHaveLength(1);
    const stranger = aws.bake(HOME);
    value(await store.remove(artifact, call));
    expect([...aws.world.images.keys()]).toEqual([stranger]);
    expect(aws.world.snapshots.size).toBe(1);
  });

  it('steps back where somebody else gave the same version meanwhile', async () => {
    const [mine, theirs] = [bake(), bake()];
    for (const one of [mine, theirs]) value(await store.put(one, [evidenceFor(one)], call));
    aws.interfere = (action) => {
      if (action === 'CreateTags') imageOf(theirs).tags.set('goldenthread:version', '2.0.0');
      return null;
    };
    expect(await store.label({ artifact: mine, version: '2.0.0' }, call)).toMatchObject({
      failures: [{ code: 'version-taken', found: theirs.digest }],
    });
    expect(value(await store.labelled('edge', '2.0.0', call))).toBe(theirs.digest);
  });

  it('says in the words of AWS what it refuses', async () => {
    const release = await released();
    aws.interfere = (action) =>
      action === 'ModifyImageAttribute'
        ? awsError('InvalidParameter', 'Snapshots encrypted with the AWS Managed CMK can’t be shared')
        : null;
    expect(await store.share(release, account(ONE), call)).toMatchObject({
      failures: [
        { code: 'store-refused', status: 400, detail: expect.stringMatching(/^InvalidParameter: Snapshots/) },
      ],
    });
  });

  it.each([
    [
      'wrong keys',
      'not-permitted',
      () =>
        storeOf({
          endpoint: aws.endpoint,
          credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'another-secret' },
        }),
    ],
    [
      'no server',
      'unreachable',
      () => storeOf({ endpoint: 'http://127.0.0.1:1', credentials: aws.credentials }),
    ],
  ])('fails with %s: %s', async (_, code, make) => {
    const result = await make().find('edge', 'sha256:none', call);
    expect(result).toMatchObject({ ok: false, failures: [{ code }] });
    expect(JSON.stringify(result)).not.toMatch(/secret/);
  });

  it.each([
    ['a page', { status: 200, body: '<html><body>Welcome</body></html>' }],
    ['nothing', { status: 200, body: '' }],
    [
      'half an answer',
      { status: 200, body: '<?xml version="1.0"?><DescribeImagesResponse><imagesSet><item>' },
    ],
    ['a page of an error', { status: 502, body: '<html><body>Bad gateway</body></html>' }],
    ['no text at all', { status: 200, body: '\u0000\u0001{' }],
  ])('takes %s for no answer', async (_, answer) => {
    aws.interfere = (action) => (action === 'DescribeImages' ? answer : null);
    expect(await store.find('edge', 'sha256:none', call)).toMatchObject({
      ok: false,
      failures: [{ code: 'store-refused', store: 'AWS' }, {}, {}],
    });
  });

  it('says so where connections break off', async () => {
    aws.interfere = () => 'cut';
    expect(await store.find('edge', 'sha256:none', call)).toMatchObject({
      failures: [{ code: 'unreachable', detail: expect.stringContaining('ECONNRESET') }],
    });
  });

  it('gives up where no answer comes', async () => {
    aws.interfere = () => 'never';
    const impatient = createAwsStore({ ...optionsOf(aws), attempts: 1, timeout: 0.1 });
    expect(await impatient.find('edge', 'sha256:none', call)).toMatchObject({
      failures: [{ code: 'timeout', seconds: 0.1 }],
    });
    await seen(() => aws.waiting() === 0);
  });

  it('stops at once when it is told to, whatever it waits for', async () => {
    const stop = new AbortController();
    aws.interfere = () => 'never';
    const asked = store.find('edge', 'sha256:none', { ...call, signal: stop.signal });
    await seen(() => aws.waiting() > 0);
    stop.abort();
    expect(await asked).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    await seen(() => aws.waiting() === 0);
  });
});
