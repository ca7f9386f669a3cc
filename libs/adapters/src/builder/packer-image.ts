import { ok, type Built, type Call, type Json, type Layer, type Result } from '@goldenthread/core';
import type { Saved } from '../docker/archive.ts';
import { quiet } from '../namespace/work.ts';
import type { FinishedRun } from './packer-result.ts';

interface DockerConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly config?: { readonly [key: string]: Json | undefined };
}

// What the engine notes of the container that an image came from says nothing about the image.
const PASSING = new Set([
  'Hostname',
  'Domainname',
  'AttachStdin',
  'AttachStdout',
  'AttachStderr',
  'Tty',
  'OpenStdin',
  'StdinOnce',
  'Image',
  'MacAddress',
  'NetworkDisabled',
]);

/** The configuration of a saved image without what belongs to its making. */
function lastingConfig(saved: Saved, steps: readonly string[]): Json {
  const {
    architecture,
    os,
    variant,
    config = {},
  } = JSON.parse(saved.config.toString('utf8')) as DockerConfig;
  const created = '2020-01-01T00:00:00Z';
  const lasting = Object.entries(config).filter(
    ([key, value]) => !PASSING.has(key) && value !== null && value !== '' && value !== false,
  );
  return {
    architecture,
    os,
    variant,
    created,
    config: Object.fromEntries(lasting),
    rootfs: { type: 'layers', diff_ids: saved.layers.map(({ digest }) => digest) },
    history: steps.map((step) => ({ created, created_by: step })),
  };
}

/** Writes a Docker image into the blob store as an OCI image: its layers, and its configuration as the template set it. */
export async function keepImage(
  id: string,
  run: FinishedRun,
  call: Call,
): Promise<Result<Omit<Built, 'external'>>> {
  const { engine, blobs, base, template, order } = run;
  const saved = await engine.save(id, call);
  if (!saved.ok) return saved;
  const below = base?.layers ?? [];
  const stands =
    below.length > 0 && below.every(({ digest }, at) => saved.value.layers[at]?.digest === digest);
  if (base && !stands)
    call.emit({
      type: 'note',
      project: order.image.name,
      text: `${template.path} does not build on its declared base: it does not use the variable base_image`,
    });
  const layers = saved.value.layers.map((layer, at): Layer => ({
    ...layer,
    step: (stands ? below[at]?.step : undefined) ?? `packer ${template.path}`,
  }));
  const config = lastingConfig(
    saved.value,
    layers.map(({ step }) => step),
  );
  const written = await blobs.imageOf(layers, config, call);
  if (!written.ok) return written;
  await replaceImage(id, written.value.digest, run, call);
  return ok({ ...written.value, base: stands && base ? { digest: base.digest } : null, layers });
}

/** Has Docker keep the image under our name in the place of the nameless one: its layers are there, so it costs nothing. */
async function replaceImage(
  id: string,
  digest: string,
  { engine, order }: FinishedRun,
  call: Call,
): Promise<void> {
  const loaded = await engine.load({ digest }, call);
  if (!loaded.ok) return;
  await engine.tag(loaded.value, order.image.name, digest, call);
  await engine.ask(async (docker) => {
    const image = docker.getImage(id);
    const { RepoTags, Id } = await image.inspect();
    if (RepoTags.length === 0 && Id !== loaded.value) await image.remove();
  }, quiet());
}
