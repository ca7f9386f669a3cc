import { writeFile } from 'node:fs/promises';
import {
  apply,
  found,
  json,
  list,
  patch,
  read,
  refusal,
  remove,
  write,
  type Target,
  type Writing,
} from './kubernetes-actions.ts';
import { textOf, type OpenMap } from './kubernetes-fields.ts';
import type { FakeKind } from './kubernetes-kinds.ts';
import { about, drop, keep, kubeWorld, type KubeWorld } from './kubernetes-store.ts';
import { serve, type Answered, type Asked, type Pair } from './serve.ts';
import { selfSigned } from './tls.ts';

/** Who asks: `admin` may all, `reader` only look, `tenant` see one namespace at a time; all others are not known. */
export type KubeAccount = 'admin' | 'reader' | 'tenant' | 'stranger';

/** Kind, namespace and name of an object. */
export type FakeRef = readonly [kind: string, namespace: string | null, name: string];

/** A server that speaks the API of Kubernetes with TLS and tokens, and keeps its objects in memory. */
export interface FakeKubernetes {
  readonly origin: string;
  readonly world: KubeWorld;
  /** Requests so far: `PATCH /api/v1/namespaces/shop/configmaps/one?dryRun=All`. */
  readonly asked: string[];
  /** Answers before the server does, to make it fail. */
  intercept: ((asked: Asked) => Answered | null) | null;
  /** Writes a kubeconfig with this account and default namespace. */
  kubeconfig(path: string, account?: KubeAccount, namespace?: string): Promise<void>;
  /** An object of a kind, as it is; undefined where there is none. */
  object(...of: FakeRef): OpenMap | undefined;
  /** Changes an object as another manager, by a merge patch. */
  change(of: FakeRef, body: OpenMap, manager?: string): void;
  /** Takes an object away at once. */
  remove(...of: FakeRef): void;
  stop(): Promise<void>;
}

const ACCOUNTS: readonly KubeAccount[] = ['admin', 'reader', 'tenant'];
const tokenOf = (account: KubeAccount): string => `token-of-${account}`;

const text = (body: string): OpenMap => (body === '' ? {} : (JSON.parse(body) as OpenMap));

/** `/api/v1`, `/apis/apps/v1` and what follows. */
const PATH = /^\/(?:api\/(?<core>v1)|apis\/(?<group>[^/]+\/[^/]+))(?<rest>\/.*)?$/;

function targetOf(world: KubeWorld, path: string): Target | null {
  const { core, group, rest = '' } = PATH.exec(path)?.groups ?? {};
  const parts = rest.split('/').slice(1).map(decodeURIComponent);
  const of = (plural: string | undefined): FakeKind | undefined =>
    world.kinds.find((kind) => kind.apiVersion === (core ?? group) && kind.plural === plural);
  const [scope, namespace = null, plural, inner = null] = parts;
  const nested = scope === 'namespaces' && plural !== undefined ? of(plural) : undefined;
  if (nested) return { of: nested, namespace, name: inner };
  const flat = of(scope);
  return flat ? { of: flat, namespace: null, name: namespace } : null;
}

function discovered({ kinds }: KubeWorld, path: string): Answered | null {
  const groups = [...new Set(kinds.map(({ apiVersion }) => apiVersion).filter((one) => one.includes('/')))];
  if (path === '/api')
    return json(200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
  if (path === '/version') return json(200, { major: '1', minor: '32', gitVersion: 'v1.32.0' });
  if (path === '/apis') {
    const list = groups.map((groupVersion) => {
      const [name, version] = groupVersion.split('/');
      return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
    });
    return json(200, { kind: 'APIGroupList', apiVersion: 'v1', groups: list });
  }
  const { core, group, rest } = PATH.exec(path)?.groups ?? {};
  const version = core ?? group;
  if (version === undefined || rest !== undefined) return null;
  const resources = kinds
    .filter(({ apiVersion }) => apiVersion === version)
    .map(({ kind, plural, namespaced, categories = [] }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced,
      kind,
      categories,
      verbs: ['create', 'delete', 'get', 'list', 'patch', 'update'],
    }));
  if (resources.length === 0)
    return refusal(404, 'NotFound', 'the server could not find the requested resource');
  return json(200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: version, resources });
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  GET: 'list',
};

