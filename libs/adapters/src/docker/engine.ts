import { fail, ok, type Artifact, type Blobs, type Call, type Result, type Tool } from '@goldenthread/core';
import type Dockerode from 'dockerode';
import { saysDiskFull } from '../host.ts';
import type { Saved } from './archive.ts';
import { ask, DATA_ROOT, type DaemonError } from './client.ts';
import { loadable, sha256, type Loadable } from './loadable.ts';
import { isDead, KEPT, ownerInLabels, ownerInName, type Owner } from './owner.ts';

/** The program of the Docker client, which Packer, Ansible and people call. */
export const DOCKER: Tool = {
  name: 'docker',
  purpose: 'baking and testing images in containers',
  version: ['--version'],
  install: 'Install the Docker Engine and start its daemon.',
  debian: 'docker.io',
};

/** What our adapters need of the Docker Engine. Everything answers with failures in words where no daemon does. */
export interface Engine {
  /** Whether a daemon answers, and may be asked by us. */
  ping(call: Call): Promise<Result<void>>;
  /** Runs `use` with the client; errors of the daemon become failures. */
  ask<T>(use: (client: Dockerode) => Promise<T>, call: Call): Promise<Result<T>>;
  /** Loads an artifact's image unless it is there; answers its id, which is the digest of its configuration. */
  load(artifact: Pick<Artifact, 'digest'>, call: Call): Promise<Result<string>>;
  /** The same for an image that is no artifact. */
  loadImage(image: Loadable, call: Call): Promise<Result<string>>;
  /** Names an image `goldenthread/<image>:<start of the digest>`, and answers that; names unused for a day are given up. */
  tag(id: string, image: string, digest: string, call: Call): Promise<Result<string>>;
  /** Reads an image out of Docker; its layers go into the blob store. */
  save(id: string, call: Call): Promise<Result<Saved>>;
  /** Removes a container and its anonymous volumes; one that is not there is fine. */
  remove(container: string, call: Call): Promise<Result<void>>;
  /** Removes the containers of this name, and those that mount a folder of this name. */
  removeOf(name: string, call: Call): Promise<Result<void>>;
  /** Removes the containers of processes that have ended; answers how many. */
  sweep(call: Call): Promise<Result<number>>;
}

/** Whether Docker holds an image of this id. */
const holds = (id: string, call: Call): Promise<Result<boolean>> =>
  ask(async (docker) => {
    try {
      await docker.getImage(id).inspect();
      return true;
    } catch (error) {
      if ((error as DaemonError).statusCode === 404) return false;
      throw error;
    }
  }, call);

/** What the daemon said to an archive: the id of what it loaded, or what it objected to. */
type Answer = { readonly id: string } | { readonly objection: string };

const send = (archive: NodeJS.ReadableStream, call: Call): Promise<Result<Answer>> =>
  ask(async (docker) => {
    const answer = await docker.loadImage(archive, { quiet: true, abortSignal: call.signal });
    let text = '';
    for await (const chunk of answer) text = (text + chunk.toString()).slice(-16_384);
    const id = /Loaded image ID: (sha256:[0-9a-f]{64})/.exec(text)?.[1];
    if (id !== undefined) return { id };
    const error = /"error":\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
    return { objection: error === undefined ? `it answered: ${text.trim()}` : (JSON.parse(error) as string) };
  }, call);

/**
 * Loads with as few layers as the daemon lets pass: it needs no content for layers that it holds already, on which the
 * archive's format says nothing but every engine so far agrees. So the base of a step is not sent again for each step.
 */
async function loadImage(blobs: Blobs, image: Loadable, call: Call): Promise<Result<string>> {
  const id = `sha256:${sha256(image.config)}`;
  const there = await holds(id, call);
  if (!there.ok || there.value) return there.ok ? ok(id) : there;
  let objection = '';
  for (const top of new Set([0, 1, 2, image.layers.length])) {
    const { dockerArchive } = await import('./archive.ts');
    const archive = await dockerArchive(blobs, image, Math.min(top, image.layers.length));
    if (!archive.ok) return archive;
    const sent = await send(archive.value, call);
    const refused = sent.ok ? undefined : sent.failures.find((failure) => failure.code === 'tool-failed');
    if (!sent.ok && !refused) return sent;
    if (sent.ok && 'id' in sent.value) return ok(sent.value.id);
    objection = sent.ok && 'objection' in sent.value ? sent.value.objection : (refused?.detail ?? '');
    if (saysDiskFull(objection)) return fail({ code: 'disk-full', folder: DATA_ROOT });
  }
  return fail({ code: 'tool-failed', tool: 'docker load', detail: objection });
}

