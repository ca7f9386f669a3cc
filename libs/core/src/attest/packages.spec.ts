import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageFileLimit, readContents } from './packages.ts';

const read = (files: Readonly<Record<string, string | null>>): ReturnType<typeof readContents> =>
  readContents(new Map(Object.entries(files)));
const DPKG = 'var/lib/dpkg/status';
const APK = 'lib/apk/db/installed';

describe('files that say what is installed', () => {
  it.each([
    'etc/os-release',
    'usr/lib/os-release',
    DPKG,
    'var/lib/dpkg/status.d/base',
    APK,
    'usr/lib/apk/db/installed',
    'node_modules/x/package.json',
    'srv/app/node_modules/@scope/x/package.json',
    'srv/node_modules/.pnpm/x@1/node_modules/x/package.json',
    'var/lib/rpm/rpmdb.sqlite',
    'usr/lib/sysimage/rpm/Packages.db',
    'var/lib/pacman/local/ALPM_DB_VERSION',
  ])('are read: %s', (path) => {
    expect(packageFileLimit(path)).not.toBeNull();
  });

  it.each([
    '',
    'srv/etc/os-release',
    'var/lib/dpkg/status-old',
    'var/lib/dpkg/status.d/base.md5sums',
    'srv/package.json',
    'node_modules/x/dist/package.json',
    'node_modules/@scope/package.json',
  ])('are not all files: %s', (path) => {
    expect(packageFileLimit(path)).toBeNull();
  });
});

describe("dpkg's database", () => {
  const stanza = (name: string, status: string, more = ''): string =>
    `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: 1:2.0-1\n${more}`;

  it('lists what is on the disk, and not what was removed', () => {
    const states = ['installed', 'half-configured', 'triggers-pending', 'config-files', 'not-installed'];
    const status = states.map((state) => stanza(state, `install ok ${state}`)).join('\n');
    expect(read({ [DPKG]: status }).packages.map(({ name }) => name)).toEqual([
      'half-configured',
      'installed',
      'triggers-pending',
    ]);
  });

  it('names the source, its version only where it is another', () => {
    const of = (source: string): unknown =>
      read({ [DPKG]: stanza('x', 'install ok installed', source) }).packages[0]?.source;
    expect(of('Source: glibc\n')).toBe('glibc');
    expect(of('Source: gcc-12 (12.2.0-14)\n')).toBe('gcc-12@12.2.0-14');
    expect(of('')).toBeUndefined();
  });

  it('may be one file per package, and continues fields on further lines', () => {
    const text = 'Package: base\nVersion: 12\nArchitecture: all\nDescription: one\n .\n Version: 13\n';
    expect(read({ 'var/lib/dpkg/status.d/base': text })).toMatchObject({
      packages: [{ type: 'deb', name: 'base', version: '12', arch: 'all' }],
      unknown: [],
    });
  });

  it('says where an entry of it cannot be understood', () => {
    const status = `${stanza('x', 'install ok installed')}\nPackage: y\nStatus: install ok installed\n`;
    expect(read({ [DPKG]: status })).toMatchObject({
      packages: [{ name: 'x' }],
      unknown: [`${DPKG} has an entry without a name or a version`],
    });
  });
});

describe("apk's database and package.json", () => {
  it('list packages with their licences', () => {
    expect(
      read({
        [APK]:
          'C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:x\nZ:Q1\n\nP:busybox\nV:1.36\n\n',
        'node_modules/a/package.json': '{"name":"a","version":"1.0.0","license":{"type":"ISC"}}',
        'node_modules/b/node_modules/a/package.json': '{"name":"a","version":"1.0.0","license":"ISC"}',
        'node_modules/c/package.json': '{"type":"module"}',
      }),
    ).toEqual({
      distribution: null,
      packages: [
        { type: 'apk', name: 'busybox', version: '1.36' },
        { type: 'apk', name: 'musl', version: '1.2.4-r2', arch: 'x86_64', source: 'musl', licence: 'MIT' },
        { type: 'npm', name: 'a', version: '1.0.0', licence: 'ISC' },
      ],
      unknown: [],
    });
  });
});

describe('the distribution', () => {
  it.each([
    ['ID=debian\nVERSION_ID="12"\n', { id: 'debian', version: '12' }],
    ["NAME='x y'\nID='alpine'\nVERSION_ID=3.19.1\n", { id: 'alpine', version: '3.19.1' }],
    ['ID=arch\nVERSION_ID=\n', { id: 'arch', version: null }],
    ['NAME="nameless"\n', null],
  ])('is read: %j', (text, expected) => {
    expect(read({ 'etc/os-release': text }).distribution).toEqual(expected);
    expect(read({ 'etc/os-release': null, 'usr/lib/os-release': text }).distribution).toEqual(expected);
  });
});

describe('what cannot be known', () => {
  it('is said', () => {
    expect(read({}).unknown).toEqual(['no package database of a distribution was found']);
    expect(read({ [DPKG]: null }).unknown).toEqual([`${DPKG}: it cannot be read`]);
    expect(read({ [DPKG]: '', 'node_modules/a/package.json': '{' }).unknown).toEqual([
      'node_modules/a/package.json is not JSON',
    ]);
    expect(read({ 'var/lib/rpm/Packages': '', 'var/lib/pacman/local/ALPM_DB_VERSION': '' }).unknown).toEqual([
      'var/lib/pacman/local/ALPM_DB_VERSION: the packages of pacman are not listed',
      "var/lib/rpm/Packages: the packages of rpm's binary database are not listed",
    ]);
  });

  it('is no reason to give up, whatever the files hold; the order of files changes nothing', () => {
    const path = fc.constantFrom(DPKG, APK, 'etc/os-release', 'node_modules/x/package.json', 'elsewhere');
    const line = fc.constantFrom('Package: a', 'Version: 1', 'P:a', 'V:1', ' x', '', ':', 'ID="', '{}');
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.array(line).map((lines) => lines.join('\n')),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(path, text)), (files) => {
        const map = new Map(files);
        expect(readContents(new Map([...map].toReversed()))).toEqual(readContents(map));
      }),
    );
  });
});
