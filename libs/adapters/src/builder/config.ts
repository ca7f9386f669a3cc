import { readFile } from 'node:fs/promises';
import type { Blobs, RunConfig } from '@goldenthread/core';

interface OciConfig {
  readonly Cmd?: string[];
  readonly Entrypoint?: string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Record<string, string>;
}

/** How containers of an image in the blob store run, in the declaration's words; nothing of one that is not there. */
export async function configOf(blobs: Blobs, digest: string): Promise<RunConfig> {
  if (!(await blobs.has(digest))) return {};
  const read = async <T>(at: string): Promise<T> => JSON.parse(await readFile(blobs.path(at), 'utf8')) as T;
  const manifest = await read<{ readonly config: { readonly digest: string } }>(digest);
  const { config = {} } = await read<{ readonly config?: OciConfig }>(manifest.config.digest);
  const pairs = config.Env?.map(
    (pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const,
  );
  return {
    ...(config.Cmd && { cmd: config.Cmd }),
    ...(config.Entrypoint && { entrypoint: config.Entrypoint }),
    ...(pairs && { env: Object.fromEntries(pairs) }),
    ...(config.User !== undefined && { user: config.User }),
    ...(config.WorkingDir !== undefined && { workdir: config.WorkingDir }),
    ...(config.ExposedPorts && { ports: Object.keys(config.ExposedPorts) }),
    ...(config.Labels && { labels: config.Labels }),
  };
}

/** A child's configuration on its parent's, as people know it from containers: a new entrypoint drops the old command. */
export function inherit(parent: RunConfig, own: RunConfig): RunConfig {
  const { cmd, ...rest } = parent;
  const base = own.entrypoint === undefined && cmd !== undefined ? { ...rest, cmd } : rest;
  return {
    ...base,
    ...own,
    ...((parent.env ?? own.env) && { env: { ...parent.env, ...own.env } }),
    ...((parent.labels ?? own.labels) && { labels: { ...parent.labels, ...own.labels } }),
    ...((parent.ports ?? own.ports) && {
      ports: [...new Set([...(parent.ports ?? []), ...(own.ports ?? [])])],
    }),
  };
}
