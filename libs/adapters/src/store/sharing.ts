import {
  all,
  fail,
  ok,
  type Access,
  type Account,
  type ArtifactStore,
  type Call,
  type Release,
  type Result,
} from '@goldenthread/core';
import { missingBlobs } from '../oci/copy.ts';
import type { OciPlace } from '../oci/place.ts';
import { manifestDigest, named } from './anchor.ts';
import type { OciAccount } from './places.ts';
import { copyRelease, type OpenStore } from './release.ts';

/** Runs with the store once it is open. */
export type Using = <T>(work: (store: OpenStore) => Promise<Result<T>>, call: Call) => Promise<Result<T>>;

const isOci = (account: Account): account is OciAccount =>
  account.kind === 'oci' || account.kind === 'directory';

/** Where an account keeps an image; `account-unfit` for an account of another kind. */
async function placeIn({ shelves }: OpenStore, account: Account, image: string): Promise<Result<OciPlace>> {
  if (!isOci(account))
    return fail({ code: 'account-unfit', account: account.name, image, why: 'it takes no OCI content' });
  const shelf = await shelves.of(account);
  return shelf.ok ? ok(shelf.value(image)) : shelf;
}

/** What an account has of a release, as it is there now. */
async function observe(
  store: OpenStore,
  release: Release,
  account: Account,
  call: Call,
): Promise<Result<Access>> {
  const { artifact, version } = release;
  const place = await placeIn(store, account, artifact.image);
  if (!place.ok) return place;
  const found = await named(place.value, version, call);
  if (!found.ok) return found;
  const at = `${place.value.name}:${version}`;
  const state = (state: Access['state'], detail: string): Result<Access> => ok({ account, state, detail });
  if (found.value === null) return state('missing', `there is no ${at}`);
  const { manifest } = found.value;
  if (manifest.digest !== manifestDigest(artifact))
    return state('other', `${at} names ${found.value.artifact}`);
  const missing = await missingBlobs(place.value, manifest, call);
  if (!missing.ok) return missing;
  const lacks = missing.value.length;
  return lacks > 0 ? state('other', `${at} lacks ${lacks} of its blobs`) : state('ready', at);
}

/** Takes a version away where it names this very release. */
async function withdraw(
  store: OpenStore,
  release: Release,
  account: Account,
  call: Call,
): Promise<Result<void>> {
  const { artifact, version } = release;
  const place = await placeIn(store, account, artifact.image);
  if (!place.ok) return place;
  const own = store.released(artifact.image);
  if (place.value.registry === own.registry && place.value.repository === own.repository)
    return fail({
      code: 'account-unfit',
      account: account.name,
      image: artifact.image,
      why: 'it is the store itself, in which versions stay for ever',
    });
  const names = await place.value.resolve(version, call);
  if (!names.ok) return names;
  return names.value === manifestDigest(artifact) ? place.value.untag(version, call) : ok(undefined);
}

/** What a store of OCI content does for accounts. */
export const accountsOf = (using: Using): Pick<ArtifactStore, 'access' | 'share' | 'unshare'> => ({
  access: (release, accounts, call) =>
    using(
      async (store) =>
        all(
          await Promise.all(accounts.filter(isOci).map((account) => observe(store, release, account, call))),
        ),
      call,
    ),
  share: (release, account, call) =>
    using(async (store) => {
      const place = await placeIn(store, account, release.artifact.image);
      if (!place.ok) return place;
      return copyRelease(store.released(release.artifact.image), place.value, release, call);
    }, call),
  unshare: (release, account, call) => using((store) => withdraw(store, release, account, call), call),
});
