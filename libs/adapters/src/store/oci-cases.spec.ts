import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ATTACHMENTS, UNMOVED, type Artifact, type Call, type Result } from '@goldenthread/core';
import {
  clone,
  evidenceFor,
  fakeRegistry,
  missingTools,
  ociArtifact,
  REGISTRY_PROGRAMS,
  runSource,
  sha256,
  startRegistry,
  type FakeRegistry,
} from '@goldenthread/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Parts } from '../parts.ts';
import { createBlobs } from './blobs.ts';
import { createArtifactStore } from './oci.ts';
import type { OciAccount } from './places.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-cases-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const failureOf = (result: Result<unknown>): unknown => (result.ok ? null : result.failures[0]);

let count = 0;
function newParts(): Parts {
  const root = join(folder, `${(count += 1)}`);
  mkdirSync(root);
  return { root, home: join(root, 'home'), blobs: createBlobs(join(root, 'home')) };
}
const oci = (registry: string): OciAccount => ({ kind: 'oci', name: 'store', registry, ca: null });

let registry: FakeRegistry;
let parts: Parts;
beforeEach(async () => {
  registry = await fakeRegistry();
  parts = newParts();
});
afterEach(() => registry.stop());
const options = { patience: { pause: 1, tries: 2, idle: 20 } };
const storeOf = (own: Parts = parts): ReturnType<typeof createArtifactStore> =>
  createArtifactStore(own, oci(`${registry.host}/team`), options);
const blobBytes = (): number =>
  registry.seen.filter(({ path }) => path.includes('/blobs/')).reduce((sum, { bytes }) => sum + bytes, 0);

async function released(version: string): Promise<{ artifact: Artifact; version: string }> {
  const artifact = await ociArtifact(parts.blobs, 'edge');
  value(await storeOf().put(artifact, [evidenceFor(artifact)], call));
  value(await storeOf().label({ artifact, version }, call));
  return { artifact, version };
}

