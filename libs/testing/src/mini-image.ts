import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const PROGRAMS = [
  'sh',
  'cat',
  'chmod',
  'cp',
  'dd',
  'env',
  'ln',
  'ls',
  'mkdir',
  'mkfifo',
  'mv',
  'rm',
  'sleep',
  'touch',
  'true',
];
const FOLDERS = [
  'dev',
  'etc',
  'proc',
  'root',
  'run',
  'sys',
  'tmp',
  'usr/bin',
  'usr/lib',
  'usr/lib64',
  'usr/sbin',
  'var/cache',
  'var/log',
];
const DATE = '@1500000000';

/** `sha256:…` of bytes. */
export const digestOf = (bytes: Uint8Array | string): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A tar of a folder whose bytes depend on its content alone. */
export const tarOf = (folder: string): Buffer =>
  execFileSync(
    'tar',
    [
      '-C',
      folder,
      `--mtime=${DATE}`,
      '--sort=name',
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '-cf',
      '-',
      '.',
    ],
    {
      maxBuffer: 1 << 28,
    },
  );

/** Puts a handful of this machine's own programs, with what they need to run, into a folder. */
export function miniRoot(folder: string): void {
  for (const name of FOLDERS) mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) symlinkSync(`usr/${name}`, join(folder, name));
  const libraries = new Set<string>();
  for (const name of PROGRAMS) {
    const path = existsSync(`/usr/bin/${name}`) ? `/usr/bin/${name}` : `/bin/${name}`;
    copyFileSync(path, join(folder, 'usr/bin', name));
    for (const [library] of execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/\/\S+/g))
      libraries.add(library);
  }
  for (const library of libraries) {
    mkdirSync(dirname(join(folder, library)), { recursive: true });
    copyFileSync(library, join(folder, library));
  }
  writeFileSync(join(folder, 'etc/issue'), 'mini\n');
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
}

/** An OCI layout of these layers (tars) for this machine, in a folder; answers the digest of its manifest. */
export function writeLayout(
  folder: string,
  layers: readonly { readonly tar: Uint8Array; readonly gzip?: boolean }[],
): string {
  const blob = (bytes: Uint8Array | string): { digest: string; size: number } => {
    const digest = digestOf(bytes);
    writeFileSync(join(folder, 'blobs', digest.replace(':', '/')), bytes);
    return { digest, size: Buffer.byteLength(bytes) };
  };
  const json = (value: unknown): { digest: string; size: number } => blob(JSON.stringify(value));
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const type = 'application/vnd.oci.image';
  const descriptors = layers.map(({ tar, gzip }) => ({
    mediaType: `${type}.layer.v1.tar${gzip === true ? '+gzip' : ''}`,
    ...blob(gzip === true ? gzipSync(tar) : tar),
  }));
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const rootfs = { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) };
  const config = { mediaType: `${type}.config.v1+json`, ...json({ architecture, os: 'linux', rootfs }) };
  const mediaType = `${type}.manifest.v1+json`;
  const manifest = { mediaType, ...json({ schemaVersion: 2, mediaType, config, layers: descriptors }) };
  const platform = { os: 'linux', architecture };
  const index = {
    schemaVersion: 2,
    manifests: [
      { ...manifest, platform: { os: 'linux', architecture: 'none' } },
      { ...manifest, platform },
    ],
  };
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
  return manifest.digest;
}

/** An OCI layout with the smallest image in which a shell runs: no packages, no network; a bake on it takes a second. */
export function miniImage(folder: string): string {
  const root = mkdtempSync(join(tmpdir(), 'goldenthread-mini-'));
  try {
    miniRoot(root);
    return writeLayout(folder, [{ tar: tarOf(root), gzip: true }]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
