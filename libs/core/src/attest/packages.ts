import type { Json } from '../canonical.ts';

/** A package that is installed in a root file system. */
export interface Package {
  readonly type: 'deb' | 'apk' | 'npm';
  readonly name: string;
  readonly version: string;
  /** As the package's own world spells it: `amd64`, `x86_64`, `all`. */
  readonly arch?: string;
  /** The source package it was built from: what advisories name. */
  readonly source?: string;
  /** In the package's own words: an SPDX expression, or anything else. */
  readonly licence?: string;
}

/** The distribution that a root file system says it is. */
export interface Distribution {
  /** `debian`, `alpine` */
  readonly id: string;
  /** `12`, `3.19.1`; null for those that are always the newest. */
  readonly version: string | null;
}

/** What a root file system holds, as far as its files say. */
export interface Contents {
  readonly distribution: Distribution | null;
  /** Each once, sorted by type, name, version and architecture. */
  readonly packages: readonly Package[];
  /** What is there and could not be read, each in words. */
  readonly unknown: readonly string[];
}

interface Kind {
  readonly name: 'os-release' | 'dpkg' | 'apk' | 'npm' | 'rpm' | 'pacman';
  readonly path: RegExp;
  /** Bytes of such a file that are read at most; 0 where only its being there counts. */
  readonly limit: number;
}

const MIB = 1024 * 1024;

const KINDS: readonly Kind[] = [
  { name: 'os-release', path: /^(etc|usr\/lib)\/os-release$/, limit: 64 * 1024 },
  // Images without a package manager have one file per package instead of one for all.
  { name: 'dpkg', path: /^var\/lib\/dpkg\/(status|status\.d\/(?!.*\.md5sums$)[^/]+)$/, limit: 64 * MIB },
  { name: 'apk', path: /^(usr\/)?lib\/apk\/db\/installed$/, limit: 64 * MIB },
  { name: 'npm', path: /(^|\/)node_modules\/(@[^/]+\/)?[^/@][^/]*\/package\.json$/, limit: MIB },
  { name: 'rpm', path: /^(var\/lib|usr\/lib\/sysimage)\/rpm\/(Packages(\.db)?|rpmdb\.sqlite)$/, limit: 0 },
  { name: 'pacman', path: /^var\/lib\/pacman\/local\/ALPM_DB_VERSION$/, limit: 0 },
];

const kindOf = (path: string): Kind | undefined => KINDS.find((kind) => kind.path.test(path));

/** How many bytes of a file must be read to know what is installed; null for a file that says nothing about it. */
export const packageFileLimit = (path: string): number | null => kindOf(path)?.limit ?? null;

type Fields = ReadonlyMap<string, string>;

/** Blocks of `Key: value` lines with blank lines between them; what a field continues on further lines is left out. */
function stanzas(text: string, separator: RegExp): readonly Fields[] {
  return text.split(/\n(?:[ \t]*\n)+/).flatMap((block) => {
    const fields = block.split('\n').flatMap((line): [string, string][] => {
      const [, key, value] = separator.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value.trim()]];
    });
    return fields.length === 0 ? [] : [new Map(fields)];
  });
}

/** What one file says: packages, or in words why it does not. */
interface Said {
  readonly packages: readonly Package[];
  readonly unknown: readonly string[];
}

type Optional = 'arch' | 'source' | 'licence';

/** The package of these fields; those that are empty are left out. */
function packageOf(
  type: Package['type'],
  fields: { readonly [Key in 'name' | 'version' | Optional]: string | undefined },
): Package | null {
  const { name, version, arch, source, licence } = fields;
  if (!name || !version) return null;
  return {
    type,
    name,
    version,
    ...(arch ? { arch } : {}),
    ...(source ? { source } : {}),
    ...(licence ? { licence } : {}),
  };
}

const said = (path: string, found: readonly (Package | null)[]): Said => ({
  packages: found.filter((one) => one !== null),
  unknown: found.includes(null) ? [`${path} has an entry without a name or a version`] : [],
});

/** What of a package is on the disk in these states is its configuration at most. */
const ABSENT: ReadonlySet<string | undefined> = new Set(['not-installed', 'config-files']);