describe('an artifact in a registry', () => {
  it('is found by another machine, with its record and its evidence, and comes there once', async () => {
    const artifact = await ociArtifact(parts.blobs, 'edge');
    const evidence = evidenceFor(artifact);
    value(await storeOf().put(artifact, [evidence], call));
    const other = newParts();
    const found = value(await storeOf(other).staged('edge', artifact.fingerprint, call));
    expect(found).toEqual({ artifact, evidence: [evidence] });
    expect(value(await storeOf(other).fetch(artifact, call))).toMatchObject({ sent: 3 });
    expect(await Promise.all(artifact.layers.map(({ digest }) => other.blobs.has(digest)))).toEqual([
      true,
      true,
    ]);
    expect(value(await storeOf(other).fetch(artifact, call))).toEqual({ ...UNMOVED, there: 3 });
    expect(value(await storeOf(other).staged('edge', sha256('another'), call))).toBeNull();
  });

  it('is not there while a blob of it is missing, and whole again when it is put again', async () => {
    const artifact = await ociArtifact(parts.blobs, 'edge');
    value(await storeOf().put(artifact, [evidenceFor(artifact)], call));
    registry.repository('team/staging/edge').blobs.delete(artifact.layers[0]?.digest ?? '');
    expect(value(await storeOf().find('edge', artifact.fingerprint, call))).toBeNull();
    expect(value(await storeOf().staged('edge', artifact.fingerprint, call))).toBeNull();
    expect(value(await storeOf().put(artifact, [evidenceFor(artifact)], call))).toMatchObject({ sent: 1 });
    expect(value(await storeOf().find('edge', artifact.fingerprint, call))).toBe(artifact.digest);
  });

  it('stays the one that was put first, of two with one fingerprint', async () => {
    const first = await ociArtifact(parts.blobs, 'edge');
    const second = { ...(await ociArtifact(parts.blobs, 'edge')), fingerprint: first.fingerprint };
    value(await storeOf().put(first, [evidenceFor(first)], call));
    expect(value(await storeOf().put(second, [evidenceFor(second)], call))).toEqual(UNMOVED);
    expect(value(await storeOf().find('edge', first.fingerprint, call))).toBe(first.digest);
    expect(value(await storeOf().staged('edge', first.fingerprint, call))).toEqual({
      artifact: first,
      evidence: [evidenceFor(first)],
    });
    // What is not whole any more must not keep its place for ever.
    registry.repository('team/staging/edge').blobs.delete(first.layers[0]?.digest ?? '');
    value(await storeOf().put(second, [evidenceFor(second)], call));
    expect(value(await storeOf().staged('edge', first.fingerprint, call))).toEqual({
      artifact: second,
      evidence: [evidenceFor(second)],
    });
  });

  it('that has a version is known by it, whether or not it is still staged', async () => {
    const { artifact } = await released('1.0.0');
    const expected = { artifact, evidence: [evidenceFor(artifact)] };
    expect(value(await storeOf(newParts()).released('edge', '1.0.0', call))).toEqual(expected);
    registry.repository('team/staging/edge').tags.clear();
    registry.repository('team/staging/edge').manifests.clear();
    expect(value(await storeOf(newParts()).released('edge', '1.0.0', call))).toEqual(expected);
    expect(value(await storeOf().attachments(artifact, call))).toHaveLength(2);
    expect(value(await storeOf().released('edge', '1.0.1', call))).toBeNull();
    expect(value(await storeOf().released('never', '1.0.0', call))).toBeNull();
  });

  it('that has a version has a record of this very artifact', async () => {
    const { artifact } = await released('1.0.0');
    const [other] = [await released('2.0.0')];
    const { tags } = registry.repository('team/edge');
    const [index, theirs] = [artifact, other.artifact].map(({ digest }) => digest.replace(':', '-'));
    tags.set(index ?? '', tags.get(theirs ?? '') ?? '');
    expect(failureOf(await storeOf().released('edge', '1.0.0', call))).toMatchObject({
      code: 'content-corrupt',
      expected: `a record of ${artifact.digest}`,
    });
  });

  it('is one artifact under two fingerprints, each with its own record', async () => {
    const first = await ociArtifact(parts.blobs, 'edge');
    const second = { ...first, fingerprint: sha256('second') };
    for (const one of [first, second]) value(await storeOf().put(one, [evidenceFor(one)], call));
    for (const one of [first, second])
      expect(value(await storeOf().staged('edge', one.fingerprint, call))?.artifact).toEqual(one);
  });

  it('is refused where its record is garbage', async () => {
    const artifact = await ociArtifact(parts.blobs, 'edge');
    value(await storeOf().put({ ...artifact, size: -1 }, [evidenceFor(artifact)], call));
    expect(failureOf(await storeOf().staged('edge', artifact.fingerprint, call))).toMatchObject({
      code: 'content-corrupt',
      expected: ATTACHMENTS.record,
    });
  });

  it('gets its version, and all that is kept beside it, without a byte of its blobs', async () => {
    const artifact = await ociArtifact(parts.blobs, 'edge', [500_000, 10]);
    value(await storeOf().put(artifact, [evidenceFor(artifact)], call));
    const before = blobBytes();
    value(await storeOf().label({ artifact, version: '1.0.0' }, call));
    expect(blobBytes()).toBe(before);
    const referrers = [...registry.repository('team/edge').manifests.values()].map(
      ({ bytes }) => (JSON.parse(bytes.toString()) as { artifactType?: string }).artifactType,
    );
    expect(referrers).toEqual(expect.arrayContaining([ATTACHMENTS.record, ATTACHMENTS.evidence]));
  });

  it('gets no version without evidence that lies beside it', async () => {
    const artifact = await ociArtifact(parts.blobs, 'edge');
    expect(failureOf(await storeOf().label({ artifact, version: '1.0.0' }, call))).toMatchObject({
      code: 'artifact-missing',
    });
    const home = createArtifactStore(parts, null);
    expect(failureOf(await home.label({ artifact, version: '1.0.0' }, call))).toMatchObject({
      code: 'evidence-missing',
    });
  });

  it('keeps documents, each once, and shows them wherever it lies', async () => {
    const { artifact } = await released('1.0.0');
    const sbom = { type: ATTACHMENTS.sbom, text: '{"bomFormat":"CycloneDX"}' };
    for (let times = 0; times < 2; times += 1) value(await storeOf().attach(artifact, sbom, call));
    value(await storeOf().revoke({ artifact, version: '1.0.0' }, 'a hole', call));
    const attachments = value(await storeOf().attachments(artifact, call));
    expect(attachments.filter(({ type }) => type === ATTACHMENTS.sbom)).toEqual([sbom]);
    expect(attachments.filter(({ type }) => type === ATTACHMENTS.revocation)).toEqual([
      { type: ATTACHMENTS.revocation, text: '{"image":"edge","reason":"a hole","version":"1.0.0"}' },
    ]);
    const account = oci(`${registry.host}/account`);
    value(await storeOf().share({ artifact, version: '1.0.0' }, account, call));
    const there = createArtifactStore(parts, account, options);
    expect(
      value(await there.attachments(artifact, call))
        .map(({ type }) => type)
        .toSorted(),
    ).toEqual(attachments.map(({ type }) => type).toSorted());
  });

  it.each([true, false])(
    'shows all its documents while only some lie beside its version (registry lists them: %s)',
    async (lists) => {
      registry.behaviour.referrers = lists;
      const artifact = await ociArtifact(parts.blobs, 'edge');
      value(await storeOf().put(artifact, [evidenceFor(artifact)], call));
      value(await storeOf().attach(artifact, { type: ATTACHMENTS.sbom, text: '{}' }, call));
      const types = async (): Promise<readonly string[]> =>
        value(await storeOf().attachments(artifact, call))
          .map(({ type }) => type)
          .toSorted();
      const all = [ATTACHMENTS.record, ATTACHMENTS.evidence, ATTACHMENTS.sbom].toSorted();
      let asked = 0;
      registry.behaviour.interfere = ({ method, path }) =>
        method === 'PUT' && path.startsWith('/v2/team/edge/manifests/') && (asked += 1) > 2
          ? { kind: 'answer', status: 507 }
          : null;
      expect((await storeOf().label({ artifact, version: '1.0.0' }, call)).ok).toBe(false);
      expect(await types()).toEqual(all);
      registry.behaviour.interfere = () => null;
      value(await storeOf().label({ artifact, version: '1.0.0' }, call));
      registry.repository('team/staging/edge').manifests.clear();
      expect(await types()).toEqual(all);
    },
  );

  it('has an anchor where its content lies in a cloud', async () => {
    const external = [{ builder: 'amazon-ebs', id: 'eu-west-1:ami-1' }];
    const artifact: Artifact = {
      ...(await ociArtifact(parts.blobs, 'edge')),
      layers: [],
      external,
      digest: sha256('ami'),
    };
    value(await storeOf().put(artifact, [evidenceFor(artifact)], call));
    expect(value(await storeOf().put(artifact, [evidenceFor(artifact)], call))).toMatchObject({
      sent: 0,
      bytes: 0,
    });
    expect(value(await storeOf().find('edge', artifact.fingerprint, call))).toBe(artifact.digest);
    expect(value(await storeOf().staged('edge', artifact.fingerprint, call))?.artifact).toEqual(artifact);
    value(await storeOf().label({ artifact, version: '1.0.0' }, call));
    expect(value(await storeOf().labelled('edge', '1.0.0', call))).toBe(artifact.digest);
    expect(value(await storeOf().fetch(artifact, call))).toEqual(UNMOVED);
  });
});

