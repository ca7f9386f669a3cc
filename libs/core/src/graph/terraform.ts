import type { Json } from '../canonical.ts';
import { join } from '../paths.ts';
import type { Facts } from './facts.ts';
import { factsOf, nothing, refer, ROOTED, unknown, type Found } from './gather.ts';
import { functionFiles, plainPath, textIn, type HclWalk } from './hcl-facts.ts';
import {
  block,
  blocks,
  labelled,
  leafEntries,
  twiceLabelled,
  type Block,
  type JsonSource,
} from './hcl-json.ts';
import { resolveHcl, type HclScope } from './hcl-text.ts';

/** Where a stack keeps its state: the kind of backend and what names the state in it. */
export interface StatePlace {
  readonly backend: string;
  readonly key: string;
}

/** Which settings name the store and the state in it; the first that is there counts. */
const NAMES: Readonly<
  Record<string, { readonly store: readonly string[]; readonly key: readonly string[] }>
> = {
  s3: { store: ['bucket'], key: ['key'] },
  gcs: { store: ['bucket'], key: ['prefix'] },
  azurerm: { store: ['storage_account_name', 'container_name'], key: ['key'] },
  http: { store: [], key: ['address'] },
  consul: { store: ['address'], key: ['path'] },
  pg: { store: [], key: ['schema_name'] },
  kubernetes: { store: ['namespace'], key: ['secret_suffix'] },
  remote: { store: ['organization'], key: ['name'] },
};
const OTHER = { store: ['bucket'], key: ['key', 'prefix', 'path', 'address', 'name'] };

const textOf = (value: unknown, scope: HclScope): string | null => {
  const resolved = resolveHcl(value, scope);
  return typeof resolved === 'string' ? resolved : null;
};

/** `workspaces { name = "…" }` belongs to its surroundings. */
const flat = (config: Block): Block => ({ ...config, ...blocks(config['workspaces'])[0] });

/**
 * The names of a state, the most exact first: with its store (the bucket) where that is known, then without. Null where
 * the name itself is known only when it runs.
 */
function statePlaces(backend: string, written: Block, scope: HclScope): readonly StatePlace[] | null {
  const config = flat(written);
  if (backend === 'local') {
    const path = config['path'] === undefined ? 'terraform.tfstate' : textOf(config['path'], scope);
    if (path === null) return null;
    return [
      {
        backend,
        key: path.startsWith(ROOTED)
          ? join(path.slice(1))
          : path.startsWith('/')
            ? path
            : join(scope.folder, path),
      },
    ];
  }
  const names = NAMES[backend] ?? OTHER;
  const name = names.key.find((key) => config[key] !== undefined);
  const key = name === undefined ? null : textOf(config[name], scope);
  if (key === null) return null;
  const stores = names.store.map((store) => textOf(config[store], scope));
  const exact =
    stores.length > 0 && stores.every((store) => store !== null)
      ? [{ backend, key: [...stores, key].join('/') }]
      : [];
  return [...exact, { backend, key }];
}

/** Where the stack's own state is; without a backend block, or with a default one, beside it. */
function ownState(files: readonly JsonSource[], scope: HclScope): readonly StatePlace[] {
  const settings = files.flatMap((file) => blocks(block(file.json)['terraform']));
  const cloud = settings.flatMap((one) => blocks(one['cloud']))[0];
  if (cloud) return statePlaces('remote', cloud, scope) ?? [];
  const own = settings.flatMap((one) => labelled(one['backend']))[0];
  return statePlaces(own?.label ?? 'local', own?.body ?? {}, scope) ?? [];
}

function modules(json: Block, walk: HclWalk): void {
  for (const { label, body } of labelled(json['module'])) {
    const source = body['source'];
    if (typeof source !== 'string') continue;
    const path = textOf(source, walk.scope);
    if (path === null) unknown(walk.found, textIn(walk, source), 'which module this is');
    else if (/^\.\.?(\/|$)/.test(path) || path.startsWith(ROOTED)) {
      const folder = path.startsWith(ROOTED) ? join(path.slice(1)) : join(walk.scope.folder, path);
      refer(walk.found, {
        target: { to: 'source', kind: 'terraform', candidates: [folder] },
        at: textIn(walk, source).at,
        reason: `uses the module ${label} (${folder})`,
      });
    }
  }
}

function remoteStates(json: Block, walk: HclWalk): void {
  for (const { type, name, body } of twiceLabelled(json['data'])) {
    if (type !== 'terraform_remote_state') continue;
    const backend = textOf(body['backend'], walk.scope);
    const config = blocks(body['config'])[0] ?? {};
    const places = backend === null ? null : statePlaces(backend, config, walk.scope);
    const [place] = places ?? [];
    const setting = Object.values(flat(config)).find(
      (value) => typeof value === 'string' && value.includes('${'),
    );
    const shown =
      typeof setting === 'string' ? setting : typeof body['config'] === 'string' ? body['config'] : name;
    if (place)
      refer(walk.found, {
        target: { to: 'state', ...place },
        at: stateText(config, name, walk).at,
        reason: `reads the state ${name} (${place.key})`,
      });
    else unknown(walk.found, textIn(walk, shown), 'which state this is');
  }
}

/** The text that names the state, to point at. */
function stateText(config: Block, name: string, walk: HclWalk): ReturnType<typeof textIn> {
  const named = ['key', 'prefix', 'path', 'address', 'name']
    .map((key) => flat(config)[key])
    .find((value) => typeof value === 'string');
  return textIn(walk, typeof named === 'string' ? named : name);
}

/** Texts that are paths below the module's folder as a whole, such as the `source` of a provisioner. */
function paths(json: Block, walk: HclWalk): void {
  for (const kind of ['resource', 'data', 'module'])
    for (const { key, value } of leafEntries(json[kind]))
      for (const text of Array.isArray(value) ? (value as unknown[]) : [value])
        if (
          typeof text === 'string' &&
          !isReadElsewhere(kind, key) &&
          /^\$\{\s*path\.(module|root)\s*\}\//.test(text)
        )
          plainPath(key, text, walk);
}

const isReadElsewhere = (kind: string, key: string): boolean =>
  (kind === 'module' && key === 'source') || (kind === 'data' && key === 'path');

/**
 * What the Terraform files of a folder refer to: local modules, other stacks' states, and files. `data.state` says where
 * the stack keeps its own state. Variables stay unknown, since files of values and pipelines set them; literal locals count.
 */
export function terraformFacts(root: string, files: readonly JsonSource[]): Facts {
  const found: Found = nothing();
  const locals = files
    .flatMap((file) => blocks(block(file.json)['locals']))
    .flatMap((one) => Object.entries(one));
  const scope: HclScope = {
    folder: root,
    values: new Map(locals.map(([name, value]) => [`local.${name}`, value])),
  };
  for (const source of files) {
    const json = block(source.json);
    const walk: HclWalk = { source, scope, folders: [root], found };
    modules(json, walk);
    remoteStates(json, walk);
    paths(json, walk);
    functionFiles(json, walk);
  }
  return factsOf(found, { state: ownState(files, scope) } as unknown as Json);
}
