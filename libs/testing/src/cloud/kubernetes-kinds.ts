import { textOf as text, type Open, type OpenMap } from './kubernetes-fields.ts';

/** A kind that a server knows. */
export interface FakeKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Whether a generation counts its changes. */
  readonly counted: boolean;
  readonly categories?: readonly string[];
}

const kind = (apiVersion: string, name: string, plural: string, more: Partial<FakeKind> = {}): FakeKind => ({
  apiVersion,
  kind: name,
  plural,
  namespaced: true,
  counted: false,
  ...more,
});

const counted = { counted: true };

/** What a new cluster knows: some of Kubernetes's own, and a claim as Crossplane would have it. */
export const KINDS: readonly FakeKind[] = [
  kind('v1', 'Namespace', 'namespaces', { namespaced: false }),
  kind('v1', 'ConfigMap', 'configmaps'),
  kind('v1', 'Secret', 'secrets'),
  kind('v1', 'Service', 'services'),
  kind('v1', 'ServiceAccount', 'serviceaccounts'),
  kind('apps/v1', 'Deployment', 'deployments', counted),
  kind('batch/v1', 'Job', 'jobs', counted),
  kind('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', {
    ...counted,
    namespaced: false,
  }),
  kind('platform.example.org/v1alpha1', 'Database', 'databases', { ...counted, categories: ['claim'] }),
];

/** Why the API does not take an object: the field, the words, and the reason it gives. */
export interface Invalid {
  readonly field: string;
  readonly message: string;
}

const map = (value: Open | undefined): OpenMap =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};

let addresses = 0;

/** Fills in what the API would. Addresses are others each time, as they are in real clusters. */
export function defaulted({ kind: name }: FakeKind, object: OpenMap): OpenMap {
  const spec = map(object['spec']);
  if (name === 'Secret') {
    const { stringData, ...rest } = object;
    const given = Object.entries(map(stringData)).map(([key, value]): [string, Open] => [
      key,
      Buffer.from(text(value)).toString('base64'),
    ]);
    const data = { ...map(rest['data']), ...Object.fromEntries(given) };
    return { ...rest, type: object['type'] ?? 'Opaque', ...(Object.keys(data).length > 0 ? { data } : {}) };
  }
  if (name === 'Deployment')
    return {
      ...object,
      spec: { replicas: 1, progressDeadlineSeconds: 600, strategy: { type: 'RollingUpdate' }, ...spec },
    };
  if (name === 'Service') {
    addresses += 1;
    const clusterIP = spec['clusterIP'] ?? `10.96.0.${addresses}`;
    return { ...object, spec: { type: 'ClusterIP', ...spec, clusterIP, clusterIPs: [clusterIP] } };
  }
  if (name === 'Namespace')
    return { ...object, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
  return object;
}

const FIXED: Readonly<Record<string, readonly [string, string]>> = {
  Deployment: ['selector', 'field is immutable'],
  Job: ['template', 'field is immutable'],
  Service: ['clusterIP', 'may not change once set'],
};

/** What the API has against an object, and against what would become of the one that is there. */
export function invalid(
  { kind: name }: FakeKind,
  object: OpenMap,
  before: OpenMap | null,
): readonly Invalid[] {
  const labels = Object.values(map(map(object['metadata'])['labels']));
  const wrong = labels
    .filter((value) => !/^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/.test(text(value)))
    .map((value) => ({
      field: 'metadata.labels',
      message: `Invalid value: "${text(value)}": a valid label must be an empty string or consist of alphanumeric characters`,
    }));
  if (
    before &&
    before['immutable'] === true &&
    JSON.stringify(before['data']) !== JSON.stringify(object['data'])
  )
    return [...wrong, { field: 'data', message: 'Forbidden: field is immutable when `immutable` is set' }];
  const [field = '', message = ''] = FIXED[name] ?? [];
  const [old, fresh] = [map(before?.['spec'])[field], map(object['spec'])[field]];
  if (!before || field === '' || JSON.stringify(old) === JSON.stringify(fresh)) return wrong;
  const named = field === 'clusterIP' ? 'spec.clusterIPs[0]' : `spec.${field}`;
  return [...wrong, { field: named, message: `Invalid value: ${JSON.stringify(fresh)}: ${message}` }];
}

/** A field of another type than its schema says; null where there is none. */
export function mistyped({ kind: name }: FakeKind, object: OpenMap): string | null {
  if (name !== 'ConfigMap') return null;
  const found = Object.entries(map(object['data'])).find(([, value]) => typeof value !== 'string');
  return found
    ? `.data.${found[0]}: expected string, got &value.valueUnstructured{Value:${JSON.stringify(found[1])}}`
    : null;
}

/** The kinds that a definition of custom resources brings. */
export function definedKinds(definition: OpenMap): readonly FakeKind[] {
  const spec = map(definition['spec']);
  const names = map(spec['names']);
  const versions = Array.isArray(spec['versions']) ? spec['versions'] : [];
  return versions.map((version) => ({
    apiVersion: `${text(spec['group'])}/${text(map(version)['name'])}`,
    kind: text(names['kind']),
    plural: text(names['plural']),
    namespaced: spec['scope'] === 'Namespaced',
    counted: true,
  }));
}

/** The status that a controller gives an object when it is done with it, or cannot be (`stuck`, in its words); null: it gives none. */
export function statusOf(of: FakeKind, object: OpenMap, stuck: string | null): OpenMap | null {
  const generation = map(object['metadata'])['generation'] ?? 1;
  const status = stuck === null ? 'True' : 'False';
  const reason = stuck === null ? 'Done' : 'Stuck';
  const condition = (type: string): OpenMap => ({ type, status, reason, message: stuck ?? '' });
  if (of.kind === 'Deployment') {
    const replicas = map(object['spec'])['replicas'] ?? 1;
    const up = stuck === null ? { availableReplicas: replicas, readyReplicas: replicas } : {};
    const conditions = [condition('Available')];
    return { observedGeneration: generation, replicas, updatedReplicas: replicas, ...up, conditions };
  }
  if (of.kind === 'Job')
    return {
      conditions: [stuck === null ? condition('Complete') : { ...condition('Failed'), status: 'True' }],
    };
  if (of.kind === 'CustomResourceDefinition') return { conditions: [condition('Established')] };
  if (of.categories?.includes('claim'))
    return { conditions: [{ ...condition('Synced'), status: 'True', message: '' }, condition('Ready')] };
  return null;
}