describe('an account', () => {
  it('that breaks off in the middle has nothing, and all of it after the next run', async () => {
    const release = await released('1.0.0');
    const other = await fakeRegistry();
    const account = oci(other.host);
    for (const match of ['/blobs/', '/manifests/sha256:', '/manifests/1.0.0']) {
      other.behaviour.interfere = ({ method, path }) =>
        method === 'PUT' && path.includes(match)
          ? { kind: 'answer', status: 507, body: 'no space left' }
          : null;
      expect(failureOf(await storeOf().share(release, account, call))).toMatchObject({
        code: 'store-refused',
        status: 507,
      });
      expect(value(await storeOf().access(release, [account], call))).toMatchObject([{ state: 'missing' }]);
    }
    other.behaviour.interfere = () => null;
    value(await storeOf().share(release, account, call));
    expect(value(await storeOf().access(release, [account], call))).toMatchObject([{ state: 'ready' }]);
    other.repository('edge').blobs.delete(release.artifact.layers[0]?.digest ?? '');
    expect(value(await storeOf().access(release, [account], call))).toMatchObject([{ state: 'other' }]);
    value(await storeOf().share(release, account, call));
    expect(value(await storeOf().access(release, [account], call))).toMatchObject([{ state: 'ready' }]);
    await other.stop();
  });

  it('in which the version names something else is left alone', async () => {
    const [mine, theirs] = [await released('1.0.0'), await released('2.0.0')];
    const account = oci(`${registry.host}/account`);
    value(await storeOf().share({ ...theirs, version: '1.0.0' }, account, call));
    expect(value(await storeOf().access(mine, [account], call))).toMatchObject([{ state: 'other' }]);
    expect(failureOf(await storeOf().share(mine, account, call))).toMatchObject({
      code: 'version-taken',
      found: theirs.artifact.digest,
    });
    value(await storeOf().unshare(mine, account, call));
    expect(value(await storeOf().access({ ...theirs, version: '1.0.0' }, [account], call))).toMatchObject([
      { state: 'ready' },
    ]);
  });

  it('that is the store itself does not lose its versions', async () => {
    const release = await released('1.0.0');
    expect(failureOf(await storeOf().unshare(release, oci(`${registry.host}/team`), call))).toMatchObject({
      code: 'account-unfit',
    });
  });

  it('of another kind is none of ours', async () => {
    const release = await released('1.0.0');
    const account = { kind: 'google', name: 'cloud', member: 'group:a@b.example' } as const;
    expect(failureOf(await storeOf().share(release, account, call))).toMatchObject({ code: 'account-unfit' });
    expect(value(await storeOf().access(release, [account], call))).toEqual([]);
  });

  it('that is declared wrongly is said to be', async () => {
    const release = await released('1.0.0');
    for (const account of [oci('http://x'), { ...oci('registry.example'), ca: 'nothing.pem' }])
      expect(failureOf(await storeOf().share(release, account, call))).toMatchObject({ code: 'usage' });
  });
});