/** The packages of dpkg's `status`; files of `status.d` say no state, as they are of installed packages only. */
function dpkg(path: string, text: string): Said {
  const installed = stanzas(text, /^([A-Za-z][\w-]*):(.*)$/).filter(
    (fields) => !ABSENT.has(fields.get('Status')?.split(/\s+/).at(-1)),
  );
  return said(
    path,
    installed.map((fields) =>
      packageOf('deb', {
        name: fields.get('Package'),
        version: fields.get('Version'),
        arch: fields.get('Architecture'),
        // "glibc (2.36-9)" where the source's version is another.
        source: fields.get('Source')?.replace(/^(\S+)\s*\((.+)\)$/, '$1@$2'),
        licence: undefined,
      }),
    ),
  );
}

/** The packages of apk's `installed`, whose fields are letters. */
function apk(path: string, text: string): Said {
  const installed = stanzas(text, /^([A-Za-z]):(.*)$/);
  return said(
    path,
    installed.map((fields) =>
      packageOf('apk', {
        name: fields.get('P'),
        version: fields.get('V'),
        arch: fields.get('A'),
        source: fields.get('o'),
        licence: fields.get('L'),
      }),
    ),
  );
}

const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);

type Members = { readonly [key: string]: Json | undefined };

const members = (value: Json | undefined): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {};

/** The package of a package.json; one without a name or a version is no package but a setting of a folder. */
function npm(path: string, content: string): Said {
  let written: Members;
  try {
    written = members(JSON.parse(content) as Json);
  } catch {
    return { packages: [], unknown: [`${path} is not JSON`] };
  }
  const found = packageOf('npm', {
    name: text(written['name']),
    version: text(written['version']),
    arch: undefined,
    source: undefined,
    licence: text(written['license']) ?? text(members(written['license'])['type']),
  });
  return { packages: found ? [found] : [], unknown: [] };
}

const unread = (path: string, why: string): Said => ({ packages: [], unknown: [`${path}: ${why}`] });

const READERS: Readonly<Record<Kind['name'], (path: string, text: string) => Said>> = {
  'os-release': () => ({ packages: [], unknown: [] }),
  dpkg,
  apk,
  npm,
  rpm: (path) => unread(path, "the packages of rpm's binary database are not listed"),
  pacman: (path) => unread(path, 'the packages of pacman are not listed'),
};

/** The words of /etc/os-release, in which values may be quoted. */
function distribution(release: string | null | undefined): Distribution | null {
  const fields = new Map(
    (release ?? '').split('\n').flatMap((line): [string, string][] => {
      const [, key, value] = /^([A-Z_]+)=(?:"([^"]*)"|'([^']*)'|(\S*))\s*$/.exec(line)?.filter(Boolean) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value]];
    }),
  );
  const id = fields.get('ID');
  return id === undefined ? null : { id, version: fields.get('VERSION_ID') ?? null };
}

const order = ({ type, name, version, arch = '' }: Package): string => [type, name, version, arch].join('\0');

/** Each once, in an order that no locale decides. */
function sorted(packages: readonly Package[]): readonly Package[] {
  const once = new Map(packages.map((one) => [order(one), one]));
  return [...once].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

const SYSTEM: ReadonlySet<Kind['name'] | undefined> = new Set(['dpkg', 'apk', 'rpm', 'pacman']);

/**
 * What is installed, from those files of a root file system for which `packageFileLimit` answers: text by path, null where a
 * file is there and could not be read. Never silent: what cannot be known is said in `unknown`.
 */
export function readContents(files: ReadonlyMap<string, string | null>): Contents {
  const all = [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, content]) => {
      const kind = kindOf(path)?.name;
      if (kind === undefined || kind === 'os-release') return { kind, packages: [], unknown: [] };
      const found = content === null ? unread(path, 'it cannot be read') : READERS[kind](path, content);
      return { kind, ...found };
    });
  const none = all.some(({ kind }) => SYSTEM.has(kind))
    ? []
    : ['no package database of a distribution was found'];
  return {
    distribution: distribution(files.get('etc/os-release') ?? files.get('usr/lib/os-release')),
    packages: sorted(all.flatMap(({ packages }) => packages)),
    unknown: [...none, ...all.flatMap(({ unknown }) => unknown)],
  };
}
