import { fail, ok, UNMOVED, type Failure, type Moved, type Result } from '@goldenthread/core';
import { ensureUnsigned } from '../known.ts';
import { projectNamed } from '../load.ts';
import { usableBase } from '../release/base.ts';
import type { ReleaseWorld } from '../release/observe.ts';
import { packagesOf } from '../release/packages.ts';
import { proven } from './verify.ts';

/** What became of one image. */
export interface Published {
  readonly image: string;
  readonly digest: string;
  readonly fingerprint: string;
  /** `there`: the store had it already. */
  readonly state: 'published' | 'there';
  readonly store: string;
  readonly moved: Moved;
  readonly seconds: number;
}

async function publishOne(world: ReleaseWorld, name: string): Promise<Result<Published>> {
  const { ports, graph, call } = world;
  const started = ports.now().getTime();
  const project = projectNamed(graph, name, 'image');
  if (!project.ok) return project;
  const proof = await proven(world, project.value);
  if (!proof.ok) return proof;
  const { artifact, evidence } = proof.value;
  const usable = await usableBase(ports, name, { kind: 'artifact', artifact }, call);
  if (!usable.ok) return usable;
  const store = await ports.store();
  if (!store.ok) return store;
  const found = await store.value.find(name, artifact.fingerprint, call);
  if (!found.ok) return found;
  const there = found.value === artifact.digest;
  const here = there ? ok(undefined) : await ensureUnsigned(ports, artifact, call);
  if (!here.ok) return here;
  // Put again even where it is there: evidence may have come since.
  const moved = await store.value.put(artifact, evidence, call);
  if (!moved.ok) return moved;
  // Here, where its content is, the list is cheap to make.
  const listed = await packagesOf(ports, store.value, artifact, call);
  if (!listed.ok) return listed;
  return ok({
    image: name,
    digest: artifact.digest,
    fingerprint: artifact.fingerprint,
    state: there ? 'there' : 'published',
    store: store.value.name,
    moved: there ? UNMOVED : moved.value,
    seconds: (ports.now().getTime() - started) / 1000,
  });
}

/** Publishes what was baked and tested, by fingerprint, with its evidence: whoever needs it next does not bake it again. */
export async function publish(
  world: ReleaseWorld,
  names: readonly string[],
): Promise<Result<readonly Published[]>> {
  const done: Published[] = [];
  const failures: Failure[] = [];
  for (const name of names) {
    const published = await publishOne(world, name);
    if (published.ok) done.push(published.value);
    else failures.push(...published.failures);
  }
  return failures.length > 0 ? fail(...failures) : ok(done);
}
