import type { Artifact, Evidence } from '../artifact.ts';
import type { Json } from '../canonical.ts';
import type { Run } from '../ledger/ledger.ts';

/** What an in-toto statement says that it is. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

/** The kinds of statements that are made about artifacts, by what they say. */
export const PREDICATES = {
  provenance: 'https://slsa.dev/provenance/v1',
  sbom: 'https://cyclonedx.org/bom',
  evidence: 'https://in-toto.io/attestation/test-result/v0.1',
} as const;

/** One of the kinds. */
export type PredicateType = (typeof PREDICATES)[keyof typeof PREDICATES];

/** How an image is made from what its provenance names: the parameters are the bake's, as `goldenthread bake` takes them. */
export const BUILD_TYPE = 'urn:goldenthread:bake:v1';

/** What the provenance of an artifact is made from. */
export interface ProvenanceInput {
  readonly artifact: Artifact;
  /** The version that it is released as; null before that. */
  readonly version: string | null;
  /** The image's declaration, relative to the workspace root. */
  readonly declaration: string;
  /** The run that vouches for it. */
  readonly run: Run;
}

/** A digest as in-toto writes it. */
const digestSet = (digest: string): Json => ({ sha256: digest.replace(/^sha256:/, '') });

const statement = (artifact: Artifact, predicateType: PredicateType, predicate: Json): Json => ({
  _type: STATEMENT_TYPE,
  subject: [{ name: artifact.image, digest: digestSet(artifact.digest) }],
  predicateType,
  predicate,
});

/** What went into the artifact, each with its digest. */
function dependencies({ commit, base, layers }: Artifact): readonly Json[] {
  return [
    ...(commit
      ? [{ name: 'source', digest: { gitCommit: commit.sha }, annotations: { dirty: commit.dirty } }]
      : []),
    ...(base
      ? [{ name: base.image === undefined ? 'base' : `base ${base.image}`, digest: digestSet(base.digest) }]
      : []),
    ...layers.map(({ digest, size, step }) => ({
      name: `layer ${step}`,
      digest: digestSet(digest),
      annotations: { size },
    })),
  ];
}

/** The SLSA provenance of an artifact, as an in-toto statement: from what, by what and when it was baked. */
export function provenance({ artifact, version, declaration, run }: ProvenanceInput): Json {
  const { image, fingerprint, builder, tools, commit, time, seconds } = artifact;
  const finished = Date.parse(time);
  return statement(artifact, PREDICATES.provenance, {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { image, version: version ?? undefined, declaration, commit: commit?.sha },
      internalParameters: { fingerprint, builder, tools },
      resolvedDependencies: dependencies(artifact),
    },
    runDetails: {
      builder: {
        id: `urn:goldenthread:builder:${[builder.name, builder.backend].filter(Boolean).join(':')}`,
      },
      metadata: {
        invocationId: run.id,
        startedOn: new Date(finished - seconds * 1000).toISOString(),
        finishedOn: new Date(finished).toISOString(),
      },
    },
  });
}

/** A statement that these are the packages of an artifact; `bom` is a CycloneDX document. */
export const sbomStatement = (artifact: Artifact, bom: Json): Json =>
  statement(artifact, PREDICATES.sbom, bom);

/** A statement that an artifact was tested, and how that went. Throws where the evidence is of another artifact. */
export function evidenceStatement(artifact: Artifact, evidence: Evidence): Json {
  if (evidence.artifact !== artifact.digest) throw new Error('the evidence is of another artifact');
  const named = (wanted: 'passed' | 'failed'): readonly string[] =>
    evidence.suites.flatMap(({ name, cases }) =>
      cases.filter(({ outcome }) => outcome === wanted).map((one) => `${name}: ${one.name}`),
    );
  return statement(artifact, PREDICATES.evidence, {
    result: evidence.passed ? 'PASSED' : 'FAILED',
    configuration: [
      { name: 'tests', digest: digestSet(evidence.tests), annotations: { tools: evidence.tools } },
    ],
    passedTests: named('passed'),
    failedTests: named('failed'),
  });
}
