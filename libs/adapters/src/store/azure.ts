import {
  fail,
  ok,
  UNMOVED,
  type Access,
  type Account,
  type Artifact,
  type Call,
  type ImageStore,
  type Moved,
  type Release,
  type Result,
} from '@goldenthread/core';
import { createAzureClient, type Azure, type AzureOptions } from '../cloud/azure-client.ts';
import {
  define,
  galleryPlace,
  publish,
  regionsMissing,
  settled,
  sharesOf,
  shareTag,
  type AzureAccount,
  type Order,
} from '../cloud/azure-gallery.ts';
import { idOf, sameId, type GalleryVersion } from '../cloud/azure-id.ts';
import { createAzureImages, tagsOf, type AzureImage, type AzureImages } from '../cloud/azure-images.ts';
import { keeping, kept, unfit } from '../cloud/images.ts';
import { PACE, until, type Pace } from '../cloud/wait.ts';

interface Store {
  readonly azure: Azure;
  readonly images: AzureImages;
  readonly pace: Pace;
}

/** What the account has of a release once nothing is on its way; a version that failed is removed, to be made again. */
async function present(
  { images, pace }: Store,
  { release, to }: Order,
  call: Call,
): Promise<Result<AzureImage | null>> {
  const { artifact, version } = release;
  const awaited = { image: artifact.image, what: `${idOf(to)}, which is on its way` };
  const there = await until(() => settled(images, to, call), awaited, pace, call);
  if (!there.ok || there.value === 'gone') return there.ok ? ok(null) : there;
  const { marks, state } = there.value;
  if (marks.digest !== artifact.digest)
    return fail({
      code: 'version-taken',
      version: `${artifact.image}@${version}`,
      where: `the gallery ${to.gallery}`,
      expected: artifact.digest,
      found: marks.digest ?? 'a version that nobody marked',
    });
  if (state !== 'failed') return ok(there.value);
  const gone = await images.drop(to, call);
  return gone.ok ? ok(null) : gone;
}

/** Brings a release into a gallery, and reads back that it is there. Answers whether anything was missing. */
async function bring(store: Store, order: Order, call: Call): Promise<Result<boolean>> {
  const { azure, images } = store;
  const { source, account, to } = order;
  const there = await present(store, order, call);
  if (!there.ok) return there;
  if (there.value && regionsMissing(account, there.value).length === 0) return ok(false);
  const defined = await define(azure, order, call);
  if (!defined.ok) return defined;
  // Written first: a run that ends here leaves a trace too many, and no version that nothing leads to.
  const noted = await images.retag(source, { tags: { [shareTag(to)]: idOf(to) } }, call);
  if (!noted.ok) return noted;
  const published = await publish(azure, order, there.value, call);
  if (!published.ok) return published;
  const after = await present(store, order, call);
  if (!after.ok || (after.value && regionsMissing(account, after.value).length === 0))
    return after.ok ? ok(true) : after;
  const detail = 'it was published, and is not there in every region';
  return fail({
    code: 'store-refused',
    store: 'Azure',
    doing: `publishing ${idOf(to)}`,
    status: 200,
    detail,
  });
}

/** The image that releases are made from: the first that the builder made. */
async function sourceOf({ images }: Store, artifact: Artifact, call: Call): Promise<Result<AzureImage>> {
  const homes = await kept(images, artifact, call);
  if (!homes.ok) return homes;
  const [source] = homes.value;
  if (!source) throw new Error('an artifact without an image is not kept');
  return ok(source);
}

async function share(store: Store, release: Release, account: Account, call: Call): Promise<Result<Moved>> {
  const { image } = release.artifact;
  if (account.kind !== 'azure') return fail(unfit(account.name, image, 'it is no account of Azure'));
  if (!/^\d{1,9}\.\d{1,9}\.\d{1,9}$/.test(release.version))
    return fail(
      unfit(account.name, image, `a gallery knows no version ${release.version}, only three numbers`),
    );
  const source = await sourceOf(store, release.artifact, call);
  if (!source.ok) return source;
  const order = { release, account, source: source.value, to: galleryPlace(account, release) };
  const brought = await bring(store, order, call);
  return brought.ok ? ok({ ...UNMOVED, sent: brought.value ? 1 : 0 }) : brought;
}

async function accessOf(
  { images }: Store,
  release: Release,
  account: AzureAccount,
  call: Call,
): Promise<Result<Access>> {
  const to = galleryPlace(account, release);
  const there = await images.read(to, call);
  if (!there.ok) return there;
  if (there.value === null) return ok({ account, state: 'missing', detail: `no ${idOf(to)}` });
  const { marks, state, id } = there.value;
  if (marks.digest !== release.artifact.digest)
    return ok({ account, state: 'other', detail: `${id} is ${marks.digest ?? 'none of ours'}` });
  if (state === 'pending') return ok({ account, state: 'pending', detail: `${id} is on its way` });
  if (state === 'failed') return ok({ account, state: 'other', detail: `${id} failed` });
  const missing = regionsMissing(account, there.value);
  return missing.length > 0
    ? ok({ account, state: 'other', detail: `${id} is not in ${missing.join(', ')}` })
    : ok({ account, state: 'ready', detail: id });
}

