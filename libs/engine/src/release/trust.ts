import {
  ATTACHMENTS,
  checkStatement,
  fail,
  ok,
  PREDICATES,
  releaseOf,
  type Artifact,
  type ArtifactStore,
  type Attester,
  type Call,
  type CheckedStatement,
  type Failure,
  type Ports,
  type Result,
} from '@goldenthread/core';
import { readState } from './state.ts';

/** What was found signed beside an artifact. */
export interface Signed {
  /** Statements about this artifact whose signature a trusted key made. */
  readonly trusted: readonly (CheckedStatement & { readonly key: string })[];
  /** Why each other was not taken. */
  readonly refused: readonly Failure[];
}

/** Reads and checks every signature beside an artifact. */
export async function signedAbout(
  attester: Attester,
  store: ArtifactStore,
  artifact: Artifact,
  call: Call,
): Promise<Result<Signed>> {
  const attached = await store.attachments(artifact, call);
  if (!attached.ok) return attached;
  const trusted: Signed['trusted'][number][] = [];
  const refused: Failure[] = [];
  for (const { type, text } of attached.value) {
    if (type !== ATTACHMENTS.attestation) continue;
    const checked = await attester.check(text, call);
    const about = checked.ok ? checkStatement(checked.value.statement, artifact) : checked;
    if (checked.ok && about.ok) trusted.push({ ...about.value, key: checked.value.key });
    else if (!about.ok) refused.push(...about.failures);
  }
  return ok({ trusted, refused });
}

/** What must be signed before an artifact is shared, in words: how it was made, what it consists of, and that its tests passed. */
const NEEDED = [
  ['provenance', PREDICATES.provenance],
  ['packages', PREDICATES.sbom],
  ['tests', PREDICATES.evidence],
] as const;

/** What is needed and was not found signed, in words. */
export const unsigned = ({ trusted }: Signed): readonly string[] =>
  NEEDED.flatMap(([name, type]) => (trusted.some((one) => one.predicateType === type) ? [] : [name]));

/** What is missing, in words. */
export const unsignedWords = (missing: readonly string[]): string =>
  `no trusted key has signed its ${missing.join(' and its ')}`;

/** Whether content may be taken from the store: what was released has to bring its signatures. */
export async function trustedContent(ports: Ports, artifact: Artifact, call: Call): Promise<Result<void>> {
  const state = await readState(ports, call);
  if (!state.ok) return state;
  // What was only published by a pull request is nobody's promise yet, and is signed when it is released.
  if (releaseOf(state.value, artifact.image, artifact.digest) === null) return ok(undefined);
  const [attester, store] = await Promise.all([ports.attester(), ports.store()]);
  if (!attester.ok) return attester;
  if (!store.ok) return store;
  const signed = await signedAbout(attester.value, store.value, artifact, call);
  if (!signed.ok) return signed;
  const missing = unsigned(signed.value);
  if (missing.length === 0) return ok(undefined);
  const what = `${artifact.image} ${artifact.digest.slice(0, 19)}`;
  return fail({ code: 'untrusted', what, why: unsignedWords(missing) }, ...signed.value.refused);
}
