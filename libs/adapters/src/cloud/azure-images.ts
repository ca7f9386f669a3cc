import type {
  ComputeManagementClient,
  GalleryImageVersion,
  HyperVGeneration,
  Image,
} from '@azure/arm-compute';
import { all, fail, ok, type Call, type Result } from '@goldenthread/core';
import type { Azure, AzureRequest } from './azure-client.ts';
import { idOf, parseId, type GalleryVersion, type ManagedImage, type Place } from './azure-id.ts';
import { present } from './fault.ts';
import type { CloudImage, Images, Mark, Marks } from './images.ts';

type Tags = Readonly<Record<string, string>>;

/** An image of Azure: managed, or a version in a gallery. */
export interface AzureImage extends CloudImage {
  readonly place: Place;
  readonly location: string;
  /** All tags, ours and others. */
  readonly tags: Tags;
  readonly system: 'Linux' | 'Windows';
  /** What the image itself says; a version does not. */
  readonly generation: HyperVGeneration | null;
  /** How a version is published; null for managed images. */
  readonly profile: NonNullable<GalleryImageVersion['publishingProfile']> | null;
}

/** Images of Azure, and what only Azure has. */
export interface AzureImages extends Images<AzureImage> {
  read(place: Place, call: Call): Promise<Result<AzureImage | null>>;
  /** Sets tags, and takes away those that are null; with `profile` also how a version is published. */
  retag(image: AzureImage, change: TagChange, call: Call): Promise<Result<void>>;
  /** Deletes it, and waits for that. */
  drop(place: Place, call: Call): Promise<Result<void>>;
}

/** Tags to set, those to take away, and how a version is published from now on. */
export interface TagChange {
  readonly tags: Readonly<Record<string, string | null>>;
  readonly profile?: NonNullable<GalleryImageVersion['publishingProfile']>;
}

const PREFIX = 'goldenthread-';
const LONGEST = 256;
const TRIES = 5;

/** Marks as tags: Azure forbids `%`, `/` and the like in their names, and nothing in values. */
export const tagsOf = (marks: Marks): Record<string, string> =>
  Object.fromEntries(Object.entries(marks).map(([mark, value]) => [`${PREFIX}${mark}`, value]));

function marksOf(tags: Tags): Marks {
  const ours = Object.entries(tags).filter(([name]) => name.startsWith(PREFIX));
  return Object.fromEntries(ours.map(([name, value]) => [name.slice(PREFIX.length) as Mark, value]));
}

function stateOf(state: string | undefined): AzureImage['state'] {
  if (state === 'Succeeded') return 'available';
  return state === 'Creating' || state === 'Updating' || state === 'Migrating' ? 'pending' : 'failed';
}

function managed(place: ManagedImage, image: Image): AzureImage {
  const tags = image.tags ?? {};
  return {
    id: idOf(place),
    place,
    location: present(image.location, 'location'),
    state: stateOf(image.provisioningState),
    tags,
    marks: marksOf(tags),
    system: image.storageProfile?.osDisk?.osType === 'Windows' ? 'Windows' : 'Linux',
    generation: image.hyperVGeneration ?? null,
    profile: null,
  };
}

function versioned(place: GalleryVersion, version: GalleryImageVersion): AzureImage {
  const tags = version.tags ?? {};
  return {
    id: idOf(place),
    place,
    location: present(version.location, 'location'),
    state: stateOf(version.provisioningState),
    tags,
    marks: marksOf(tags),
    system: 'Linux',
    generation: null,
    profile: version.publishingProfile ?? {},
  };
}

/** What an answer is, or null where it says that there is nothing. */
export async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return null;
    throw error;
  }
}

const read = (azure: Azure, place: Place, call: Call): Promise<Result<AzureImage | null>> =>
  azure.ask(
    { subscription: place.subscription, doing: `looking at ${idOf(place)}` },
    async (compute, options) => {
      if ('name' in place) {
        const found = await orNull(compute.images.get(place.resourceGroup, place.name, options));
        return found && managed(place, found);
      }
      const { resourceGroup, gallery, definition, version } = place;
      const found = await orNull(
        compute.galleryImageVersions.get(resourceGroup, gallery, definition, version, options),
      );
      return found && versioned(place, found);
    },
    call,
  );

const groupOf = (id: string | undefined): string => /\/resourceGroups\/([^/]+)\//i.exec(id ?? '')?.[1] ?? '';