/** Why an account may not do something; null where it may. */
function forbidden(account: KubeAccount, method: string, { of, namespace, name }: Target): Answered | null {
  const looks = method === 'GET';
  const wide = looks && name === null && namespace === null && of.namespaced;
  if (account === 'admin' || (account === 'reader' && looks) || (account === 'tenant' && !wide)) return null;
  const where = namespace === null ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const group = of.apiVersion.split('/').slice(0, -1).join('');
  const words = `User "${account}" cannot ${VERBS[method] ?? ''} resource "${of.plural}" in API group "${group}" ${where}`;
  return refusal(403, 'Forbidden', `${of.plural}${name === null ? '' : ` "${name}"`} is forbidden: ${words}`);
}

function written(
  world: KubeWorld,
  target: Target,
  { method, headers, body }: Asked,
  writing: Writing,
): Answered {
  const type = headers['content-type'] ?? '';
  if (method === 'DELETE') return remove(world, target, text(body));
  if (method === 'PATCH' && type.startsWith('application/apply-patch'))
    return apply(world, target, text(body), writing);
  if (method === 'PATCH' && type.includes('merge-patch')) return patch(world, target, text(body), writing);
  if (method === 'PUT') return write(world, target, text(body), writing);
  if (method !== 'POST')
    return refusal(415, 'UnsupportedMediaType', `the body of the request was in an unknown format ${type}`);
  const named = { ...target, name: textOf(about(text(body))['name']) };
  if (found(world, named))
    return refusal(409, 'AlreadyExists', `${target.of.plural} "${named.name}" already exists`);
  return write(world, named, text(body), writing);
}

function answer(world: KubeWorld, asked: Asked): Answered {
  const { method, url, headers } = asked;
  const account = ACCOUNTS.find((one) => headers.authorization === `Bearer ${tokenOf(one)}`);
  if (!account) return refusal(401, 'Unauthorized', 'Unauthorized');
  const known = discovered(world, url.pathname);
  if (known) return known;
  const target = targetOf(world, url.pathname);
  if (!target) return refusal(404, 'NotFound', 'the server could not find the requested resource');
  const refused = forbidden(account, method, target);
  if (refused) return refused;
  const { searchParams: query } = url;
  if (method === 'GET')
    return target.name === null ? list(world, target, query.get('labelSelector')) : read(world, target);
  const writing = {
    dry: query.get('dryRun') === 'All',
    manager: query.get('fieldManager') ?? 'unknown',
    force: query.get('force') === 'true',
  };
  return written(world, target, asked, writing);
}

/** Starts a cluster that has these namespaces. */
export async function startKubernetes(namespaces: readonly string[] = ['default']): Promise<FakeKubernetes> {
  const pair: Pair = selfSigned();
  const world = kubeWorld(namespaces);
  const asked: string[] = [];
  const handle = (request: Asked): Answered => {
    asked.push(`${request.method} ${request.url.pathname}${request.url.search}`);
    return fake.intercept?.(request) ?? answer(world, request);
  };
  const serving = await serve(handle, pair);
  const target = (...[kind, namespace, name]: FakeRef): Target => {
    const of = world.kinds.find((one) => one.kind === kind);
    if (!of) throw new Error(`no kind ${kind}`);
    return { of, namespace, name };
  };
  const fake: FakeKubernetes = {
    origin: serving.origin,
    world,
    asked,
    intercept: null,
    async kubeconfig(path, account = 'admin', namespace = 'default') {
      const cluster = {
        server: serving.origin,
        'certificate-authority-data': Buffer.from(pair.cert).toString('base64'),
      };
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'fake', cluster }],
        users: [{ name: account, user: { token: tokenOf(account) } }],
        contexts: [{ name: 'fake', context: { cluster: 'fake', user: account, namespace } }],
        'current-context': 'fake',
      };
      await writeFile(path, JSON.stringify(config), { mode: 0o600 });
    },
    object: (kind, namespace, name) => found(world, target(kind, namespace, name))?.object,
    change(of, body, manager = 'somebody') {
      const answered = patch(world, target(...of), body, {
        dry: false,
        manager,
        force: false,
      });
      if (typeof answered === 'string' || answered.status >= 300) throw new Error(JSON.stringify(answered));
    },
    remove(kind, namespace, name) {
      const kept = found(world, target(kind, namespace, name));
      if (!kept) throw new Error(`no ${kind} ${name}`);
      drop(
        world,
        keep(world, {
          ...kept,
          object: { ...kept.object, metadata: { ...about(kept.object), finalizers: [] } },
        }),
      );
    },
    stop: serving.stop,
  };
  return fake;
}
