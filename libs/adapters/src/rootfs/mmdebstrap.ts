import { mkdir, readdir, readFile } from 'node:fs/promises';
import { fail, ok, type Json, type MmdebstrapSource, type Result, type Tool } from '@goldenthread/core';
import { environment } from '../host.ts';
import { inside } from '../namespace/root.ts';
import { EPOCH } from '../namespace/scripts.ts';
import type { RootfsSource } from './rootfs.ts';

/** Makes root file systems from Debian packages. */
export const MMDEBSTRAP: Tool = {
  name: 'mmdebstrap',
  purpose: 'making root file systems from Debian and Ubuntu packages',
  version: ['--version'],
  install: 'Install mmdebstrap (packaged for Debian and Ubuntu); elsewhere use an `oci` base.',
  debian: 'mmdebstrap',
};

/** A root file system made by mmdebstrap, from the declared mirror or from the apt sources of this machine. */
export const mmdebstrapRootfs = (source: MmdebstrapSource): RootfsSource => ({
  name: `mmdebstrap ${source.suite} (${source.variant})`,
  tools: [MMDEBSTRAP],
  key: () => (source.mirror === undefined ? aptSources() : Promise.resolve(null)),
  make: async ({ site, folder, image, log }, call) => {
    const words = mmdebstrapArguments(source, folder);
    if (!words.ok) return words;
    const temporary = `${site.work}/mmdebstrap`;
    await mkdir(temporary, { recursive: true });
    const env = environment({
      SOURCE_DATE_EPOCH: `${EPOCH}`,
      TMPDIR: temporary,
      DEBIAN_FRONTEND: 'noninteractive',
      HOME: '/root',
    });
    const onLine = (line: string): void => call.emit({ type: 'output', project: image, line });
    const { name, purpose, install } = MMDEBSTRAP;
    const done = await inside(
      site,
      { argv: [name, ...words.value], env, log, onLine, purpose, install },
      call,
    );
    return done.ok ? ok(undefined) : done;
  },
});

/** `20250520T000000Z`, as archives of packages name a time. */
const snapshotTime = (time: string): string => new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');

/** The arguments of mmdebstrap that fill a folder. */
export function mmdebstrapArguments(source: MmdebstrapSource, folder: string): Result<readonly string[]> {
  const { suite, variant, packages, mirror, snapshot } = source;
  const asked = mirror?.includes('{snapshot}') === true;
  if ((snapshot !== undefined) !== asked)
    return fail({
      code: 'usage',
      detail: asked
        ? `the mirror ${mirror} needs a time for {snapshot}, and none is declared`
        : 'a snapshot needs a mirror that keeps old packages',
      hint: 'Declare both `snapshot: 2025-05-20T00:00:00Z` and a `mirror:` with {snapshot} in the place of the time.',
    });
  const from = snapshot === undefined ? mirror : mirror?.replace('{snapshot}', snapshotTime(snapshot));
  return ok([
    ...['--mode=root', '--format=directory', `--variant=${variant}`],
    ...(packages.length === 0 ? [] : [`--include=${packages.toSorted().join(',')}`]),
    // What an old archive says of its own validity has run out long ago.
    ...(snapshot === undefined ? [] : ['--aptopt=Acquire::Check-Valid-Until "false"']),
    ...[suite, folder],
    ...(from === undefined ? [] : [from]),
  ]);
}

/** The apt sources of this machine: they decide the packages where no mirror is declared. */
async function aptSources(): Promise<Json> {
  const folder = '/etc/apt/sources.list.d';
  const names = (await readdir(folder).catch(() => []))
    .filter((name) => /\.(list|sources)$/.test(name))
    .toSorted();
  const paths = ['/etc/apt/sources.list', ...names.map((name) => `${folder}/${name}`)];
  return Promise.all(paths.map(async (path) => [path, await readFile(path, 'utf8').catch(() => null)]));
}
