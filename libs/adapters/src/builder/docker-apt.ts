import { ok, type Call, type Result } from '@goldenthread/core';
import type { Engine } from '../docker/engine.ts';
import { ownedName, ownerLabels } from '../docker/owner.ts';
import { must, run } from '../host.ts';
import { quiet } from '../namespace/work.ts';

/** The bake that needs a cache. */
export interface AptBake {
  readonly engine: Engine;
  readonly image: string;
  /** Whether images have apt, by the digest of their lowest layer; asked once in a bake. */
  readonly apt: Map<string, boolean>;
}

/** Asks whether an image holds a path, without running anything in it. */
async function holds(
  { engine, image }: AptBake,
  id: string,
  path: string,
  call: Call,
): Promise<Result<boolean>> {
  const name = ownedName(`${image}-probe`);
  const found = await engine.ask(async (docker) => {
    const probe = await docker.createContainer({
      Image: id,
      name,
      Cmd: ['true'],
      Entrypoint: [],
      Labels: ownerLabels(),
    });
    return probe.infoArchive({ path }).then(
      () => true,
      (error: { readonly statusCode?: number }) => {
        if (error.statusCode === 404) return false;
        throw error;
      },
    );
  }, call);
  await engine.remove(name, quiet());
  return found;
}

/** Volumes for apt's cache and lists that no other container uses at the moment; none where the image has no apt. */
export async function cacheVolumes(
  bake: AptBake,
  on: { readonly image: string; readonly base: string },
  call: Call,
): Promise<Result<readonly string[]>> {
  const known = bake.apt.get(on.base);
  const has = known === undefined ? await holds(bake, on.image, '/var/lib/apt/lists', call) : ok(known);
  if (!has.ok) return has;
  bake.apt.set(on.base, has.value);
  if (!has.value) return ok([]);
  const listed = await bake.engine.ask((docker) => docker.listContainers({ all: true }), call);
  if (!listed.ok) return listed;
  const used = new Set(listed.value.flatMap(({ Mounts }) => Mounts.map(({ Name }) => Name)));
  const key = `goldenthread-apt-${on.base.slice('sha256:'.length, 'sha256:'.length + 12)}`;
  let number = 0;
  while (used.has(`${key}-${number}-lists`)) number++;
  return ok([`${key}-${number}-lists:/var/lib/apt/lists`, `${key}-${number}-cache:/var/cache/apt`]);
}

// Package lists are fetched where they are older than half a day. Packages shall start no daemons while an image is baked;
// the mark lies in memory and says that the policy is ours to take away.
const READY = `set -eu
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
  chmod 0755 /usr/sbin/policy-rc.d
  : >/run/goldenthread-policy
fi
if [ -n "$(find /var/cache/apt -maxdepth 1 -name goldenthread-tried -mmin -720)" ]; then exit 0; fi
: >/var/cache/apt/goldenthread-tried
timeout 120 apt-get update -q || echo 'package lists could not be fetched'`;

const LEAVE = `if [ -e /run/goldenthread-policy ]; then rm -f /usr/sbin/policy-rc.d; fi`;

/** Readies the package manager of a container for a step. */
export async function readyApt(
  container: string,
  { image, log }: { readonly image: string; readonly log: string },
  call: Call,
): Promise<Result<void>> {
  const onLine = (line: string): void => call.emit({ type: 'output', project: image, line });
  const done = await must({ argv: ['docker', 'exec', container, 'sh', '-c', READY], log, onLine }, call);
  return done.ok ? ok(undefined) : done;
}

/** Takes away what `readyApt` put there; nothing where it was not called. */
export async function leaveApt(container: string, call: Call): Promise<Result<void>> {
  const done = await run({ argv: ['docker', 'exec', container, 'sh', '-c', LEAVE] }, call);
  return done.ok ? ok(undefined) : done;
}
