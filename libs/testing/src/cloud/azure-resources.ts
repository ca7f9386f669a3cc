import type { Asked } from './serve.ts';

interface Properties {
  readonly provisioningState?: string;
  readonly hyperVGeneration?: string;
  readonly osType?: string;
  readonly osState?: string;
  readonly identifier?: { readonly publisher?: string; readonly offer?: string; readonly sku?: string };
  readonly storageProfile?: { readonly source?: { readonly id?: string }; readonly osDisk?: object };
  readonly publishingProfile?: {
    readonly targetRegions?: readonly { readonly name: string }[];
    readonly excludeFromLatest?: boolean;
    readonly endOfLifeDate?: string;
  };
}

/** A resource of the small Azure: an image, a gallery, a definition or a version. */
export interface Resource {
  readonly id: string;
  readonly location: string;
  tags: Readonly<Record<string, string>>;
  properties: Properties;
}

interface Operation {
  /** It is done after it was looked at so often. */
  looks: number;
  readonly fails: string | null;
  readonly end: (state: 'Succeeded' | 'Failed') => void;
}

/** Everything that the small Azure holds. */
export interface AzureWorld {
  /** By id in lower case: Azure does not tell cases apart. */
  readonly resources: Map<string, Resource>;
  readonly operations: Map<string, Operation>;
  /** How often an operation is seen in progress. */
  looks: number;
  /** Why operations that make versions fail from now on; null: they do not. */
  fails: string | null;
  count: number;
}

/** What Azure refuses, by its own code. */
export class AzureRefusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface Managed {
  readonly status: number;
  readonly body: object;
  /** The operation that goes on after the answer. */
  readonly operation?: string;
}

const invalid = (message: string): AzureRefusal => new AzureRefusal(400, 'InvalidParameter', message);

const KIND =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Compute\/(?:(images)\/[^/]+|galleries\/[^/]+(?:\/(images)\/[^/]+(?:\/(versions)\/([^/]+))?)?)$/i;

const shown = ({ id, location, tags, properties }: Resource): object => ({
  id,
  name: id.split('/').at(-1),
  location,
  tags,
  properties,
});

function begin(world: AzureWorld, fails: string | null, end: Operation['end']): string {
  world.count += 1;
  const name = `operation-${world.count}`;
  world.operations.set(name, { looks: world.looks, fails, end });
  return name;
}

function check(tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).length > 50) throw invalid('There are more than 50 tags.');
  for (const [name, value] of Object.entries(tags))
    if (/[<>%&\\?/]/.test(name) || name.length > 512 || value.length > 256)
      throw new AzureRefusal(400, 'InvalidTagNameCharacters', `The tag '${name}' is invalid.`);
}

function busy(resource: Resource): void {
  const { provisioningState = '' } = resource.properties;
  if (/^(Creating|Updating|Deleting)$/.test(provisioningState))
    throw new AzureRefusal(409, 'Conflict', `The resource is ${provisioningState}: ${resource.id}`);
}

type Written = Partial<Pick<Resource, 'location' | 'tags' | 'properties'>>;

/** What Azure asks of a version: where it comes from, and where it goes. */
function checkVersion(world: AzureWorld, id: string, { location, properties = {} }: Written): void {
  if (!/\/versions\/\d{1,9}\.\d{1,9}\.\d{1,9}$/.test(id))
    throw invalid('The version is not <MajorVersion>.<MinorVersion>.<Patch>.');
  const source = world.resources.get(properties.storageProfile?.source?.id?.toLowerCase() ?? '');
  if (!source) throw invalid('The source of the version is not found.');
  if (source.location !== location) throw invalid('The location of the version is not that of its source.');
  const regions = properties.publishingProfile?.targetRegions ?? [];
  const names = regions.map(({ name }) => name.toLowerCase().replaceAll(' ', ''));
  if (!names.includes(location))
    throw invalid('The publishing profile regions must contain the location of the version.');
  if (new Set(names).size < names.length) throw invalid('A target region is named twice.');
  const before = world.resources.get(id.toLowerCase())?.properties.storageProfile?.source?.id;
  if (before !== undefined && before.toLowerCase() !== source.id.toLowerCase())
    throw new AzureRefusal(409, 'PropertyChangeNotAllowed', "Changing 'source' is not allowed.");
}

