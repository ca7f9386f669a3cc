import { createHash } from 'node:crypto';
import { fail, ok, type Account, type Call, type Release, type Result } from '@goldenthread/core';
import type { Azure } from './azure-client.ts';
import { idOf, parseId, regionKey, type GalleryVersion } from './azure-id.ts';
import { orNull, tagsOf, type AzureImage, type AzureImages } from './azure-images.ts';
import { unfit } from './images.ts';

/** An account in Azure: a gallery. */
export type AzureAccount = Extract<Account, { kind: 'azure' }>;

/** A release on its way into a gallery. */
export interface Order {
  readonly release: Release;
  readonly account: AzureAccount;
  readonly source: AzureImage;
  readonly to: GalleryVersion;
}

/** Where an account has a release: `<gallery>/<image>/<version>`. */
export const galleryPlace = (account: AzureAccount, { artifact, version }: Release): GalleryVersion => ({
  subscription: account.subscription,
  resourceGroup: account.resourceGroup,
  gallery: account.gallery,
  definition: artifact.image,
  version,
});

const SHARE = 'goldenthread-share-';

/** On the source: a tag for each version that was made from it, because nothing else leads there. */
export const shareTag = (to: GalleryVersion): string =>
  SHARE + createHash('sha256').update(idOf(to).toLowerCase()).digest('hex').slice(0, 12);

/** The versions that were made from an image. */
export const sharesOf = ({ tags }: AzureImage): readonly GalleryVersion[] =>
  Object.entries(tags).flatMap(([name, id]) => {
    const place = name.startsWith(SHARE) ? parseId(id) : null;
    return place && 'gallery' in place ? [place] : [];
  });

/** Regions in which an account is to have a version, and does not. */
export function regionsMissing(account: AzureAccount, version: AzureImage): readonly string[] {
  const there = new Set((version.profile?.targetRegions ?? []).map(({ name }) => regionKey(name)));
  return account.regions.filter((region) => !there.has(regionKey(region)));
}

/** Sees to it that the gallery has a definition of the image; `account-unfit` where there is no such gallery. */
export async function define(
  azure: Azure,
  { account, source, to }: Order,
  call: Call,
): Promise<Result<void>> {
  const { resourceGroup, gallery, definition } = to;
  const done = await azure.ask(
    { subscription: to.subscription, doing: `defining ${definition} in ${gallery}` },
    async (compute, options) => {
      const there = await orNull(compute.galleryImages.get(resourceGroup, gallery, definition, options));
      if (there) return true;
      const parent = await orNull(compute.galleries.get(resourceGroup, gallery, options));
      if (!parent) return false;
      const { generation, system } = await properties(azure, source, call);
      const made = compute.galleryImages.createOrUpdate(
        resourceGroup,
        gallery,
        definition,
        {
          location: parent.location,
          osType: system,
          osState: 'Generalized',
          identifier: { publisher: 'goldenthread', offer: definition, sku: definition },
          ...(generation === null ? {} : { hyperVGeneration: generation }),
        },
        options,
      );
      await azure.finish(made, options);
      return true;
    },
    call,
  );
  if (!done.ok || done.value) return done.ok ? ok(undefined) : done;
  const why = `there is no gallery ${gallery} in the resource group ${resourceGroup}`;
  return fail(unfit(account.name, definition, why));
}

/** A version's system and generation stand in its definition. */
async function properties(
  azure: Azure,
  source: AzureImage,
  call: Call,
): Promise<Pick<AzureImage, 'generation' | 'system'>> {
  const { place } = source;
  if ('name' in place) return source;
  const found = await azure.ask(
    { subscription: place.subscription, doing: `looking at ${place.definition} in ${place.gallery}` },
    (compute, options) =>
      orNull(compute.galleryImages.get(place.resourceGroup, place.gallery, place.definition, options)),
    call,
  );
  const definition = found.ok ? found.value : null;
  return {
    generation: definition?.hyperVGeneration ?? null,
    system: definition?.osType === 'Windows' ? 'Windows' : 'Linux',
  };
}

/** Makes a version from the source, or adds regions to one that is there, and waits until it is everywhere. */
export async function publish(
  azure: Azure,
  order: Order,
  there: AzureImage | null,
  call: Call,
): Promise<Result<void>> {
  const { release, account, source, to } = order;
  const { resourceGroup, gallery, definition, version } = to;
  // Azure wants the region of the version, which is that of the source, among those that it goes to.
  const wanted = there
    ? regionsMissing(account, there)
    : [...new Set([source.location, ...account.regions].map(regionKey))];
  const targetRegions = [...(there?.profile?.targetRegions ?? []), ...wanted.map((name) => ({ name }))];
  const what = `${definition} ${version} in ${gallery}, for ${wanted.join(', ')}`;
  call.emit({ type: 'waiting', project: release.artifact.image, what });
  const { image, digest, fingerprint } = release.artifact;
  const tags = tagsOf({ image, digest, fingerprint, 'copy-of': source.id, version });
  return azure.ask(
    { subscription: to.subscription, doing: `publishing ${idOf(to)}` },
    async (compute, options) => {
      const poller = compute.galleryImageVersions.createOrUpdate(
        resourceGroup,
        gallery,
        definition,
        version,
        {
          location: there?.location ?? source.location,
          tags: there?.tags ?? tags,
          storageProfile: { source: { id: source.id } },
          publishingProfile: { ...there?.profile, targetRegions },
        },
        options,
      );
      await azure.finish(poller, options);
    },
    call,
  );
}

/** Waits for a version that is on its way already. */
export const settled = async (
  images: AzureImages,
  to: GalleryVersion,
  call: Call,
): Promise<Result<AzureImage | 'gone' | null>> => {
  const seen = await images.read(to, call);
  if (!seen.ok) return seen;
  if (seen.value === null) return ok('gone');
  return ok(seen.value.state === 'pending' ? null : seen.value);
};
