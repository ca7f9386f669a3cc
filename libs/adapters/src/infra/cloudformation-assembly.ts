import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Result, type StackOrder } from '@goldenthread/core';

/** A stack of a CDK app as `cdk synth` wrote it. */
export interface AssemblyStack {
  /** The file of its template, for messages. */
  readonly label: string;
  readonly text: string;
  readonly tags: Readonly<Record<string, string>>;
  /** How many files and container images it needs beside its template. */
  readonly assets: number;
}

interface Artifact {
  readonly type?: string;
  readonly displayName?: string;
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly directoryName?: string;
    readonly file?: string;
    readonly tags?: Readonly<Record<string, string>>;
  };
}

interface Found {
  /** Names that it goes by. */
  readonly names: readonly string[];
  readonly folder: string;
  readonly artifact: Artifact;
  /** File of the manifest of assets that lies beside it. */
  readonly assets: readonly string[];
}

const isObject = (value: unknown): value is object => value !== null && typeof value === 'object';

async function json(path: string): Promise<object | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Every stack of an assembly, and of the assemblies (stages) in it. */
async function stacksIn(folder: string): Promise<readonly Found[] | null> {
  const manifest: { readonly artifacts?: Readonly<Record<string, Artifact>> } | null = await json(
    join(folder, 'manifest.json'),
  );
  if (!manifest) return null;
  const entries = Object.entries(manifest.artifacts ?? {});
  const assets = entries.flatMap(([, { type, properties }]) =>
    type === 'cdk:asset-manifest' && properties?.file !== undefined ? [properties.file] : [],
  );
  const own = entries
    .filter(([, { type }]) => type === 'aws:cloudformation:stack')
    .map(([id, artifact]) => ({
      names: [artifact.properties?.stackName ?? id, artifact.displayName ?? id, id],
      folder,
      artifact,
      // Each stack has its own, called like it.
      assets: assets.filter((file) => file === `${id}.assets.json`),
    }));
  const nested = await Promise.all(
    entries.map(async ([, { type, properties }]) =>
      type === 'cdk:cloud-assembly' && properties?.directoryName !== undefined
        ? ((await stacksIn(join(folder, properties.directoryName))) ?? [])
        : [],
    ),
  );
  return [...own, ...nested.flat()];
}

/** How many assets a manifest of them names, the template left out that is one itself. */
async function countAssets({ folder, assets, artifact }: Found): Promise<number> {
  const manifests = await Promise.all(assets.map((file) => json(join(folder, file))));
  const sources = manifests.flatMap((manifest) => {
    const { files = {}, dockerImages = {} } = (manifest ?? {}) as {
      readonly files?: Readonly<Record<string, { readonly source?: { readonly path?: string } }>>;
      readonly dockerImages?: object;
    };
    return [...Object.values(files).map(({ source }) => source?.path ?? ''), ...Object.keys(dockerImages)];
  });
  return sources.filter((path) => path !== artifact.properties?.templateFile).length;
}

const failed = (detail: string): Result<never> => fail({ code: 'tool-failed', tool: 'cdk', detail });

/** The stack of the assembly in a folder: the only one, or the one that is called like `name` or the declaration. */
export async function assemblyStack(
  folder: string,
  { stack }: StackOrder,
  name: string,
): Promise<Result<AssemblyStack>> {
  const stacks = await stacksIn(folder);
  if (!stacks) return failed('it ended well and yet wrote no manifest.json');
  const called = (wanted: string): readonly Found[] => stacks.filter(({ names }) => names.includes(wanted));
  const candidates =
    stacks.length === 1 ? stacks : [name, stack.name].map(called).find((some) => some.length > 0);
  const [found, ...more] = candidates ?? [];
  if (!found || more.length > 0) {
    const all = stacks.map(({ names }) => names[0]).join(', ') || 'none';
    return failed(
      `the app has these stacks: ${all}; none of them alone is called ${name}: set cloudformation.stack_name in ${stack.file} to the name of one`,
    );
  }
  const { templateFile, tags = {} } = found.artifact.properties ?? {};
  const label = templateFile ?? 'template';
  try {
    const text = await readFile(join(found.folder, label), 'utf8');
    return ok({ label, text, tags, assets: await countAssets(found) });
  } catch {
    return failed(`it ended well and yet wrote no ${label}`);
  }
}