function put(world: AzureWorld, id: string, written: Written): Managed {
  const [, managed, definition, version] = KIND.exec(id) ?? [];
  if (managed !== undefined || definition === undefined)
    throw new AzureRefusal(405, 'NotAllowed', `Nothing makes ${id} here.`);
  const parent = id.split('/').slice(0, -2).join('/');
  if (!world.resources.has(parent.toLowerCase()))
    throw new AzureRefusal(404, 'ParentResourceNotFound', `The parent of ${id} is not found.`);
  const there = world.resources.get(id.toLowerCase());
  if (there) busy(there);
  const { location, tags = {}, properties = {} } = written;
  if (location === undefined) throw new AzureRefusal(400, 'LocationRequired', 'The location is required.');
  check(tags);
  if (version !== undefined) checkVersion(world, id, written);
  else if (!properties.osType || !properties.osState || !properties.identifier?.sku)
    throw invalid('osType, osState and identifier are required.');
  const state = there ? 'Updating' : 'Creating';
  const made: Resource = { id, location, tags, properties: { ...properties, provisioningState: state } };
  world.resources.set(id.toLowerCase(), made);
  const operation = begin(world, version === undefined ? null : world.fails, (end) => {
    made.properties = { ...made.properties, provisioningState: end };
  });
  return { status: there ? 200 : 201, body: shown(made), operation };
}

function patch(resource: Resource, { tags, properties }: Written): Managed {
  busy(resource);
  check(tags ?? {});
  // As the real one: tags are replaced, not merged.
  if (tags) resource.tags = tags;
  resource.properties = { ...resource.properties, ...properties };
  return { status: 200, body: shown(resource) };
}

function remove(world: AzureWorld, id: string): Managed {
  const there = world.resources.get(id.toLowerCase());
  if (!there) return { status: 204, body: {} };
  there.properties = { ...there.properties, provisioningState: 'Deleting' };
  const operation = begin(world, null, () => world.resources.delete(id.toLowerCase()));
  return { status: 202, body: {}, operation };
}

function look(world: AzureWorld, name: string): Managed {
  const found = world.operations.get(name);
  if (!found) throw new AzureRefusal(404, 'NotFound', `The operation ${name} is not found.`);
  found.looks -= 1;
  if (found.looks >= 0) return { status: 200, body: { name, status: 'InProgress' } };
  const end = found.fails === null ? 'Succeeded' : 'Failed';
  if (found.looks === -1) found.end(end);
  const error = found.fails === null ? {} : { error: { code: 'ReplicationFailed', message: found.fails } };
  return { status: 200, body: { name, status: end, ...error } };
}

/** Resources directly below a path; those of a subscription lie in its groups. */
function list(world: AzureWorld, path: string): Managed {
  const [, subscription, type = ''] =
    /^\/subscriptions\/([^/]+)\/providers\/Microsoft\.Compute\/(images|galleries)$/i.exec(path) ?? [];
  const below =
    subscription === undefined
      ? new RegExp(`^${path.replaceAll('.', String.raw`\.`)}/[^/]+$`, 'i')
      : new RegExp(
          String.raw`^/subscriptions/${subscription}/resourceGroups/[^/]+/providers/Microsoft\.Compute/${type}/[^/]+$`,
          'i',
        );
  return {
    status: 200,
    body: { value: [...world.resources.values()].filter(({ id }) => below.test(id)).map(shown) },
  };
}

/** Answers a request, or throws `AzureRefusal`. */
export function manage(world: AzureWorld, { method, url, body }: Asked): Managed {
  const path = decodeURIComponent(url.pathname);
  if (!url.searchParams.has('api-version'))
    throw new AzureRefusal(400, 'MissingApiVersionParameter', 'The api-version query parameter is required.');
  if (path.includes('/operations/')) return look(world, path.split('/').at(-1) ?? '');
  if (!KIND.test(path)) return list(world, path);
  const written = body === '' ? {} : (JSON.parse(body) as Written);
  if (method === 'PUT') return put(world, path, written);
  if (method === 'DELETE') return remove(world, path);
  const there = world.resources.get(path.toLowerCase());
  if (!there) throw new AzureRefusal(404, 'ResourceNotFound', `The resource '${path}' was not found.`);
  return method === 'PATCH' ? patch(there, written) : { status: 200, body: shown(there) };
}
