import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  all,
  fail,
  join as joinPath,
  ok,
  packerShape,
  positionAt,
  type Image,
  type Json,
  type PackerShape,
  type Result,
} from '@goldenthread/core';
import { parseHcl, parseJson } from '../facts/hcl.ts';

/** A template of Packer, ready to be run. */
export interface Template {
  /** Path relative to the workspace root. */
  readonly path: string;
  /** Absolute path of the folder in which Packer runs: relative paths in the template are meant from beside it. */
  readonly folder: string;
  /** How Packer is told of it in that folder. */
  readonly argument: string;
  /** Written in the newer language, be it as HCL or as JSON; old templates know neither plugins nor types of variables. */
  readonly modern: boolean;
  readonly shape: PackerShape;
}

const isOld = (path: string): boolean => path.endsWith('.json') && !path.endsWith('.pkr.json');

async function readOne(root: string, path: string): Promise<Result<PackerShape>> {
  const source = { path, text: await readFile(join(root, path), 'utf8') };
  const json = path.endsWith('.json') ? parseJson(source) : await parseHcl(source);
  return json.ok ? ok(packerShape(json.value)) : json;
}

const merge = (shapes: readonly PackerShape[]): PackerShape => ({
  variables: shapes.flatMap((shape) => shape.variables),
  sources: shapes.flatMap((shape) => shape.sources),
  builds: shapes.flatMap((shape) => shape.builds),
  provisioners: shapes.flatMap((shape) => shape.provisioners),
  postProcessors: shapes.flatMap((shape) => shape.postProcessors),
});

async function missing(root: string, image: Image, template: string): Promise<Result<never>> {
  const text = await readFile(join(root, image.file), 'utf8').catch(() => '');
  const at = positionAt(image.file, text, Math.max(0, text.indexOf(template)), template.length);
  return fail({ code: 'reference-missing', at, kind: 'Packer template', name: template, near: [] });
}

/** Reads the template of an image: one file, or all `*.pkr.hcl` and `*.pkr.json` of a folder. */
export async function readTemplate(root: string, image: Image): Promise<Result<Template>> {
  const named = image.packer?.template;
  if (named === undefined)
    return fail({
      code: 'usage',
      detail: `${image.name} names no Packer template`,
      hint: `Declare \`packer: { template: … }\` in ${image.file}.`,
    });
  const path = joinPath(image.root, named);
  const info = await stat(join(root, path)).catch(() => null);
  if (!info) return missing(root, image, named);
  const names = info.isDirectory()
    ? (await readdir(join(root, path))).filter((name) => /\.pkr\.(hcl|json)$/.test(name)).toSorted()
    : [];
  const shapes = all(
    await Promise.all(
      (info.isDirectory() ? names.map((name) => `${path}/${name}`) : [path]).map((file) =>
        readOne(root, file),
      ),
    ),
  );
  if (!shapes.ok) return shapes;
  return ok({
    path,
    folder: info.isDirectory() ? join(root, path) : dirname(join(root, path)),
    argument: info.isDirectory() ? '.' : basename(path),
    modern: info.isDirectory() || !isOld(path),
    shape: merge(shapes.value),
  });
}

/** Whether the builds to be run use Docker. With `only`, a name that fits no source may be a pattern: then all of them count. */
export const usesDocker = ({ shape }: Template): boolean =>
  shape.sources.some((source) => /^docker(\.|$)/.test(source));

/** Whether any provisioner is Ansible, run from here. */
export const usesAnsible = ({ shape }: Template): boolean => shape.provisioners.includes('ansible');

const MANIFEST_VARIABLE = /^\$\{\s*var\.manifest\s*\}$|^\{\{\s*user\s+[`"]manifest[`"]\s*\}\}$/;

/** Where the template has its manifest written: at the value of its variable, in a file of its own, or nowhere that can be told. */
export function manifestPath(template: Template, variable: Json | undefined): string | null {
  const processor = template.shape.postProcessors.find(({ type }) => type === 'manifest');
  if (!processor) return null;
  const output = processor.output ?? 'packer-manifest.json';
  const named = MANIFEST_VARIABLE.test(output) && typeof variable === 'string' ? variable : output;
  const path = named.replace(/\$\{\s*path\.root\s*\}|\{\{\s*template_dir\s*\}\}/, template.folder);
  return /[$%]\{|\{\{/.test(path) ? null : join(path.startsWith('/') ? '' : template.folder, path);
}
