import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, relative, resolve } from 'node:path';
import {
  canonical,
  fail,
  ok,
  type Artifact,
  type BakeOrder,
  type Blobs,
  type Built,
  type Call,
  type Json,
  type PackerBuild,
  type Result,
} from '@goldenthread/core';
import type { Engine } from '../docker/engine.ts';
import { keepImage } from './packer-image.ts';
import type { PackerReport } from './packer-output.ts';
import type { Template } from './packer-template.ts';

const MAX_MANIFEST = 16 * 1024 * 1024;

/** What a finished run left, and what is known of it. */
export interface FinishedRun {
  readonly root: string;
  readonly blobs: Blobs;
  readonly engine: Engine;
  readonly order: BakeOrder;
  readonly template: Template;
  /** The manifest's file, null where the template writes none that can be found. */
  readonly manifest: string | null;
  readonly report: PackerReport;
  /** The base that was handed to the template. */
  readonly base: Pick<Artifact, 'digest' | 'layers'> | null;
}

async function readManifest(file: string): Promise<Result<readonly PackerBuild[] | null>> {
  const info = await stat(file).catch(() => null);
  if (!info) return ok(null);
  const corrupt = (found: string): Result<never> =>
    fail({ code: 'content-corrupt', what: `Packer's manifest ${file}`, expected: 'a manifest', found });
  if (info.size > MAX_MANIFEST) return corrupt(`${info.size} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return corrupt('something that is not JSON');
  }
  const { lastRun, PackerManifest } = await import('@goldenthread/core/schemas');
  const parsed = PackerManifest.safeParse(json);
  return parsed.success ? ok(lastRun(parsed.data)) : corrupt(parsed.error.message);
}

// Packer reports an artifact once for each post-processor that passes it on.
function reported(report: PackerReport): readonly PackerBuild[] {
  const builds = report.artifacts.map(({ build, builderId, id, files }) => {
    const docker = /docker/.test(builderId);
    return { builder: docker ? 'docker' : (/^[^.]+/.exec(build)?.[0] ?? builderId), id, files };
  });
  return [...new Map(builds.map((build) => [canonical({ ...build }), build])).values()];
}

const isImage = ({ builder, files }: PackerBuild): boolean => builder === 'docker' && files.length === 0;

/** What Packer made: from its manifest, or else from what it reported itself. */
async function buildsOf(run: FinishedRun): Promise<Result<readonly PackerBuild[]>> {
  const recorded = run.manifest === null ? ok(null) : await readManifest(run.manifest);
  if (!recorded.ok) return recorded;
  const builds = recorded.value ?? reported(run.report);
  if (builds.length > 0) return ok(builds);
  const detail = 'Packer ended well, but names nothing that it made';
  return fail({
    code: 'usage',
    detail,
    hint: `Add \`post-processor "manifest" { output = var.manifest }\` to ${run.template.path}, and a variable "manifest".`,
  });
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

interface Content {
  readonly digest: string;
  readonly size: number;
  readonly external: Artifact['external'];
}

/**
 * What is kept elsewhere is named by the content of its files where it has any (a single file by its own hash), and else by the
 * hash of what Packer calls it: `[{"builder":…,"id":…}]`, canonical and sorted.
 */
async function elsewhere(builds: readonly PackerBuild[], { root, template }: FinishedRun): Promise<Content> {
  const files: { name: string; digest: string; size: number; external: Artifact['external'][number] }[] = [];
  const names: Json[] = [];
  for (const { builder, id, files: made } of builds) {
    if (made.length === 0) names.push({ builder, id });
    for (const name of made) {
      const path = resolve(template.folder, name);
      const { size } = await stat(path);
      files.push({
        name: basename(name),
        digest: await hashFile(path),
        size,
        external: { builder, id: relative(root, path) },
      });
    }
  }
  const parts = [...names, ...files.map(({ name, digest }) => ({ name, digest }))].map(canonical).toSorted();
  const [only] = files;
  const digest =
    files.length === 1 && names.length === 0 && only
      ? only.digest
      : `sha256:${createHash('sha256').update(parts.join('\n')).digest('hex')}`;
  const named = builds
    .filter((build) => build.files.length === 0)
    .map(({ builder, id }) => ({ builder, id }));
  return {
    digest,
    size: files.reduce((sum, file) => sum + file.size, 0),
    external: [...named, ...files.map((file) => file.external)],
  };
}

/** Turns what Packer made into what the engine records: a Docker image lies in the blob store, all else stays where it is. */
export async function packerResult(run: FinishedRun, call: Call): Promise<Result<Built>> {
  const builds = await buildsOf(run);
  if (!builds.ok) return builds;
  const images = builds.value.filter(isImage);
  const other = await elsewhere(
    builds.value.filter((build) => !isImage(build)),
    run,
  );
  const [image, second] = images;
  if (second)
    return fail({
      code: 'usage',
      detail: `${run.template.path} makes ${images.length} Docker images, and an artifact is one`,
      hint: `Name the build under \`packer: { only: [ … ] }\` in ${run.order.image.file}.`,
    });
  if (!image) return ok({ ...other, base: null, layers: [] });
  const kept = await keepImage(image.id, run, call);
  if (!kept.ok) return kept;
  return ok({ ...kept.value, external: other.external });
}