/** The galleries that a release was brought to and that are none of these accounts. */
async function strangers(
  store: Store,
  release: Release,
  accounts: readonly Account[],
  call: Call,
): Promise<Result<readonly AzureAccount[]>> {
  const known = accounts.flatMap((account) =>
    account.kind === 'azure' ? [idOf(galleryPlace(account, release))] : [],
  );
  const shares = await sharesFor(store, release.artifact, call);
  if (!shares.ok) return shares;
  const others = shares.value.filter(
    (to) => to.version === release.version && !known.some((id) => sameId(id, idOf(to))),
  );
  return ok(
    others.map(({ subscription, resourceGroup, gallery }) => ({
      kind: 'azure',
      name: `${resourceGroup}/${gallery}`,
      subscription,
      resourceGroup,
      gallery,
      regions: [],
    })),
  );
}

/** The images of an artifact that are there and carry its marks; one that is not there is not a failure. */
async function ours(
  { images }: Store,
  artifact: Artifact,
  call: Call,
): Promise<Result<readonly AzureImage[]>> {
  const found: AzureImage[] = [];
  for (const id of images.homes(artifact)) {
    const seen = await images.look(id, call);
    if (!seen.ok) return seen;
    if (seen.value?.marks.digest === artifact.digest) found.push(seen.value);
  }
  return ok(found);
}

async function sharesFor(
  store: Store,
  artifact: Artifact,
  call: Call,
): Promise<Result<readonly GalleryVersion[]>> {
  const found = await ours(store, artifact, call);
  return found.ok ? ok(found.value.flatMap(sharesOf)) : found;
}

async function access(
  store: Store,
  release: Release,
  accounts: readonly Account[],
  call: Call,
): Promise<Result<readonly Access[]>> {
  const others = await strangers(store, release, accounts, call);
  if (!others.ok) return others;
  const seen: Access[] = [];
  for (const account of [...accounts, ...others.value]) {
    if (account.kind !== 'azure') {
      seen.push({ account, state: 'missing', detail: 'it is no account of Azure' });
      continue;
    }
    const one = await accessOf(store, release, account, call);
    if (!one.ok) return one;
    // A trace of a share that never came to be, or was taken away by somebody, gives nobody access.
    if (one.value.state !== 'missing' || accounts.includes(account)) seen.push(one.value);
  }
  return ok(seen);
}

async function unshare(store: Store, release: Release, account: Account, call: Call): Promise<Result<void>> {
  if (account.kind !== 'azure') return ok(undefined);
  const { images } = store;
  const to = galleryPlace(account, release);
  const there = await images.read(to, call);
  if (!there.ok) return there;
  if (there.value && there.value.marks.digest !== release.artifact.digest) return ok(undefined);
  const gone = there.value ? await images.drop(to, call) : ok(undefined);
  if (!gone.ok) return gone;
  const sources = await ours(store, release.artifact, call);
  if (!sources.ok) return sources;
  for (const source of sources.value) {
    const forgotten = await images.retag(source, { tags: { [shareTag(to)]: null } }, call);
    if (!forgotten.ok) return forgotten;
  }
  return ok(undefined);
}

/** Marks an image as revoked; a version is no longer the latest from then on, and its life is over. */
async function mark({ images }: Store, image: AzureImage, reason: string, call: Call): Promise<Result<void>> {
  if (image.marks.revoked !== undefined) return ok(undefined);
  const { publishedDate: _, ...profile } = image.profile ?? {};
  const ended = { ...profile, excludeFromLatest: true, endOfLifeDate: new Date() };
  const change = { tags: tagsOf({ revoked: reason }), ...(image.profile && { profile: ended }) };
  return images.retag(image, change, call);
}

async function revoke(
  store: Store,
  { artifact }: Release,
  reason: string,
  call: Call,
): Promise<Result<void>> {
  const sources = await ours(store, artifact, call);
  if (!sources.ok) return sources;
  for (const to of sources.value.flatMap(sharesOf)) {
    const there = await store.images.read(to, call);
    if (!there.ok) return there;
    if (there.value?.marks.digest !== artifact.digest) continue;
    const marked = await mark(store, there.value, reason, call);
    if (!marked.ok) return marked;
  }
  // The source last: its mark says that all the others have theirs.
  for (const source of sources.value) {
    const marked = await mark(store, source, reason, call);
    if (!marked.ok) return marked;
  }
  return ok(undefined);
}

async function remove(store: Store, artifact: Artifact, call: Call): Promise<Result<void>> {
  const found = await ours(store, artifact, call);
  if (!found.ok) return found;
  for (const { place } of found.value) {
    const gone = await store.images.drop(place, call);
    if (!gone.ok) return gone;
  }
  return ok(undefined);
}

/** Keeps images of Azure by tags `goldenthread-…`, and shares them as versions in the galleries of accounts. */
export function createAzureStore(options: AzureOptions = {}): ImageStore {
  const azure = createAzureClient(options);
  const store: Store = { azure, images: createAzureImages(azure), pace: options.pace ?? PACE };
  return {
    ...keeping(store.images),
    share: (release, account, call) => share(store, release, account, call),
    access: (release, accounts, call) => access(store, release, accounts, call),
    unshare: (release, account, call) => unshare(store, release, account, call),
    revoke: (release, reason, call) => revoke(store, release, reason, call),
    remove: (artifact, call) => remove(store, artifact, call),
  };
}
