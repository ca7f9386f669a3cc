import {
  ancestors,
  parseVersionName,
  ok,
  PREDICATES,
  releaseNamed,
  revocationOf,
  versionName,
  words,
  type Failure,
  type LedgerState,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import { sharesOf } from '@goldenthread/core/release';
import { observe, type ReleaseCase, type ReleaseWorld } from '../release/observe.ts';
import { caseOf } from '../release/site.ts';
import { readState } from '../release/state.ts';
import { signedAbout, unsigned, unsignedWords, type Signed } from '../release/trust.ts';

/** One link of the chain from a version to the commit it was made from. */
export interface Link {
  /** What was looked at: "tag", "content", "tests". */
  readonly link: string;
  readonly holds: boolean;
  /** What was found, in words. */
  readonly found: string;
}

/** What was found of a release. */
export interface Checked {
  readonly version: string;
  readonly digest: string;
  readonly commit: string;
  readonly holds: boolean;
  readonly links: readonly Link[];
}

const said = (failures: readonly Failure[]): string =>
  [...new Set(failures.map((failure) => words(failure).what))].join('; ');

/** What the ledger says: the version itself, and what it stands on. */
function ledgerLinks(state: LedgerState, record: ReleaseRecord): readonly Link[] {
  const revoked = revocationOf(state, record);
  const bases = ancestors(state, record);
  // What the lowest of them names as its base should have been the next of them.
  const { base } = bases.at(-1) ?? record;
  const open = base ? [`${versionName(base)}, of which the ledger has no record`] : [];
  return [
    { link: 'ledger', holds: true, found: `${record.reason}; by ${record.by}, ${record.time}` },
    {
      link: 'not revoked',
      holds: revoked === null,
      found: revoked
        ? `${versionName(revoked)} is revoked: ${revoked.reason}`
        : 'neither it nor what it stands on',
    },
    {
      link: 'lineage',
      holds: open.length === 0,
      found: [...bases.map(versionName), ...open].join(' <- ') || 'stands on no other image',
    },
  ];
}

function testLink({ evidence, record }: ReleaseCase): Link {
  const own = evidence.filter((one) => one.artifact === record.digest && one.passed);
  const kept = record.evidence.filter(({ tests }) => own.some((one) => one.tests === tests));
  const passed = record.evidence.reduce((sum, one) => sum + one.passed, 0);
  return {
    link: 'tests',
    holds: kept.length === record.evidence.length,
    found:
      kept.length === record.evidence.length
        ? `${passed} tests passed on this very digest`
        : 'the evidence that the ledger names is not beside it',
  };
}

/** The fingerprint that a provenance names. */
function fingerprintIn(provenance: object): unknown {
  const { buildDefinition } = provenance as {
    readonly buildDefinition?: { readonly internalParameters?: { readonly fingerprint?: unknown } };
  };
  return buildDefinition?.internalParameters?.fingerprint;
}

function signatureLinks(signed: Signed, record: ReleaseRecord): readonly Link[] {
  const missing = unsigned(signed);
  const keys = [...new Set(signed.trusted.map(({ key }) => key))];
  const bom = signed.trusted.find(({ predicateType }) => predicateType === PREDICATES.sbom)?.predicate[
    'components'
  ];
  const packages = Array.isArray(bom) ? `, ${bom.length} packages listed` : '';
  const made = signed.trusted.filter(({ predicateType }) => predicateType === PREDICATES.provenance);
  const same = made.some(({ predicate }) => fingerprintIn(predicate) === record.fingerprint);
  const refused = signed.refused.length > 0 ? `; not taken: ${said(signed.refused)}` : '';
  return [
    {
      link: 'signatures',
      holds: missing.length === 0,
      found: `${missing.length === 0 ? `signed by ${keys.join(', ')}${packages}` : unsignedWords(missing)}${refused}`,
    },
    {
      link: 'provenance',
      holds: same,
      found: same
        ? 'names the fingerprint that the ledger names'
        : made.length === 0
          ? 'none that a trusted key has signed'
          : 'does not name the fingerprint that the ledger names',
    },
  ];
}

/** What git, stores and accounts have. */
async function outsideLinks(one: ReleaseCase, state: LedgerState): Promise<readonly Link[]> {
  const seen = await observe(one, state);
  if (!seen.ok) return [{ link: 'stores', holds: false, found: said(seen.failures) }];
  const { tag, homes, wanted } = seen.value;
  const { record } = one;
  const access = homes.flatMap((home) => home.access);
  const given = new Set(
    sharesOf(state, record.image)
      .filter(({ version }) => version === record.version)
      .map(({ account }) => account),
  );
  return [
    {
      link: 'tag',
      holds: tag?.commit === record.commit,
      found: tag ? `names ${tag.commit.slice(0, 12)}` : 'there is none',
    },
    ...homes.map(({ store, found, labelled }) => ({
      link: `content in ${store}`,
      holds: found === record.digest && labelled === record.digest,
      found: labelled ?? 'the version names nothing there',
    })),
    ...wanted.map(({ name }): Link => {
      const own = access.filter(({ account }) => account.name === name);
      // An account that was declared later was never given this version.
      if (!given.has(name) && !own.some((some) => some.state === 'ready'))
        return {
          link: `account ${name}`,
          holds: true,
          found: 'declared later, was never given this version',
        };
      return {
        link: `account ${name}`,
        holds: own.some((some) => some.state === 'ready'),
        found: own[0]?.detail ?? 'nothing',
      };
    }),
  ];
}

/** Follows the chain of a release, `edge@1.4.1`, and says what was found at each link. Changes nothing. */
export async function checkRelease(world: ReleaseWorld, name: string): Promise<Result<Checked>> {
  const parsed = parseVersionName(name);
  if (!parsed.ok) return parsed;
  const state = await readState(world.ports, world.call);
  if (!state.ok) return state;
  const release = releaseNamed(state.value, parsed.value.image, parsed.value.version);
  if (!release.ok) return release;
  const record = release.value;
  const answer = (links: readonly Link[]): Result<Checked> =>
    ok({
      version: name,
      digest: record.digest,
      commit: record.commit,
      holds: links.every(({ holds }) => holds),
      links,
    });
  const ledger = ledgerLinks(state.value, record);
  const one = await caseOf(world, record);
  if (!one.ok) return answer([...ledger, { link: 'content', holds: false, found: said(one.failures) }]);
  const { attester, store, artifact, call } = one.value;
  const signed = await signedAbout(attester, store, artifact, call);
  const signatures = signed.ok
    ? signatureLinks(signed.value, record)
    : [{ link: 'signatures', holds: false, found: said(signed.failures) }];
  return answer([
    ...ledger,
    testLink(one.value),
    ...signatures,
    ...(await outsideLinks(one.value, state.value)),
  ]);
}
