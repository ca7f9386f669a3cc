import {
  all,
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
import { createGoogleClient, type Google, type GoogleOptions } from '../cloud/google-client.ts';
import {
  createGoogleImages,
  type GoogleImage,
  type GoogleImages,
  type Operation,
} from '../cloud/google-images.ts';
import { changeMembers, membersOf } from '../cloud/google-policy.ts';
import { allOf, keeping, kept, unfit } from '../cloud/images.ts';
import { PACE } from '../cloud/wait.ts';

interface Store {
  readonly google: Google;
  readonly images: GoogleImages;
}

/** Lets a member use an image, and reads that back. */
async function give(
  { google }: Store,
  image: GoogleImage,
  member: string,
  call: Call,
): Promise<Result<void>> {
  const before = await membersOf(google, image, call);
  if (!before.ok || before.value.includes(member)) return before.ok ? ok(undefined) : before;
  const changed = await changeMembers(google, image, { add: member }, call);
  if (!changed.ok) return changed;
  const after = await membersOf(google, image, call);
  if (!after.ok || after.value.includes(member)) return after.ok ? ok(undefined) : after;
  const detail = `${member} is not among those who may use ${image.id}, although it was added`;
  return fail({
    code: 'store-refused',
    store: 'Google Cloud',
    doing: `sharing ${image.id}`,
    status: 200,
    detail,
  });
}

async function share(
  store: Store,
  { artifact }: Release,
  account: Account,
  call: Call,
): Promise<Result<Moved>> {
  if (account.kind !== 'google')
    return fail(unfit(account.name, artifact.image, 'it is no account of Google Cloud'));
  const homes = await kept(store.images, artifact, call);
  if (!homes.ok) return homes;
  for (const image of homes.value) {
    const given = await give(store, image, account.member, call);
    if (!given.ok) return given;
  }
  return ok(UNMOVED);
}

/** An image and those who may use it. */
interface Shared {
  readonly image: GoogleImage;
  readonly members: readonly string[];
}

async function sharedWith(
  { google, images }: Store,
  artifact: Artifact,
  call: Call,
): Promise<Result<readonly Shared[]>> {
  const found = await allOf(images, artifact, call);
  if (!found.ok) return found;
  const read = async (image: GoogleImage): Promise<Result<Shared>> => {
    const members = await membersOf(google, image, call);
    return members.ok ? ok({ image, members: members.value }) : members;
  };
  return all(await Promise.all(found.value.map(read)));
}

function accessOf(account: Account, shared: readonly Shared[]): Access {
  if (account.kind !== 'google')
    return { account, state: 'missing', detail: 'it is no account of Google Cloud' };
  const [ready, missing] = [true, false].map((may) =>
    shared.filter(({ members }) => members.includes(account.member) === may).map(({ image }) => image.id),
  );
  const list = (ids: readonly string[] = []): string => ids.join(', ');
  if (!ready?.length)
    return { account, state: 'missing', detail: list(missing) ? `may not use ${list(missing)}` : 'no image' };
  return missing?.length
    ? { account, state: 'other', detail: `may use ${list(ready)}, and not ${list(missing)}` }
    : { account, state: 'ready', detail: `may use ${list(ready)}` };
}

/** Those who may use some of it and are none of these accounts. */
function strangers(accounts: readonly Account[], shared: readonly Shared[]): readonly Access[] {
  const known = new Set(accounts.map((account) => (account.kind === 'google' ? account.member : '')));
  const others = new Set(shared.flatMap(({ members }) => members).filter((member) => !known.has(member)));
  return [...others].map((member) => accessOf({ kind: 'google', name: member, member }, shared));
}

async function unshare(
  store: Store,
  { artifact }: Release,
  account: Account,
  call: Call,
): Promise<Result<void>> {
  if (account.kind !== 'google') return ok(undefined);
  const shared = await sharedWith(store, artifact, call);
  if (!shared.ok) return shared;
  for (const { image } of shared.value.filter(({ members }) => members.includes(account.member))) {
    const taken = await changeMembers(store.google, image, { remove: account.member }, call);
    if (!taken.ok) return taken;
  }
  return ok(undefined);
}

/** Deprecates what is not: Google has no place for the reason, which the ledger keeps. */
async function revoke({ images }: Store, { artifact }: Release, call: Call): Promise<Result<void>> {
  const found = await allOf(images, artifact, call);
  if (!found.ok) return found;
  const deprecationStatusResource = { state: 'DEPRECATED', deprecated: new Date().toISOString() };
  for (const image of found.value.filter(({ deprecated }) => !deprecated)) {
    const done = await images.operate(
      `deprecating ${image.id}`,
      image,
      async (api, named) => {
        const [begun] = await api.images.deprecate({ ...named, deprecationStatusResource }, api.options);
        return begun.latestResponse as Operation;
      },
      call,
    );
    if (!done.ok) return done;
  }
  return ok(undefined);
}

async function remove({ images }: Store, artifact: Artifact, call: Call): Promise<Result<void>> {
  const found = await allOf(images, artifact, call);
  if (!found.ok) return found;
  for (const image of found.value) {
    const gone = await images.operate(
      `removing ${image.id}`,
      image,
      async (api, named) => {
        const [begun] = await api.images.delete(named, api.options);
        return begun.latestResponse as Operation;
      },
      call,
    );
    if (!gone.ok) return gone;
  }
  return ok(undefined);
}

/** Keeps images of Compute Engine by labels `goldenthread-…`, and shares them by their IAM policies. */
export function createGoogleStore(options: GoogleOptions = {}): ImageStore {
  const google = createGoogleClient(options);
  const store: Store = { google, images: createGoogleImages(google, options.pace ?? PACE) };
  return {
    ...keeping(store.images),
    share: (release, account, call) => share(store, release, account, call),
    async access({ artifact }, accounts, call) {
      const shared = await sharedWith(store, artifact, call);
      if (!shared.ok) return shared;
      const known = accounts.map((account) => accessOf(account, shared.value));
      return ok([...known, ...strangers(accounts, shared.value)]);
    },
    unshare: (release, account, call) => unshare(store, release, account, call),
    revoke: (release, _reason, call) => revoke(store, release, call),
    remove: (artifact, call) => remove(store, artifact, call),
  };
}
