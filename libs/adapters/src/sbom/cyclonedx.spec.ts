import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Artifact, Call, Layer, Result } from '@goldenthread/core';
import { digestOf, missingTools, simpleBlobs, skipAloud, tarOf } from '@goldenthread/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { createSbom } from './cyclonedx.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-sbom-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const blobs = simpleBlobs(join(folder, 'blobs'));
const sbom = createSbom({ blobs });
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

async function keep(tar: string): Promise<Layer> {
  return { ...value(await blobs.write(createReadStream(tar), call)), step: 'base' };
}

/** A layer with these files, or links where the text starts with an arrow. */
async function layer(files: Readonly<Record<string, string>>): Promise<Layer> {
  const root = mkdtempSync(join(folder, 'root-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(root, path));
    else writeFileSync(join(root, path), text);
  }
  writeFileSync(`${root}.tar`, tarOf(root));
  return keep(`${root}.tar`);
}

const artifactOf = (layers: readonly Layer[], more: Partial<Artifact> = {}): Artifact => ({
  schema: 1,
  image: 'edge',
  role: 'web',
  fingerprint: digestOf('fingerprint'),
  digest: digestOf(layers.map(({ digest }) => digest).join()),
  base: { digest: digestOf('base') },
  builder: { name: 'layered', backend: 'overlay' },
  tools: {},
  commit: { sha: 'c'.repeat(40), dirty: false },
  size: 1,
  time: '2026-01-02T03:04:05+02:00',
  seconds: 1,
  layers: [...layers],
  external: [],
  ...more,
});

interface Named {
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly 'bom-ref'?: string;
  readonly licenses?: unknown;
  readonly hashes?: unknown;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

interface Bom {
  readonly serialNumber: string;
  readonly metadata: { readonly component: Named; readonly timestamp: string };
  readonly components?: readonly Named[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

const bomOf = async (artifact: Artifact): Promise<Bom> =>
  JSON.parse(value(await sbom(artifact, call))) as Bom;
const unknown = ({ metadata }: Bom): readonly string[] =>
  (metadata.component.properties ?? [])
    .filter(({ name }) => name === 'goldenthread:unknown')
    .map((one) => one.value);
const purls = ({ components = [] }: Bom): readonly (string | undefined)[] =>
  components.map(({ purl }) => purl).filter(Boolean);

const DEBIAN = {
  'usr/lib/os-release': 'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n',
  'etc/os-release': '-> ../usr/lib/os-release',
};
const STATUS = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u4
Description: the C library
 with a second line

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
`;
const APP = JSON.stringify({ name: '@acme/app', version: '1.0.0', license: 'MIT' });

const debian = await layer({
  ...DEBIAN,
  'var/lib/dpkg/status': STATUS,
  'srv/node_modules/@acme/app/package.json': APP,
  'srv/node_modules/odd/package.json': JSON.stringify({ name: ' odd name ', version: '1', license: 'Own' }),
});

describe('the packages of an image', () => {
  it('are named with their package URLs, below the image that the document is about', async () => {
    const artifact = artifactOf([debian]);
    const bom = await bomOf(artifact);
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
    expect(bom.metadata).toMatchObject({
      timestamp: '2026-01-02T01:04:05.000Z',
      component: {
        type: 'container',
        name: 'edge',
        purl: `pkg:oci/edge@${artifact.digest}`,
        hashes: [{ alg: 'SHA-256', content: artifact.digest.slice(7) }],
      },
    });
    expect(bom.metadata.component.properties).toContainEqual({
      name: 'goldenthread:fingerprint',
      value: artifact.fingerprint,
    });
    expect(bom.components).toMatchObject([
      { type: 'operating-system', name: 'debian', version: '12' },
      {
        name: 'libc6',
        version: '2.36-9+deb12u4',
        purl: 'pkg:deb/debian/libc6@2.36-9+deb12u4?arch=amd64&distro=debian-12&upstream=glibc%402.36-9',
      },
      { name: ' odd name ', licenses: [{ license: { name: 'Own' } }] },
      { name: '@acme/app', purl: 'pkg:npm/%40acme/app@1.0.0', licenses: [{ license: { id: 'MIT' } }] },
    ]);
    expect(unknown(bom)).toEqual([]);
  });

  it('are what the image depends on, each by its name in the document', async () => {
    const { metadata, components = [], dependencies } = await bomOf(artifactOf([debian]));
    const refs = components.map((one) => one['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    expect(dependencies[0]).toEqual({ ref: metadata.component['bom-ref'], dependsOn: refs });
  });

  it('are those that the uppermost layers leave', async () => {
    const newer = STATUS.replace('u4', 'u5');
    const above = await layer({
      'var/lib/dpkg/status': `${newer}\nPackage: nginx\nStatus: install ok installed\nArchitecture: all\nVersion: 1.2\n`,
      'srv/.wh.node_modules': '',
    });
    const list = purls(await bomOf(artifactOf([debian, above])));
    expect(list.map((purl) => purl?.replace(/\?.*/, ''))).toEqual([
      'pkg:deb/debian/libc6@2.36-9+deb12u5',
      'pkg:deb/debian/nginx@1.2',
    ]);
  });

  it('are written the same, byte by byte, every time', async () => {
    const artifact = artifactOf([debian]);
    const first = value(await sbom(artifact, call));
    expect(value(await createSbom({ blobs })(artifact, call))).toBe(first);
    const other = await bomOf({ ...artifact, digest: digestOf('other') });
    expect(other.serialNumber).not.toBe((JSON.parse(first) as Bom).serialNumber);
    expect(other.serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('of an Alpine image and of one without a package manager are found as well', async () => {
    const alpine = await layer({
      'etc/os-release': 'ID=alpine\nVERSION_ID=3.19.1\n',
      'lib/apk/db/installed': 'P:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld.so\n\n',
    });
    expect(purls(await bomOf(artifactOf([alpine])))).toEqual([
      'pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.1&upstream=musl',
    ]);
    const distroless = await layer({
      ...DEBIAN,
      'var/lib/dpkg/status.d/tzdata': 'Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n',
      'var/lib/dpkg/status.d/tzdata.md5sums': 'abc  usr/share/zoneinfo/UTC\n',
    });
    expect(purls(await bomOf(artifactOf([distroless])))).toEqual([
      'pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian-12',
    ]);
  });
});

describe('what cannot be known of an image', () => {
  it('is said: a binary database, none at all, or one that is a link', async () => {
    const rpm = await layer({ 'var/lib/rpm/rpmdb.sqlite': 'SQLite' });
    expect(unknown(await bomOf(artifactOf([rpm])))).toEqual([
      "var/lib/rpm/rpmdb.sqlite: the packages of rpm's binary database are not listed",
    ]);
    const empty = await layer({ 'etc/hostname': 'x' });
    expect(unknown(await bomOf(artifactOf([empty])))).toEqual([
      'no package database of a distribution was found',
    ]);
    const linked = await layer({ 'var/lib/dpkg/status': '-> elsewhere' });
    expect(unknown(await bomOf(artifactOf([linked])))).toEqual(['var/lib/dpkg/status: it cannot be read']);
  });

  it('is everything where the content lies elsewhere', async () => {
    const bom = await bomOf(artifactOf([], { external: [{ builder: 'amazon-ebs', id: 'ami-1' }] }));
    expect(unknown(bom)).toEqual([expect.stringContaining('elsewhere (amazon-ebs ami-1)')]);
    expect(bom.components ?? []).toEqual([]);
  });

  it('is no document where a layer is missing', async () => {
    const lost = { digest: digestOf('lost'), size: 1, step: 'x' };
    expect(await sbom(artifactOf([lost]), call)).toMatchObject({
      ok: false,
      failures: [{ code: 'content-corrupt', expected: lost.digest, found: 'nothing' }],
    });
  });
});

/** A Python that knows JSON Schema: the library can check its own documents by none that is installed with it. */
const python = ['python3', '/usr/bin/python3'].find((name) => {
  try {
    execFileSync(name, ['-c', 'import jsonschema'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});
if (python === undefined) skipAloud('the schema of CycloneDX', 'no python3 with jsonschema is here');

const CHECK = `
import json, pathlib, sys, urllib.parse, warnings
warnings.simplefilter('ignore')
import jsonschema
folder = pathlib.Path(sys.argv[1])
schemas = {name: json.loads((folder / name).read_text()) for name in sys.argv[2:]}
schema = schemas[sys.argv[2]]
store = {urllib.parse.urljoin(schema['$id'], name): one for name, one in schemas.items()}
resolver = jsonschema.RefResolver(schema['$id'], schema, store=store)
validator = jsonschema.Draft7Validator(schema, resolver=resolver)
print(json.dumps([error.message for error in validator.iter_errors(json.load(sys.stdin))]))
`;

describe.skipIf(python === undefined)('the schema of CycloneDX 1.6', () => {
  const library = createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json');
  const schemas = ['bom-1.6', 'spdx', 'jsf-0.82'].map((name) => `${name}.SNAPSHOT.schema.json`);
  const faults = (text: string): unknown =>
    JSON.parse(
      execFileSync(python ?? '', ['-c', CHECK, join(dirname(library), 'res/schema'), ...schemas], {
        input: text,
        encoding: 'utf8',
      }),
    );

  it('is kept by every document', async () => {
    const elsewhere = artifactOf([], { external: [{ builder: 'amazon-ebs', id: 'ami-1' }] });
    for (const artifact of [artifactOf([debian]), elsewhere])
      expect(faults(value(await sbom(artifact, call)))).toEqual([]);
    expect(faults(value(await sbom(elsewhere, call)).replace('container', 'thing'))).not.toEqual([]);
  });
});

const missing = missingTools('mmdebstrap', 'dpkg-query');

describe.skipIf(missing.length > 0)('a real root file system of Debian', () => {
  it('has the packages that dpkg says it has', { timeout: 300_000 }, async () => {
    const tar = join(folder, 'debian.tar');
    const root = join(folder, 'debian');
    execFileSync('mmdebstrap', ['--variant=essential', 'bookworm', tar], { stdio: 'ignore' });
    mkdirSync(root);
    execFileSync('tar', ['-C', root, '-xf', tar, './var/lib/dpkg']);
    const listed = execFileSync(
      'dpkg-query',
      [
        `--admindir=${root}/var/lib/dpkg`,
        '-W',
        '-f',
        '${Package} ${Version} ${Architecture} ${db:Status-Status}\n',
      ],
      { encoding: 'utf8' },
    );
    const installed = listed.split('\n').filter((line) => line.endsWith(' installed'));
    const bom = await bomOf(artifactOf([await keep(tar)]));
    const found = (bom.components ?? [])
      .filter(({ type }) => type === 'library')
      .map(({ name, version, purl }) => `${name} ${version} ${/arch=(\w+)/.exec(purl ?? '')?.[1]} installed`);
    expect(installed.length).toBeGreaterThan(20);
    expect(found.toSorted()).toEqual(installed.toSorted());
    expect(bom.components?.[0]).toMatchObject({ type: 'operating-system', name: 'debian', version: '12' });
    expect(unknown(bom)).toEqual([]);
  });
});
