import type { Account, AccountKind } from '../account.ts';
import type { Image } from '../declaration/used.ts';
import type { Failure } from '../failure.ts';
import { near } from '../near.ts';
import { positionAt, type Position } from '../position.ts';
import { fail, ok, type Result } from '../result.ts';
import { canonical } from '../canonical.ts';
import { SETTINGS_FILE, type Settings } from '../settings.ts';
import { member, parseYaml, scalars } from '../yaml.ts';

/** Where a declaration names each account. */
function places(file: string, text: string): readonly { readonly text: string; readonly at: Position }[] {
  const parsed = parseYaml(file, text);
  return parsed.ok ? scalars(member(parsed.value, 'share')) : [];
}

/** The accounts that an image is to be shared with; `reference-missing` for each that the settings do not know. `text` is its declaration. */
export function accountsOf(image: Image, settings: Settings, text: string): Result<readonly Account[]> {
  const known = settings.accounts.map(({ name }) => name);
  const unknown = image.share.filter((name) => !known.includes(name));
  if (unknown.length === 0) return ok(settings.accounts.filter(({ name }) => image.share.includes(name)));
  const declared = places(image.file, text);
  return fail(
    ...unknown.map((name): Failure => {
      const at = declared.find((one) => one.text === name)?.at ?? positionAt(image.file, text, 0);
      return { code: 'reference-missing', at, kind: 'account', name, near: near(name, known) };
    }),
  );
}

/** Fails with `account-unfit` for each account that none of these stores can share with. */
export function fitting(
  image: string,
  wanted: readonly Account[],
  homes: readonly { readonly name: string; readonly serves: readonly AccountKind[] }[],
): Result<void> {
  const unfit = wanted.filter(({ kind }) => !homes.some(({ serves }) => serves.includes(kind)));
  if (unfit.length === 0) return ok(undefined);
  const lies = homes.map(({ name }) => name).join(' and ');
  return fail(
    ...unfit.map(({ name, kind }): Failure => ({
      code: 'account-unfit',
      account: name,
      image,
      why: `it takes ${kind} images, and this one lies in ${lies}`,
    })),
  );
}

const placeOf = ({ name: _, ...place }: Account): string => canonical(place);

/** Fails with `usage` for accounts that are one place, and for one that is the store itself: to take an image back from it would take it from the other. */
export function distinctPlaces({ accounts, store }: Settings): Result<void> {
  const all = store ? [store, ...accounts] : accounts;
  const failures = all.flatMap((account, index): Failure[] => {
    const same = all.slice(0, index).find((other) => placeOf(other) === placeOf(account));
    if (!same) return [];
    return [
      {
        code: 'usage',
        detail: `${SETTINGS_FILE}: the account ${account.name} is the same place as ${same === store ? 'the store' : `the account ${same.name}`}`,
        hint: 'Name each place once; give an account of the same registry a path of its own.',
      },
    ];
  });
  return failures.length > 0 ? fail(...failures) : ok(undefined);
}
