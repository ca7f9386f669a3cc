import { folder, join } from '../paths.ts';
import type { Facts, Target } from './facts.ts';
import { factsOf, nothing, refer, unknown, type Found } from './gather.ts';
import { candidatesOf, functionFiles, plainPath, spokenPath, textIn, type HclWalk } from './hcl-facts.ts';
import {
  block,
  blocks,
  labelled,
  leafEntries,
  strings,
  twiceLabelled,
  type Block,
  type JsonSource,
} from './hcl-json.ts';
import { resolveHcl, type HclScope } from './hcl-text.ts';
import { ANY, BUILDER, PROVISIONERS, type FieldKind, type Fields } from './packer-fields.ts';

const OUR_IMAGE = /^(?:docker:\/\/)?(?:[\w.-]+(?::\d+)?\/)?goldenthread\/([a-z0-9][a-z0-9._-]*)(?:[:@]|$)/;

/** What an argument of ansible-playbook reads variables from: the path behind `@`, still to be resolved; or nothing. */
const argumentFile = (text: string): string => /^(?:-e|--extra-vars=?)?\s*@(.+)$/.exec(text)?.[1] ?? '';

const everyPath = (written: string, walk: HclWalk): readonly (string | null)[] => {
  const resolved = resolveHcl(written, walk.scope);
  return typeof resolved === 'string' || resolved === null ? [resolved] : resolved;
};

