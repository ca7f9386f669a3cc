import {
  DEFAULT_CHANNEL,
  ok,
  versionName,
  type Account,
  type Artifact,
  type ArtifactStore,
  type Attester,
  type Call,
  type Evidence,
  type Graph,
  type ImageStore,
  type LedgerState,
  type Ports,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import {
  becomesDefault,
  moveTitle,
  type HomeObservation,
  type ReleaseObservation,
} from '@goldenthread/core/release';
import { signedAbout, unsigned } from './trust.ts';

/** Where something is released, how, and until when. */
export interface ReleaseWorld {
  readonly ports: Ports;
  readonly graph: Graph;
  readonly call: Call;
  /** The builder whose artifacts are meant, where it is not the declared one. */
  readonly builder?: string;
  /** Release from any branch, and not only from what the remote's default branch has. */
  readonly anyBranch?: boolean;
}

/** An artifact that is released, and everything that is needed to look at it and to go on with it. */
export interface ReleaseSite {
  readonly ports: Ports;
  /** The image's declaration, relative to the workspace root. */
  readonly declaration: string;
  readonly artifact: Artifact;
  readonly evidence: readonly Evidence[];
  readonly homes: readonly ImageStore[];
  readonly store: ArtifactStore;
  readonly attester: Attester;
  /** Accounts that the declaration names. */
  readonly wanted: readonly Account[];
  /** All accounts of the settings. */
  readonly known: readonly Account[];
  readonly call: Call;
}

/** The same with the version that it is released as. */
export interface ReleaseCase extends ReleaseSite {
  readonly record: ReleaseRecord;
  /** This very run gave it its version: nobody can have moved a channel to it or from it yet. */
  readonly isNew?: boolean;
  /** Accounts that are looked at; the declared ones where nothing else is said. Others may be down without harm. */
  readonly asked?: readonly Account[];
}

async function home(
  { record, artifact, wanted, asked = wanted, call }: ReleaseCase,
  store: ImageStore,
): Promise<Result<HomeObservation>> {
  const served = asked.filter(({ kind }) => store.serves.includes(kind));
  const [found, labelled, access] = await Promise.all([
    store.find(record.image, record.fingerprint, call),
    store.labelled(record.image, record.version, call),
    store.access({ artifact, version: record.version }, served, call),
  ]);
  if (!found.ok) return found;
  if (!labelled.ok) return labelled;
  if (!access.ok) return access;
  return ok({ store: store.name, found: found.value, labelled: labelled.value, access: access.value });
}

/** Whether all that must be signed is signed by a trusted key. */
async function isAttested({ attester, store, artifact, call }: ReleaseCase): Promise<Result<boolean>> {
  const signed = await signedAbout(attester, store, artifact, call);
  return signed.ok ? ok(unsigned(signed.value).length === 0) : signed;
}

/** Whether the audit trail says that it was the default: the channel's own history may have been taken back with `git revert`. */
async function wasDefault(
  { ports, record, isNew, call }: ReleaseCase,
  state: LedgerState,
): Promise<Result<boolean>> {
  if (isNew || !becomesDefault(state, record)) return ok(false);
  const ledger = await ports.ledger();
  if (!ledger.ok) return ledger;
  const trail = await ledger.value.log({ node: record.image, since: record.time }, call);
  const title = moveTitle(record.image, DEFAULT_CHANNEL, 'release', record.version);
  return trail.ok ? ok(trail.value.some(({ what }) => what === title)) : trail;
}

/** Looks at everything that a release consists of: git, stores, accounts, signatures. Nothing is assumed. */
export async function observe(one: ReleaseCase, state: LedgerState): Promise<Result<ReleaseObservation>> {
  const { ports, record, wanted, call } = one;
  const [tag, attested, before, ...homes] = await Promise.all([
    ports.history.tag(versionName(record), call),
    isAttested(one),
    wasDefault(one, state),
    ...one.homes.map((store) => home(one, store)),
  ]);
  if (!tag.ok) return tag;
  if (!attested.ok) return attested;
  if (!before.ok) return before;
  const seen: HomeObservation[] = [];
  for (const result of homes) {
    if (!result.ok) return result;
    seen.push(result.value);
  }
  return ok({
    record,
    tag: tag.value,
    homes: seen,
    attested: attested.value,
    wanted,
    wasDefault: before.value,
    state,
  });
}
