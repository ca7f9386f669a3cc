import type { Asked } from './serve.ts';

interface Binding {
  readonly role: string;
  readonly members: readonly string[];
  readonly condition?: object;
}

/** An image of the small Compute Engine. */
export interface GoogleImage {
  readonly name: string;
  status: 'READY' | 'PENDING' | 'FAILED';
  labels: Readonly<Record<string, string>>;
  labelFingerprint: string;
  deprecated: { readonly state: string } | null;
  policy: { readonly etag: string; readonly bindings: readonly Binding[] };
}

interface Operation {
  readonly name: string;
  readonly operationType: string;
  /** It is done after it was looked at so often. */
  looks: number;
  readonly end: () => void;
}

/** Everything that the small Compute Engine holds. */
export interface GoogleWorld {
  readonly images: Map<string, GoogleImage>;
  readonly operations: Map<string, Operation>;
  /** How often an operation is seen running. */
  looks: number;
  /** How much a page of a listing holds. */
  page: number;
  count: number;
}

/** What Compute Engine refuses, by its own reason. */
export class GoogleRefusal extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

type Action = (image: GoogleImage, world: GoogleWorld, asked: Asked) => object;

const shown = (image: GoogleImage): object => ({
  kind: 'compute#image',
  id: '1234567890123456789',
  name: image.name,
  status: image.status,
  labels: image.labels,
  labelFingerprint: image.labelFingerprint,
  ...(image.deprecated === null ? {} : { deprecated: image.deprecated }),
});

const operation = ({ name, operationType, looks }: Operation): object => ({
  kind: 'compute#operation',
  id: '9876543210987654321',
  name,
  operationType,
  status: looks < 0 ? 'DONE' : 'RUNNING',
  progress: looks < 0 ? 100 : 0,
});

function begin(world: GoogleWorld, operationType: string, end: () => void): object {
  world.count += 1;
  const begun = { name: `operation-${world.count}`, operationType, looks: world.looks, end };
  world.operations.set(begun.name, begun);
  return operation(begun);
}

const bodyOf = ({ body }: Asked): unknown => JSON.parse(body);

const invalid = (message: string): GoogleRefusal => new GoogleRefusal(400, 'invalid', message);

const setLabels: Action = (image, world, asked) => {
  const { labels = {}, labelFingerprint } = bodyOf(asked) as Partial<
    Pick<GoogleImage, 'labels' | 'labelFingerprint'>
  >;
  if (labelFingerprint !== image.labelFingerprint)
    throw new GoogleRefusal(412, 'conditionNotMet', 'Labels fingerprint either invalid or outdated');
  if (Object.keys(labels).length > 64) throw invalid('More than 64 labels');
  for (const [key, value] of Object.entries(labels))
    if (!/^[a-z][a-z0-9_-]{0,62}$/.test(key) || !/^[a-z0-9_-]{0,63}$/.test(value))
      throw invalid(`Invalid value for field 'labels': '${key}=${value}'`);
  return begin(world, 'setLabels', () => {
    world.count += 1;
    Object.assign(image, { labels, labelFingerprint: `f${world.count}` });
  });
};

const deprecate: Action = (image, world, asked) => {
  const { state } = bodyOf(asked) as { state?: string };
  if (state === undefined || !/^(ACTIVE|DEPRECATED|OBSOLETE|DELETED)$/.test(state))
    throw invalid("Invalid value for field 'state'");
  return begin(world, 'deprecate', () => (image.deprecated = { state }));
};

const setIamPolicy: Action = (image, world, asked) => {
  const { policy } = bodyOf(asked) as { policy?: { etag?: string; bindings?: Binding[] } };
  if (!policy) throw invalid("Required field 'policy' not specified");
  if (policy.etag !== image.policy.etag)
    throw new GoogleRefusal(412, 'conditionNotMet', 'There were concurrent policy changes.');
  const bindings = policy.bindings ?? [];
  for (const member of bindings.flatMap(({ members }) => members))
    if (
      !/^(allUsers|allAuthenticatedUsers|(user|serviceAccount|group|domain|principalSet):\S+)$/.test(member)
    )
      throw invalid(`Invalid member ${member}`);
  world.count += 1;
  image.policy = { etag: `E${world.count}`, bindings };
  return image.policy;
};

const getIamPolicy: Action = ({ policy }, _, { url }) => {
  const version = Number(url.searchParams.get('optionsRequestedPolicyVersion') ?? '1');
  if (version < 3 && policy.bindings.some(({ condition }) => condition))
    return { ...policy, bindings: policy.bindings.filter(({ condition }) => !condition) };
  return policy;
};

const ACTIONS: Readonly<Record<string, Action>> = {
  'GET ': shown,
  'DELETE ': (image, world) => begin(world, 'delete', () => world.images.delete(image.name)),
  'POST setLabels': setLabels,
  'POST deprecate': deprecate,
  'GET getIamPolicy': getIamPolicy,
  'POST setIamPolicy': setIamPolicy,
};

function list(world: GoogleWorld, { url }: Asked): object {
  const filter = url.searchParams.get('filter') ?? '';
  const [, key = '', value] = /^labels\.([a-z0-9_-]+) = "([^"]*)"$/.exec(filter) ?? [];
  if (value === undefined) throw invalid(`Invalid list filter expression: ${filter}`);
  const found = [...world.images.values()].filter(({ labels }) => labels[key] === value);
  const from = Number(url.searchParams.get('pageToken') ?? '0');
  const end = from + world.page;
  return {
    kind: 'compute#imageList',
    // Compute Engine leaves an empty list out.
    ...(found.length === 0 ? {} : { items: found.slice(from, end).map(shown) }),
    ...(end < found.length ? { nextPageToken: String(end) } : {}),
  };
}

function look(world: GoogleWorld, name: string): object {
  const found = world.operations.get(name);
  if (!found) throw new GoogleRefusal(404, 'notFound', `The resource '${name}' was not found`);
  found.looks -= 1;
  if (found.looks === -1) found.end();
  return operation(found);
}

/** Answers a request of the service, or throws `GoogleRefusal`. */
export function actions(world: GoogleWorld, project: string, asked: Asked): object {
  const path = decodeURIComponent(asked.url.pathname);
  const [, where, kind, name = '', verb = ''] =
    /^\/compute\/v1\/projects\/([^/]+)\/global\/(images|operations)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    ) ?? [];
  if (where !== project)
    throw new GoogleRefusal(403, 'forbidden', `Required permission for project ${where ?? path} is missing`);
  if (kind === 'operations') return look(world, name);
  if (name === '') return list(world, asked);
  const image = world.images.get(name);
  if (!image)
    throw new GoogleRefusal(
      404,
      'notFound',
      `The resource 'projects/${where}/global/images/${name}' was not found`,
    );
  const action = ACTIONS[`${asked.method} ${verb}`];
  if (!action) throw new GoogleRefusal(404, 'notFound', `There is no method ${asked.method} ${path}`);
  return action(image, world, asked);
}
