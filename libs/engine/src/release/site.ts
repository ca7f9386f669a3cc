import {
  fail,
  ok,
  versionName,
  type Artifact,
  type Evidence,
  type Project,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import { accountsOf, fitting } from '@goldenthread/core/release';
import { projectNamed } from '../load.ts';
import type { ReleaseCase, ReleaseSite, ReleaseWorld } from './observe.ts';

/** The stores, accounts and keys for an artifact. Nothing is written before all of them are known to fit. */
export async function siteOf(
  { ports, call }: ReleaseWorld,
  project: Project,
  { artifact, evidence }: { readonly artifact: Artifact; readonly evidence: readonly Evidence[] },
): Promise<Result<ReleaseSite>> {
  if (!project.image) throw new Error(`${project.name} is no image`);
  const settings = await ports.settings();
  if (!settings.ok) return settings;
  const wanted = accountsOf(project.image, settings.value, ports.workspace.read(project.file) ?? '');
  if (!wanted.ok) return wanted;
  const [homes, store, attester] = await Promise.all([
    ports.homes(artifact),
    ports.store(),
    ports.attester(),
  ]);
  if (!homes.ok) return homes;
  if (!store.ok) return store;
  if (!attester.ok) return attester;
  const fits = fitting(project.name, wanted.value, homes.value);
  if (!fits.ok) return fits;
  return ok({
    ports,
    declaration: project.file,
    artifact,
    evidence,
    homes: homes.value,
    store: store.value,
    attester: attester.value,
    wanted: wanted.value,
    known: settings.value.accounts,
    call,
  });
}

/** The artifact that a version names, with its evidence: from the version's own place, or from staging where it is not there yet. */
export async function recorded(
  { ports, call }: Pick<ReleaseWorld, 'ports' | 'call'>,
  record: ReleaseRecord,
): Promise<Result<{ readonly artifact: Artifact; readonly evidence: readonly Evidence[] }>> {
  const store = await ports.store();
  if (!store.ok) return store;
  const { image, version, fingerprint, digest } = record;
  const named = await store.value.released(image, version, call);
  const found = named.ok && named.value === null ? await store.value.staged(image, fingerprint, call) : named;
  if (!found.ok) return found;
  if (found.value?.artifact.digest === digest) return ok(found.value);
  const what = `${versionName(record)} in ${store.value.name}`;
  return fail({
    code: 'content-corrupt',
    what,
    expected: digest,
    found: found.value?.artifact.digest ?? 'nothing',
  });
}

/** A release that stands, with everything to look at it. */
export async function caseOf(world: ReleaseWorld, record: ReleaseRecord): Promise<Result<ReleaseCase>> {
  const project = projectNamed(world.graph, record.image, 'image');
  if (!project.ok) return project;
  const found = await recorded(world, record);
  if (!found.ok) return found;
  const site = await siteOf(world, project.value, found.value);
  return site.ok ? ok({ ...site.value, record }) : site;
}
