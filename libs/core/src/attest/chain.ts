import type { Json } from '../canonical.ts';
import { fail, ok, type Result } from '../result.ts';
import { BUILD_TYPE, PREDICATES, STATEMENT_TYPE, type PredicateType } from './provenance.ts';

/** What a statement has to be about. */
export interface ExpectedStatement {
  readonly image: string;
  /** The artifact's digest. */
  readonly digest: string;
  /** The kind of statement; any known one where it is left out. */
  readonly predicateType?: PredicateType;
}

/** What a statement says about the artifact that it was checked for. */
export interface CheckedStatement {
  readonly predicateType: PredicateType;
  readonly predicate: Members;
}

type Members = { readonly [key: string]: Json | undefined };

const isMembers = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isKnown = (type: Json | undefined): type is PredicateType =>
  Object.values(PREDICATES).some((known) => known === type);

const shown = (value: Json | undefined): string => JSON.stringify(value ?? null).slice(0, 100);

/** What is wrong with the form of a provenance; null where nothing is. */
function provenanceFault({ buildDefinition: build, runDetails: run }: Members): string | null {
  if (!isMembers(build) || build['buildType'] !== BUILD_TYPE) return 'it does not say that it was baked';
  if (!isMembers(build['externalParameters']) || !Array.isArray(build['resolvedDependencies']))
    return 'it does not say from what it was baked';
  return isMembers(run) && isMembers(run['builder']) ? null : 'it does not say by what it was baked';
}

/** What is wrong with the form of a predicate; null where nothing is. */
const FAULTS: Readonly<Record<PredicateType, (predicate: Members) => string | null>> = {
  [PREDICATES.provenance]: provenanceFault,
  [PREDICATES.sbom]: ({ bomFormat }) => (bomFormat === 'CycloneDX' ? null : 'it holds no CycloneDX document'),
  [PREDICATES.evidence]: ({ result }) =>
    result === 'PASSED'
      ? null
      : result === 'FAILED'
        ? 'it says that tests failed'
        : 'it says no result of tests',
};

/** Why none of the subjects is the artifact; null where one is. */
function subjectFault(subjects: Json | undefined, { image, digest }: ExpectedStatement): string | null {
  if (!Array.isArray(subjects) || subjects.length === 0) return 'it names no artifact';
  const named = (subjects as readonly Json[]).map((one) => {
    const { name, digest: digests } = isMembers(one) ? one : {};
    return { name, sha256: isMembers(digests) ? digests['sha256'] : undefined };
  });
  if (
    named.some(
      ({ name, sha256 }) => name === image && typeof sha256 === 'string' && `sha256:${sha256}` === digest,
    )
  )
    return null;
  const [first] = named;
  return `it is about ${shown(first?.name)} ${shown(first?.sha256)}, not about ${image} ${digest}`;
}

/**
 * Whether a statement, whose signature is somebody else's to check, is one of ours about this artifact; `untrusted` with the
 * reason otherwise. A statement that tests failed is none.
 */
export function checkStatement(statement: Json, expected: ExpectedStatement): Result<CheckedStatement> {
  const refuse = (why: string): Result<never> =>
    fail({ code: 'untrusted', what: `a statement about ${expected.image}`, why });
  if (!isMembers(statement) || statement['_type'] !== STATEMENT_TYPE)
    return refuse('it is no in-toto statement of version 1');
  const { predicateType, predicate, subject } = statement;
  if (!isKnown(predicateType)) return refuse(`what it says is of an unknown kind: ${shown(predicateType)}`);
  if (expected.predicateType !== undefined && predicateType !== expected.predicateType)
    return refuse(`it is a statement of ${predicateType}, not of ${expected.predicateType}`);
  const wrong = subjectFault(subject, expected);
  if (wrong !== null) return refuse(wrong);
  if (!isMembers(predicate)) return refuse('it says nothing');
  const fault = FAULTS[predicateType](predicate);
  return fault === null ? ok({ predicateType, predicate }) : refuse(fault);
}
