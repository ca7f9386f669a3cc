import type { Access, Account } from '../account.ts';
import type { ReleaseRecord } from '../ledger/schema.ts';
import { becomesDefault } from './channel.ts';
import { versionName, type LedgerState } from '../ledger/state.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Tag } from './commit.ts';
import { revocationOf, revokedFailure } from './lineage.ts';

/** What a store has of a release, as observed. */
export interface HomeObservation {
  readonly store: string;
  /** Digest that was put for the fingerprint. */
  readonly found: string | null;
  /** Digest that the version names. */
  readonly labelled: string | null;
  /** Of every account that the store serves, and of strangers that it can list. */
  readonly access: readonly Access[];
}

/** Everything about a release that was looked at. */
export interface ReleaseObservation {
  readonly record: ReleaseRecord;
  readonly tag: Tag | null;
  readonly homes: readonly HomeObservation[];
  /** Whether trusted signatures of what it is and of what it consists are beside it. */
  readonly attested: boolean;
  /** Accounts that the declaration names. */
  readonly wanted: readonly Account[];
  /** It was its role's default once, as the audit trail says: whoever moved the default away meant that. */
  readonly wasDefault: boolean;
  readonly state: LedgerState;
}

/** One thing to do for a release, and why. */
export type ReleaseStep = { readonly why: string } & (
  | { readonly do: 'put' | 'label'; readonly store: string }
  | { readonly do: 'attest' | 'tag' | 'default' }
  | {
      readonly do: 'share' | 'unshare';
      readonly store: string;
      readonly account: Account;
      /** Another version than the one that is released. */
      readonly version?: string;
    }
);

/** The same step for another version than the one that is released. */
export const ofVersion = (step: ReleaseStep, version: string): ReleaseStep =>
  'account' in step ? { ...step, version } : step;

/** A step in words: "share with prod". */
export const stepWords = (step: ReleaseStep): string => {
  if ('account' in step) {
    const what = step.version === undefined ? '' : ` ${step.version}`;
    const { name } = step.account;
    return step.do === 'share' ? `share${what} with ${name}` : `take${what} back from ${name}`;
  }
  return { put: 'publish', label: 'label', attest: 'sign', tag: 'tag', default: 'move the default' }[step.do];
};

/** Accounts that should have a release and were not seen to have it. */
export function lacking({ homes, wanted }: Pick<ReleaseObservation, 'homes' | 'wanted'>): readonly {
  readonly name: string;
  readonly detail: string;
}[] {
  const seen = homes.flatMap(({ access }) => access);
  return wanted.flatMap(({ name }) => {
    const own = seen.filter(({ account }) => account.name === name);
    if (own.some(({ state }) => state === 'ready')) return [];
    return [{ name, detail: own[0]?.detail ?? 'no store can share with it' }];
  });
}

const puts = ({ record, homes }: ReleaseObservation): readonly ReleaseStep[] =>
  homes
    .filter(({ found }) => found !== record.digest)
    .map(({ store }) => ({ do: 'put', store, why: `${store} does not have it` }));

const labels = ({ record, homes }: ReleaseObservation): readonly ReleaseStep[] =>
  homes
    .filter(({ labelled }) => labelled !== record.digest)
    .map(({ store }) => ({ do: 'label', store, why: `the version names nothing in ${store}` }));

const shares = ({ homes, wanted }: ReleaseObservation): readonly ReleaseStep[] =>
  homes.flatMap(({ store, access }) =>
    access
      .filter(({ account, state }) => state !== 'ready' && wanted.some(({ name }) => name === account.name))
      .map(({ account, detail }): ReleaseStep => ({ do: 'share', store, account, why: detail })),
  );

/** What is to be taken back: last of all, and only what was seen. */
export const retirements = ({ homes, wanted }: ReleaseObservation): readonly ReleaseStep[] =>
  homes.flatMap(({ store, access }) =>
    access
      .filter(
        ({ account, state }) => state !== 'missing' && !wanted.some(({ name }) => name === account.name),
      )
      .map(({ account }): ReleaseStep => ({
        do: 'unshare',
        store,
        account,
        why: 'the declaration does not name it any more',
      })),
  );

/**
 * What is still to be done for a release, in order. Decides on what was seen alone, so that a run that was killed is continued
 * by planning again. `version-taken` where the version names something else anywhere, `revoked` where it must not be used.
 */
export function planRelease(seen: ReleaseObservation): Result<readonly ReleaseStep[]> {
  const { record, tag, homes, state } = seen;
  const version = versionName(record);
  const revoked = revocationOf(state, record);
  if (revoked) return fail(revokedFailure(version, revoked));
  if (tag && tag.commit !== record.commit)
    return fail({ code: 'version-taken', version, where: 'git', expected: record.commit, found: tag.commit });
  const taken = homes.find(({ labelled }) => labelled !== null && labelled !== record.digest);
  if (taken)
    return fail({
      code: 'version-taken',
      version,
      where: taken.store,
      expected: record.digest,
      found: taken.labelled ?? '',
    });
  return ok([
    ...puts(seen),
    ...(seen.attested ? [] : [{ do: 'attest', why: 'no trusted signature is beside it' } as const]),
    ...(tag ? [] : [{ do: 'tag', why: 'the version is not tagged in git' } as const]),
    ...labels(seen),
    ...shares(seen),
    ...(!seen.wasDefault && becomesDefault(state, record)
      ? [{ do: 'default', why: 'it is the newest version' } as const]
      : []),
    ...retirements(seen),
  ]);
}