async function* versionsIn(
  compute: ComputeManagementClient,
  subscription: string,
  options: AzureRequest,
): AsyncGenerator<AzureImage> {
  for await (const { id, name: gallery = '' } of compute.galleries.list(options)) {
    const resourceGroup = groupOf(id);
    const definitions = compute.galleryImages.listByGallery(resourceGroup, gallery, options);
    for await (const { name: definition = '' } of definitions) {
      const all = compute.galleryImageVersions.listByGalleryImage(
        resourceGroup,
        gallery,
        definition,
        options,
      );
      for await (const one of all) {
        const version = one.name ?? '';
        yield versioned({ subscription, resourceGroup, gallery, definition, version }, one);
      }
    }
  }
}

const inSubscription = (
  azure: Azure,
  subscription: string,
  image: string,
  call: Call,
): Promise<Result<readonly AzureImage[]>> =>
  azure.ask(
    { subscription, doing: `listing images in ${subscription}` },
    async (compute, options) => {
      const found: AzureImage[] = [];
      for await (const one of compute.images.list(options))
        found.push(managed({ subscription, resourceGroup: groupOf(one.id), name: one.name ?? '' }, one));
      for await (const one of versionsIn(compute, subscription, options)) found.push(one);
      return found.filter(({ marks }) => marks.image === image);
    },
    call,
  );

function merged(tags: Tags, change: TagChange['tags']): Record<string, string> {
  const entries = Object.entries({ ...tags, ...change });
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === null ? [] : [[name, value.slice(0, LONGEST)]])),
  );
}

const write = (
  azure: Azure,
  { place, tags, id }: AzureImage,
  change: TagChange,
  call: Call,
): Promise<Result<void>> =>
  azure.ask(
    { subscription: place.subscription, doing: `tagging ${id}` },
    async (compute, options) => {
      const next = { tags: merged(tags, change.tags) };
      if ('name' in place) {
        const poller = compute.images.update(place.resourceGroup, place.name, next, options);
        return void (await azure.finish(poller, options));
      }
      const { resourceGroup, gallery, definition, version } = place;
      const update = { ...next, ...(change.profile && { publishingProfile: change.profile }) };
      const poller = compute.galleryImageVersions.update(
        resourceGroup,
        gallery,
        definition,
        version,
        update,
        options,
      );
      return void (await azure.finish(poller, options));
    },
    call,
  );

/** Tags are written as a whole, by the last who does: what somebody else overwrote is written again. */
async function retag(azure: Azure, image: AzureImage, change: TagChange, call: Call): Promise<Result<void>> {
  for (let left = TRIES; left > 0; left -= 1) {
    const there = await read(azure, image.place, call);
    if (!there.ok) return there;
    if (there.value === null) return ok(undefined);
    const { tags } = there.value;
    const wanted = merged(tags, change.tags);
    const same = Object.keys({ ...tags, ...wanted }).every((name) => tags[name] === wanted[name]);
    if (same && (left < TRIES || !change.profile)) return ok(undefined);
    const written = await write(azure, there.value, change, call);
    if (!written.ok) return written;
  }
  const detail = `somebody else changes the tags at the same time, ${TRIES} times in a row`;
  return fail({ code: 'store-refused', store: 'Azure', doing: `tagging ${image.id}`, status: 409, detail });
}

const drop = (azure: Azure, place: Place, call: Call): Promise<Result<void>> =>
  azure.ask(
    { subscription: place.subscription, doing: `removing ${idOf(place)}` },
    async (compute, options) => {
      if ('name' in place)
        return azure.finish(compute.images.delete(place.resourceGroup, place.name, options), options);
      const { resourceGroup, gallery, definition, version } = place;
      const versions = compute.galleryImageVersions;
      return azure.finish(versions.delete(resourceGroup, gallery, definition, version, options), options);
    },
    call,
  );

/** Images with their marks in tags `goldenthread-<mark>`. */
export function createAzureImages(azure: Azure): AzureImages {
  return {
    cloud: 'Azure',
    kind: 'azure',
    homes: ({ external }) =>
      external
        .filter(({ builder, id }) => builder.startsWith('azure-') && parseId(id) !== null)
        .map(({ id }) => id),
    async look(id, call) {
      const place = parseId(id);
      return place ? read(azure, place, call) : ok(null);
    },
    async list(image, near, call) {
      const beside = near.flatMap((id) => parseId(id)?.subscription ?? []);
      if (!azure.subscription.ok && beside.length === 0) return azure.subscription;
      const own = azure.subscription.ok ? [azure.subscription.value] : [];
      const listed = await Promise.all(
        [...new Set([...own, ...beside])].map((one) => inSubscription(azure, one, image, call)),
      );
      const found = all(listed);
      return found.ok ? ok(found.value.flat()) : found;
    },
    mark: (image, marks, call) => retag(azure, image, { tags: tagsOf(marks) }, call),
    read: (place, call) => read(azure, place, call),
    retag: (image, change, call) => retag(azure, image, change, call),
    drop: (place, call) => drop(azure, place, call),
  };
}
