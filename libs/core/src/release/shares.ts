import type { ShareFile } from '../ledger/schema.ts';
import type { LedgerState } from '../ledger/state.ts';
import { compareVersions } from './version.ts';

/** A version that an account was to have. */
export interface Share {
  readonly account: string;
  readonly version: string;
}

const file = (image: string, shares: readonly Share[]): ShareFile => {
  const names = [...new Set(shares.map(({ account }) => account))].toSorted();
  const versions = (name: string): string[] =>
    [...new Set(shares.flatMap(({ account, version }) => (account === name ? [version] : [])))].toSorted(
      compareVersions,
    );
  return { schema: 1, image, accounts: Object.fromEntries(names.map((name) => [name, versions(name)])) };
};

/** Every version of an image that an account was given, or was to be given when a run was killed. */
export const sharesOf = (state: LedgerState, image: string): readonly Share[] =>
  Object.entries(state.shares.get(image)?.accounts ?? {}).flatMap(([account, versions]) =>
    versions.map((version) => ({ account, version })),
  );

/** The file with these shares besides; null where it has them. It is written before anything is shared, so that nothing is ever forgotten. */
export function withShares(state: LedgerState, image: string, more: readonly Share[]): ShareFile | null {
  const before = sharesOf(state, image);
  const known = (share: Share): boolean =>
    before.some(({ account, version }) => account === share.account && version === share.version);
  return more.every(known) ? null : file(image, [...before, ...more]);
}

/** The file without these shares. */
export const withoutShares = (state: LedgerState, image: string, less: readonly Share[]): ShareFile =>
  file(
    image,
    sharesOf(state, image).filter(
      ({ account, version }) => !less.some((one) => one.account === account && one.version === version),
    ),
  );

/** What accounts have that are not wanted any more. */
export const unwantedShares = (
  state: LedgerState,
  image: string,
  wanted: readonly string[],
): readonly Share[] => sharesOf(state, image).filter(({ account }) => !wanted.includes(account));
