import {
  ATTACHMENTS,
  fail,
  ok,
  type Artifact,
  type ArtifactStore,
  type Call,
  type Json,
  type Ports,
  type Result,
} from '@goldenthread/core';
import { ensureUnsigned } from '../known.ts';

/** A list of packages as it should be; null for anything else that somebody put there. */
function asBom(text: string): Json | null {
  try {
    const bom = JSON.parse(text) as Json;
    const isBom =
      typeof bom === 'object' && bom !== null && 'bomFormat' in bom && bom.bomFormat === 'CycloneDX';
    return isBom ? bom : null;
  } catch {
    return null;
  }
}

/** The list of packages that lies beside an artifact; made, and put there, where there is none. */
export async function packagesOf(
  ports: Ports,
  store: ArtifactStore,
  artifact: Artifact,
  call: Call,
): Promise<Result<Json>> {
  const attached = await store.attachments(artifact, call);
  if (!attached.ok) return attached;
  for (const { type, text } of attached.value) {
    const bom = type === ATTACHMENTS.sbom ? asBom(text) : null;
    if (bom !== null) return ok(bom);
  }
  const here = await ensureUnsigned(ports, artifact, call);
  if (!here.ok) return here;
  const made = await ports.sbom(artifact, call);
  if (!made.ok) return made;
  const bom = asBom(made.value);
  const what = `the list of packages of ${artifact.image}`;
  if (bom === null)
    return fail({ code: 'content-corrupt', what, expected: 'CycloneDX', found: 'something else' });
  const kept = await store.attach(artifact, { type: ATTACHMENTS.sbom, text: made.value }, call);
  return kept.ok ? ok(bom) : kept;
}