const missing = (error: DaemonError): boolean => error.statusCode === 404 || error.statusCode === 409;

const remove = (container: string, call: Call): Promise<Result<void>> =>
  ask(async (docker) => {
    // "In progress" (409) is as good as gone: somebody else removes it.
    await docker
      .getContainer(container)
      .remove({ force: true, v: true })
      .catch((error: DaemonError) => {
        if (!missing(error)) throw error;
      });
  }, call);

type Listed = Pick<Dockerode.ContainerInfo, 'Names' | 'Labels' | 'Mounts'>;

/**
 * Whose a container is: by its name, by its label, or, for containers that Packer names itself, by the owner's temporary
 * folder that Packer mounts into them. Containers that were kept on purpose are nobody's.
 */
export function ownerOf({ Names, Labels, Mounts }: Listed): Owner | null {
  if (Names.some((name) => name.startsWith(`/${KEPT}`))) return null;
  const folders = Mounts.flatMap(({ Source }) => (Source ?? '').split('/'));
  const named = [...Names, ...folders].map(ownerInName).find((found) => found !== null);
  return named ?? ownerInLabels(Labels);
}

async function removeOf(name: string, call: Call): Promise<Result<void>> {
  const listed = await ask((docker) => docker.listContainers({ all: true }), call);
  if (!listed.ok) return listed;
  const found = listed.value.filter(
    ({ Names, Mounts }) =>
      Names.includes(`/${name}`) || Mounts.some(({ Source }) => (Source ?? '').split('/').includes(name)),
  );
  for (const { Id } of found) {
    const removed = await remove(Id, call);
    if (!removed.ok) return removed;
  }
  return ok(undefined);
}

async function sweep(call: Call): Promise<Result<number>> {
  const listed = await ask((docker) => docker.listContainers({ all: true, abortSignal: call.signal }), call);
  if (!listed.ok) return listed;
  const dead = listed.value.filter((container) => {
    const who = ownerOf(container);
    return who !== null && isDead(who);
  });
  for (const { Id } of dead) {
    const removed = await remove(Id, call);
    if (!removed.ok) return removed;
  }
  return ok(dead.length);
}

const UNUSED_MS = 24 * 60 * 60 * 1000;

/** Takes away what was called `goldenthread/<image>` more than a day ago: blobs outlive it, and it can be loaded again. */
async function retire(docker: Dockerode, repo: string, kept: string): Promise<void> {
  const listed = await docker.listImages({ filters: { reference: [repo] } });
  for (const name of listed.flatMap(({ RepoTags }) => RepoTags ?? [])) {
    if (name === kept) continue;
    const image = docker.getImage(name);
    try {
      const { Metadata } = (await image.inspect()) as {
        readonly Metadata?: { readonly LastTagTime?: string };
      };
      const used = Date.parse(Metadata?.LastTagTime ?? new Date().toISOString());
      if (Date.now() - used > UNUSED_MS) await image.remove();
    } catch (error) {
      // A container stands on it, or somebody else has just removed it.
      if (!missing(error as DaemonError)) throw error;
    }
  }
}

const tag: Engine['tag'] = (id, image, digest, call) =>
  ask(async (docker) => {
    const [repo, name] = [`goldenthread/${image}`, digest.replace(/^sha256:/, '').slice(0, 12)];
    await docker.getImage(id).tag({ repo, tag: name });
    await retire(docker, repo, `${repo}:${name}`);
    return `${repo}:${name}`;
  }, call);

/** The Docker Engine at DOCKER_HOST or the default socket, over this blob store. */
export function createEngine(blobs: Blobs): Engine {
  return {
    ask,
    remove,
    removeOf,
    sweep,
    ping: (call) => ask(async (docker) => void (await docker.ping()), call),
    loadImage: (image, call) => loadImage(blobs, image, call),
    load: async (artifact, call) => {
      const image = await loadable(blobs, artifact.digest);
      return image.ok ? loadImage(blobs, image.value, call) : image;
    },
    tag,
    save: async (id, call) => {
      const archive = await ask((docker) => docker.getImage(id).get(), call);
      if (!archive.ok) return archive;
      const { readArchive } = await import('./archive.ts');
      return readArchive(archive.value, blobs, call);
    },
  };
}
