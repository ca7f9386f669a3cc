import { AwsRefusal, type Parameters, type Xml } from './aws-wire.ts';

/** A snapshot of the small EC2. */
export interface Snap {
  readonly id: string;
  readonly region: string;
  readonly tags: Map<string, string>;
}

/** An image of the small EC2. */
export interface Ami {
  readonly id: string;
  readonly region: string;
  readonly name: string;
  readonly owner: 'self' | 'other';
  /** A pending image is available, or fails, after it was looked at so often. */
  looks: number;
  fails: string | null;
  state: 'pending' | 'available' | 'failed';
  readonly snapshot: string;
  readonly key: string | null;
  readonly tags: Map<string, string>;
  /** `user:…`, `group:all` */
  readonly permissions: Set<string>;
  deprecation: string | null;
}

/** Everything that the small EC2 holds. */
export interface World {
  readonly regions: readonly string[];
  readonly images: Map<string, Ami>;
  readonly snapshots: Map<string, Snap>;
  /** Images by the client token of the request that made them. */
  readonly tokens: Map<string, string>;
  /** KMS keys that can be used. */
  readonly keys: Set<string>;
  /** How often a copy is seen pending. */
  looks: number;
  /** How much a page of a listing holds. */
  page: number;
  count: number;
}

/** Adds an image with a snapshot of its own. */
export function addImage(
  world: World,
  region: string,
  given: Partial<Omit<Ami, 'id' | 'region' | 'snapshot'>> & Pick<Ami, 'name' | 'state'>,
): Ami {
  world.count += 1;
  const digits = world.count.toString(16).padStart(17, '0');
  const snapshot = { id: `snap-${digits}`, region, tags: new Map(given.tags) };
  const image: Ami = {
    owner: 'self',
    looks: world.looks,
    fails: null,
    key: null,
    permissions: new Set(),
    deprecation: null,
    ...given,
    tags: new Map(given.tags),
    id: `ami-${digits}`,
    region,
    snapshot: snapshot.id,
  };
  world.snapshots.set(snapshot.id, snapshot);
  world.images.set(image.id, image);
  return image;
}

/** The image of this id in a region, or the refusal of EC2. */
export function imageIn(world: World, region: string, id: string | undefined): Ami {
  if (id === undefined)
    throw new AwsRefusal('MissingParameter', 'The request must contain the parameter imageId');
  if (!/^ami-[0-9a-f]{8,17}$/.test(id)) throw new AwsRefusal('InvalidAMIID.Malformed', `Invalid id: "${id}"`);
  const image = world.images.get(id);
  if (image?.region !== region)
    throw new AwsRefusal('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  return image;
}

const tagSet = (tags: ReadonlyMap<string, string>): Xml => [...tags].map(([key, value]) => ({ key, value }));

function matches(tags: ReadonlyMap<string, string>, form: Parameters): boolean {
  return form.each('Filter').every((filter) => {
    const name = filter.get('Name') ?? '';
    if (!name.startsWith('tag:'))
      throw new AwsRefusal('InvalidParameterValue', `The filter '${name}' is invalid`);
    return filter.list('Value').includes(tags.get(name.slice('tag:'.length)) ?? '\0');
  });
}

function page<T>(world: World, form: Parameters, all: readonly T[]): { items: readonly T[]; next?: string } {
  const from = Number(form.get('NextToken') ?? '0');
  const next = from + world.page < all.length ? { next: String(from + world.page) } : {};
  return { items: all.slice(from, from + world.page), ...next };
}

/** Time goes on for a copy whenever somebody looks at it. */
function age(image: Ami): void {
  if (image.state !== 'pending') return;
  image.looks -= 1;
  if (image.looks < 0) image.state = image.fails === null ? 'available' : 'failed';
}

const shown = (image: Ami): Xml => ({
  imageId: image.id,
  imageLocation: `self/${image.name}`,
  imageState: image.state,
  imageOwnerId: '111122223333',
  isPublic: image.permissions.has('group:all'),
  name: image.name,
  architecture: 'x86_64',
  blockDeviceMapping: [
    {
      deviceName: '/dev/xvda',
      ebs: { snapshotId: image.snapshot, volumeSize: '8', encrypted: image.key !== null },
    },
  ],
  ...(image.state === 'failed' ? { stateReason: { code: 'Client.Error', message: image.fails ?? '' } } : {}),
  ...(image.deprecation === null ? {} : { deprecationTime: image.deprecation }),
  tagSet: tagSet(image.tags),
});

/** `DescribeImages`, by id or by tags. */
export function describeImages(
  world: World,
  region: string,
  form: Parameters,
): Readonly<Record<string, Xml>> {
  const ids = form.list('ImageId');
  const named = ids.map((id) => imageIn(world, region, id));
  const mine = form.list('Owner').includes('self');
  const found = (ids.length > 0 ? named : [...world.images.values()])
    .filter((image) => image.region === region && (!mine || image.owner === 'self'))
    .filter(({ tags }) => matches(tags, form));
  for (const image of found) age(image);
  const { items, next } = page(world, form, found);
  return { imagesSet: items.map(shown), ...(next === undefined ? {} : { nextToken: next }) };
}

/** `DescribeSnapshots`, by tags. */
export function describeSnapshots(
  world: World,
  region: string,
  form: Parameters,
): Readonly<Record<string, Xml>> {
  const found = [...world.snapshots.values()].filter(
    (one) => one.region === region && matches(one.tags, form),
  );
  const { items, next } = page(world, form, found);
  const snapshotSet = items.map(({ id, tags }) => ({
    snapshotId: id,
    status: 'completed',
    tagSet: tagSet(tags),
  }));
  return { snapshotSet, ...(next === undefined ? {} : { nextToken: next }) };
}
