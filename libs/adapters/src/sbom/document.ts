import { Enums, Models, Serialize, SPDX, Spec } from '@cyclonedx/cyclonedx-library';
import type { Artifact, Contents, Distribution, Package } from '@goldenthread/core';
import { imageUrl, packageUrl } from './purl.ts';

const hex = (digest: string): string => digest.replace(/^sha256:/, '');

/** The same for the same digest: a UUID of version 8, whose bits are everybody's own to choose. */
function serialNumber(digest: string): string {
  const [, a, b, c, d, e] = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})/.exec(hex(digest)) ?? [];
  return `urn:uuid:${a}-${b}-8${c}-8${d}-${e}`;
}

const licenceOf = (words: string): Models.License =>
  SPDX.isSupportedSpdxId(words) ? new Models.SpdxLicense(words) : new Models.NamedLicense(words);

function packageComponent(one: Package, from: Distribution | null): Models.Component {
  const purl = packageUrl(one, from);
  return new Models.Component(Enums.ComponentType.Library, one.name, {
    bomRef: purl ?? [one.type, one.name, one.version, one.arch].filter(Boolean).join(':'),
    version: one.version,
    ...(purl === null ? {} : { purl }),
    licenses: new Models.LicenseRepository(one.licence === undefined ? [] : [licenceOf(one.licence)]),
  });
}

const systemComponent = ({ id, version }: Distribution): Models.Component =>
  new Models.Component(Enums.ComponentType.OperatingSystem, id, {
    bomRef: `distribution:${id}`,
    ...(version === null ? {} : { version }),
  });

/** The distribution and its packages, each name in the document once. */
function components({ packages, distribution }: Contents): readonly Models.Component[] {
  const all = packages.map((one) => packageComponent(one, distribution));
  const once = new Map(all.map((component) => [component.bomRef.value, component]));
  return [...(distribution ? [systemComponent(distribution)] : []), ...once.values()];
}

/** What is said of the image beside its packages. */
function properties(artifact: Artifact, unknown: readonly string[]): readonly Models.Property[] {
  const { role, fingerprint, base, commit, external } = artifact;
  const said: readonly (readonly [name: string, value: string])[] = [
    ['role', role],
    ['fingerprint', fingerprint],
    ...(base ? [['base', base.digest] as const] : []),
    ...(commit ? [['commit', commit.sha] as const] : []),
    ...external.map(({ builder, id }) => ['external', `${builder} ${id}`] as const),
    ...unknown.map((words) => ['unknown', words] as const),
  ];
  return said.map(([name, value]) => new Models.Property(`goldenthread:${name}`, value));
}

/** The image itself: what the document is about. */
function imageComponent(artifact: Artifact, unknown: readonly string[]): Models.Component {
  const { image, digest } = artifact;
  const purl = imageUrl(artifact);
  return new Models.Component(Enums.ComponentType.Container, image, {
    bomRef: purl,
    purl,
    version: digest,
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm['SHA-256'], hex(digest)]]),
    properties: new Models.PropertyRepository(properties(artifact, unknown)),
  });
}

/** What an artifact holds as a CycloneDX 1.6 document, JSON text: the same for the same artifact and contents, anywhere. */
export function cyclonedx(artifact: Artifact, contents: Contents): string {
  const image = imageComponent(artifact, contents.unknown);
  const parts = components(contents);
  for (const part of parts) image.dependencies.add(part.bomRef);
  const tool = new Models.Component(Enums.ComponentType.Application, 'goldenthread');
  const bom = new Models.Bom({
    serialNumber: serialNumber(artifact.digest),
    metadata: new Models.Metadata({
      timestamp: new Date(artifact.time),
      tools: new Models.Tools({ components: new Models.ComponentRepository([tool]) }),
      component: image,
    }),
    components: new Models.ComponentRepository(parts),
  });
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  // Not sorted by the library, which asks the machine's locale: everything comes in an order of ours.
  return new Serialize.JsonSerializer(factory).serialize(bom, { sortLists: false });
}
