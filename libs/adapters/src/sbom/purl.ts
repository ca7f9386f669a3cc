import type { Artifact, Distribution, Package } from '@goldenthread/core';
import { PackageURL } from 'packageurl-js';

/** `@scope/name` in its two parts. */
const scoped = (name: string): readonly [scope: string | undefined, name: string] => {
  const [, scope, rest] = /^(@[^/]+)\/(.+)$/.exec(name) ?? [];
  return rest === undefined ? [undefined, name] : [scope, rest];
};

function urlOf({ type, name, version, arch, source }: Package, from: Distribution | null): PackageURL {
  if (type === 'npm') return new PackageURL(type, ...scoped(name), version, undefined, undefined);
  const distro = from ? [from.id, from.version].filter(Boolean).join('-') : undefined;
  // Advisories name source packages: scanners look them up by `upstream`.
  const known = Object.entries({ arch, distro, upstream: source }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return new PackageURL(type, from?.id, name, version, Object.fromEntries(known), undefined);
}

/** The package URL; null for a name that has none, as anybody can write anything into a package's files. */
export function packageUrl(one: Package, from: Distribution | null): string | null {
  try {
    return urlOf(one, from).toString();
  } catch {
    return null;
  }
}

/** The package URL of an image, by its digest. */
export const imageUrl = ({ image, digest }: Artifact): string =>
  new PackageURL('oci', undefined, image, digest, undefined, undefined).toString();
