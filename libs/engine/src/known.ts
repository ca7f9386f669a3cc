import { fail, ok, type Artifact, type Call, type Ports, type Result } from '@goldenthread/core';

/** What is known of an artifact before it is looked for; what is found must agree. */
export interface Sought {
  readonly image: string;
  readonly role: string;
  readonly fingerprint: string;
  /** Digest of the artifact that it stands on; null for any other base. */
  readonly base: string | null;
}

/** A record from elsewhere must say what is declared here: whoever wrote it may not give an image another role, or another base. */
function agrees(sought: Sought, found: Artifact, store: string): Result<Artifact> {
  const base = found.base?.image === undefined ? null : found.base.digest;
  const says = (role: string, on: string | null): string => `role ${role} on ${on ?? 'no image'}`;
  if (found.image === sought.image && found.role === sought.role && base === sought.base) return ok(found);
  return fail({
    code: 'content-corrupt',
    what: `the record of ${sought.image} in ${store}`,
    expected: says(sought.role, sought.base),
    found: `${found.image}, ${says(found.role, base)}`,
  });
}

/** What was published for this fingerprint; its evidence is remembered here. */
export async function publishedArtifact(
  ports: Ports,
  sought: Sought,
  call: Call,
): Promise<Result<Artifact | null>> {
  const settings = await ports.settings();
  if (!settings.ok) return settings;
  // Without a store of its own the workspace publishes to this machine's folder, of which the records know already.
  if (settings.value.store === null) return ok(null);
  const store = await ports.store();
  if (!store.ok) return store;
  const staged = await store.value.staged(sought.image, sought.fingerprint, call);
  if (!staged.ok || staged.value === null) return staged.ok ? ok(null) : staged;
  const artifact = agrees(sought, staged.value.artifact, store.value.name);
  if (!artifact.ok) return artifact;
  for (const evidence of staged.value.evidence) {
    const kept = await ports.records.prove(evidence);
    if (!kept.ok) return kept;
  }
  return artifact;
}

/** The artifact that was baked for this fingerprint, here or elsewhere; its content need not be on this machine. */
export async function knownArtifact(
  ports: Ports,
  sought: Sought,
  call: Call,
): Promise<Result<Artifact | null>> {
  const here = await ports.records.find(sought.image, sought.fingerprint);
  if (!here.ok || here.value) return here;
  const note = (text: string): void => call.emit({ type: 'note', project: sought.image, text });
  const found = await publishedArtifact(ports, sought, call);
  if (found.ok && found.value) note('was baked elsewhere, and is in the store');
  if (found.ok || !found.failures.every(({ code }) => code === 'unreachable' || code === 'timeout'))
    return found;
  // A laptop on a train bakes too.
  note('the store cannot be reached: whether somebody has baked it is not known');
  return ok(null);
}

/** Brings an artifact's content to this machine where it is not there yet; what was released is taken only with its signatures. */
export async function ensureContent(ports: Ports, artifact: Artifact, call: Call): Promise<Result<void>> {
  const here = await isHere(ports, artifact);
  if (!here.ok || here.value) return here.ok ? ok(undefined) : here;
  const { trustedContent } = await import('./release/trust.ts');
  const trusted = await trustedContent(ports, artifact, call);
  return trusted.ok ? bring(ports, artifact, call) : trusted;
}

/** The same for whoever is about to sign it: its signatures cannot be asked for yet. */
export async function ensureUnsigned(ports: Ports, artifact: Artifact, call: Call): Promise<Result<void>> {
  const here = await isHere(ports, artifact);
  if (!here.ok || here.value) return here.ok ? ok(undefined) : here;
  return bring(ports, artifact, call);
}

async function isHere(ports: Ports, artifact: Artifact): Promise<Result<boolean>> {
  const here = await ports.records.find(artifact.image, artifact.fingerprint);
  return here.ok ? ok(here.value?.digest === artifact.digest) : here;
}

async function bring(ports: Ports, artifact: Artifact, call: Call): Promise<Result<void>> {
  const store = await ports.store();
  if (!store.ok) return store;
  call.emit({ type: 'step', project: artifact.image, step: 'fetch', state: 'started' });
  const started = performance.now();
  const fetched = await store.value.fetch(artifact, call);
  const seconds = (performance.now() - started) / 1000;
  call.emit({
    type: 'step',
    project: artifact.image,
    step: 'fetch',
    state: fetched.ok ? 'done' : 'failed',
    seconds,
  });
  return fetched.ok ? ports.records.put(artifact) : fetched;
}
