import { fail, ok, type Call, type Json, type Result } from '@goldenthread/core';
import { refused, text, type Kube } from './kubernetes-client.ts';
import { isMap, type Ref } from './kubernetes-object.ts';

/** Where the API keeps a kind. */
export interface Resource {
  /** `deployments` */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Crossplane says `claim`, `composite` and `managed` of its own. */
  readonly categories: readonly string[];
}

/** `/api/v1`, `/apis/apps/v1` */
const versionPath = (apiVersion: string): string =>
  `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}`;

/** The path of an object; without a name, of all of its kind in the namespace. */
export function objectPath({ plural }: Resource, { apiVersion, namespace, name }: Omit<Ref, 'kind'>): string {
  const parts = [
    versionPath(apiVersion),
    ...(namespace === null ? [] : ['namespaces', encodeURIComponent(namespace)]),
    plural,
    ...(name === '' ? [] : [encodeURIComponent(name)]),
  ];
  return parts.join('/');
}

/** What kinds a server knows, asked once for each version of a group. */
export interface Discovery {
  /** Null: it does not know the kind. */
  find(apiVersion: string, kind: string, call: Call): Promise<Result<Resource | null>>;
}

type Kinds = ReadonlyMap<string, Resource>;

function kindsOf(body: Json): Kinds {
  const list = isMap(body) && Array.isArray(body['resources']) ? (body['resources'] as readonly Json[]) : [];
  return new Map(
    list
      .filter((one) => isMap(one))
      .filter(({ name }) => !text(name).includes('/'))
      .map((one) => [
        text(one['kind']),
        {
          plural: text(one['name']),
          namespaced: one['namespaced'] === true,
          categories: Array.isArray(one['categories'])
            ? (one['categories'] as readonly Json[]).map((c) => text(c))
            : [],
        },
      ]),
  );
}

/** Asks a server which kinds it knows. */
export function discovery(kube: Kube): Discovery {
  const known = new Map<string, Promise<Result<Kinds>>>();
  const ask = async (apiVersion: string, call: Call): Promise<Result<Kinds>> => {
    const doing = `asking for the kinds of ${apiVersion}`;
    const answered = await kube.ask({ method: 'GET', path: versionPath(apiVersion), doing }, call);
    if (!answered.ok) return answered;
    if (answered.value.status === 404) return ok(new Map());
    return answered.value.status === 200
      ? ok(kindsOf(answered.value.body))
      : fail(refused(kube, doing, answered.value));
  };
  return {
    async find(apiVersion, kind, call) {
      const asked = known.get(apiVersion) ?? ask(apiVersion, call);
      known.set(apiVersion, asked);
      const kinds = await asked;
      return kinds.ok ? ok(kinds.value.get(kind) ?? null) : kinds;
    },
  };
}