const missing = missingTools(...REGISTRY_PROGRAMS);

describe.skipIf(missing.length > 0)("an account in Docker's registry", () => {
  it.each([true, false])(
    'gives one of two versions of the same content back (removal allowed: %s)',
    async (allowed) => {
      const real = await startRegistry({ delete: allowed });
      try {
        const { artifact } = await released('1.0.0');
        value(await storeOf().label({ artifact, version: '1.0.1' }, call));
        const account = oci(real.host);
        for (const version of ['1.0.0', '1.0.1'])
          value(await storeOf().share({ artifact, version }, account, call));
        const shared = await storeOf().unshare({ artifact, version: '1.0.0' }, account, call);
        // It removes tags only with their content, which another version needs.
        expect(failureOf(shared)).toMatchObject({
          code: 'store-refused',
          detail: expect.stringMatching(/remove/) as unknown,
        });
        expect(value(await storeOf().access({ artifact, version: '1.0.1' }, [account], call))).toMatchObject([
          { state: 'ready' },
        ]);
      } finally {
        await real.stop();
      }
    },
  );
});

describe('a put that is killed', () => {
  const source = (file: string): string => JSON.stringify(`${clone}/libs/adapters/src/${file}`);
  const CALL = '{ signal: new AbortController().signal, emit: () => undefined }';

  it('in the middle of a registry is completed by the next one', async () => {
    const artifact = await ociArtifact(parts.blobs, 'edge', [500_000, 10]);
    const evidence = [evidenceFor(artifact)];
    const child = runSource(
      `import { createArtifactStore } from ${source('store/oci.ts')};
       import { createBlobs } from ${source('store/blobs.ts')};
       const [root, home] = ${JSON.stringify([parts.root, parts.home])};
       const store = createArtifactStore({ root, home, blobs: createBlobs(home) }, ${JSON.stringify(oci(`${registry.host}/team`))});
       await store.put(${JSON.stringify(artifact)}, ${JSON.stringify(evidence)}, ${CALL});`,
      clone,
    );
    let killed = 0;
    registry.behaviour.interfere = ({ method }) => {
      if (method !== 'PUT' || (killed += 1) < 3) return null;
      child.kill('SIGKILL');
      return { kind: 'stall' };
    };
    await once(child, 'close');
    expect(killed).toBeGreaterThanOrEqual(3);
    registry.behaviour.interfere = () => null;
    expect(value(await storeOf().find('edge', artifact.fingerprint, call))).toBeNull();
    const moved = value(await storeOf().put(artifact, evidence, call));
    expect(moved.there).toBeGreaterThan(0);
    expect(value(await storeOf().staged('edge', artifact.fingerprint, call))?.artifact).toEqual(artifact);
  });

  it('in the middle of a folder leaves nothing that the next one does not clear away', async () => {
    const at: OciAccount = { kind: 'directory', name: 'folder', path: 'images' };
    const images = join(parts.root, 'images');
    const child = runSource(
      `import { layoutPlace } from ${source('oci/layout.ts')};
       import { ownLayout } from ${source('oci/content.ts')};
       async function* endless() {
         for (let index = 0; ; index += 1) {
           yield Buffer.alloc(2 << 20);
           if (index === 3) process.stdout.write('writing');
           if (index > 3) await new Promise((resolve) => setTimeout(resolve, 1000));
         }
       }
       const open = async () => ({ ok: true, value: endless() });
       const place = layoutPlace(ownLayout(${JSON.stringify(images)}), 'edge');
       await place.putBlob({ digest: 'sha256:${'0'.repeat(64)}', size: 1e12, mountFrom: null, open }, ${CALL});`,
      clone,
    );
    await once(child.stdout ?? child, 'data');
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(readdirSync(join(images, 'work'))).toHaveLength(1);
    const artifact = await ociArtifact(parts.blobs, 'edge');
    const store = createArtifactStore(parts, at);
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    expect(value(await store.find('edge', artifact.fingerprint, call))).toBe(artifact.digest);
    expect(readdirSync(join(images, 'work'))).toEqual([]);
  });
});