function referField(kind: FieldKind, value: unknown, walk: HclWalk, optional: boolean): void {
  if (kind === 'search') return;
  const playbook = kind === 'playbook';
  for (const { text } of strings([value])) {
    const written = kind === 'arguments' ? argumentFile(text) : text;
    for (const path of written === '' ? [] : everyPath(written, walk)) {
      if (path === null || path.includes('{{')) {
        unknown(walk.found, textIn(walk, text), playbook ? 'which playbook this is' : 'which file this is');
        continue;
      }
      const candidates = candidatesOf(path.replace(/[^/]*[*?[].*$/, ''), walk);
      const target: Target = playbook
        ? { to: 'source', kind: 'playbook', candidates }
        : { to: 'file', candidates };
      const reason = `${playbook ? 'runs the playbook' : 'uses the file'} ${spokenPath(path)}`;
      refer(walk.found, { target, at: textIn(walk, text).at, reason, optional });
    }
  }
}

/** A provisioner, builder or post-processor: the keys we know, and whatever else plainly is a path. */
function walkBlock(fields: Fields, body: Block, walk: HclWalk): void {
  // A file that comes from the machine, or is made while the template runs, is none of the workspace's yet.
  const comes = body['direction'] === 'download';
  const made = body['generated'] === true || body['generated'] === 'true';
  for (const { key, value } of leafEntries(body)) {
    const kind = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (kind === undefined) for (const { text } of strings(value)) plainPath(key, text, walk);
    else if (!comes) referField(kind, value, walk, made);
  }
}

/** The images of this workspace that a builder names as what it starts from. */
function baseImages(body: Block, walk: HclWalk): void {
  for (const { key, text } of strings(body)) {
    // The declaration's own `base:` is handed over by this variable, and is an edge already.
    if (
      !/image|source|base/.test(key) ||
      /^\$\{\s*var\.base_image\s*\}$|^\{\{\s*user\s+[`"]base_image[`"]\s*\}\}$/.test(text)
    )
      continue;
    const resolved = resolveHcl(text, walk.scope);
    const name = typeof resolved === 'string' ? OUR_IMAGE.exec(resolved)?.[1] : undefined;
    if (name === undefined) continue;
    refer(walk.found, {
      target: { to: 'project', kind: 'image', name },
      at: textIn(walk, text).at,
      reason: `is made on the image ${name}`,
    });
  }
}

const PROVISION: (type: string) => Fields = (type) => PROVISIONERS[type] ?? {};

function walkBuild(build: Block, walk: HclWalk): void {
  for (const key of ['provisioner', 'error-cleanup-provisioner'])
    for (const { label, body } of labelled(build[key])) walkBlock(PROVISION(label), body, walk);
  for (const { label, body } of labelled(build['dynamic']))
    if (label === 'provisioner') walkBlock(ANY, body, walk);
  const chains = [build, ...blocks(build['post-processors'])];
  for (const { label, body } of chains.flatMap((chain) => labelled(chain['post-processor'])))
    walkBlock(PROVISION(label), body, walk);
  for (const { body } of labelled(build['source'])) walkBuilder(body, walk);
}

function walkBuilder(body: Block, walk: HclWalk): void {
  walkBlock(BUILDER, body, walk);
  baseImages(body, walk);
}

const typeOf = (body: Block): string => (typeof body['type'] === 'string' ? body['type'] : '');

function walkLegacy(template: Block, walk: HclWalk): void {
  for (const body of blocks(template['provisioners'])) walkBlock(PROVISION(typeOf(body)), body, walk);
  for (const body of blocks(template['builders'])) walkBuilder(body, walk);
  for (const body of blocks(template['post-processors'])) walkBlock(PROVISION(typeOf(body)), body, walk);
}

const LEGACY_CALL = /\{\{\s*(?:(template_dir)|user\s+(?:`([^`]*)`|"([^"]*)"))\s*\}\}/g;

/** The old template language in the terms of HCL, so that one resolver serves both. */
const modern = (text: string): string =>
  text
    .replace(/([$%])\{/g, '$1$1{')
    .replace(LEGACY_CALL, (_, here: string | undefined, quoted?: string, plain?: string) =>
      here === undefined ? `\${var.${quoted ?? plain ?? ''}}` : '${path.root}',
    );

const isLegacy = (json: Block): boolean =>
  Array.isArray(json['builders']) || Array.isArray(json['provisioners']);

const isAssignment = (path: string): boolean => /\.pkrvars\.(hcl|json)$/.test(path);

/** Variables and locals of all files of a template; files of values go before defaults. */
function valuesOf(files: readonly JsonSource[]): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  const set = (prefix: string, found: Iterable<readonly [string, unknown]>): void => {
    for (const [name, value] of found)
      if (value !== undefined && value !== null) values.set(`${prefix}.${name}`, value);
  };
  for (const { path, json } of files) {
    const top = block(json);
    if (isAssignment(path)) continue;
    set(
      'var',
      labelled(top['variable']).map(({ label, body }) => [label, body['default']] as const),
    );
    for (const one of blocks(top['variables'])) set('var', Object.entries(one));
    for (const one of blocks(top['locals'])) set('local', Object.entries(one));
    set(
      'local',
      labelled(top['local']).map(({ label, body }) => [label, body['expression']] as const),
    );
  }
  for (const { path, json } of files) if (isAssignment(path)) set('var', Object.entries(block(json)));
  return values;
}

function walkFile(source: JsonSource, walk: HclWalk): void {
  const json = block(source.json);
  if (isLegacy(json)) return walkLegacy(json, walk);
  for (const { body } of twiceLabelled(json['source'])) walkBuilder(body, walk);
  for (const build of blocks(json['build'])) walkBuild(build, walk);
  functionFiles(json, walk);
}

/**
 * What a template of Packer refers to: playbooks, scripts, files, and images of this workspace it names itself. Relative
 * paths are looked up beside the template, in the image's folder `root`, and from the workspace root. `data.defaults` lists
 * the variables whose default was taken for their value.
 */
export function packerFacts(root: string, files: readonly JsonSource[]): Facts {
  const found: Found = nothing();
  const used = new Set<string>();
  const values = valuesOf(files);
  for (const source of files) {
    if (isAssignment(source.path)) continue;
    const here = folder(source.path);
    const reads = isLegacy(block(source.json)) ? { reads: modern } : {};
    const scope: HclScope = { folder: here, values, used, ...reads };
    walkFile(source, { source, scope, folders: [...new Set([here, join(root), ''])], found });
  }
  return factsOf(found, { defaults: [...used].sort() });
}
