import type { Filter, Image, Tag } from '@aws-sdk/client-ec2';
import { all, ok, type Artifact, type Call, type Result } from '@goldenthread/core';
import type { AskAws } from './aws-client.ts';
import { present } from './fault.ts';
import type { CloudImage, Images, Mark, Marks } from './images.ts';

/** An AMI in its region. */
export interface Ami extends CloudImage {
  readonly region: string;
  /** `ami-…` */
  readonly ami: string;
  /** Why it failed, in the words of AWS. */
  readonly reason: string;
  /** Snapshots that it consists of. */
  readonly snapshots: readonly string[];
  /** When it is deprecated, as AWS writes times; null where it is not to be. */
  readonly deprecation: string | null;
}

/** Images of AWS, and what only AWS has. */
export interface AwsImages extends Images<Ami> {
  /** Snapshots that carry the marks of an artifact, in every region. */
  snapshots(artifact: Artifact, call: Call): Promise<Result<readonly OwnSnapshot[]>>;
}

/** A snapshot in its region. */
export interface OwnSnapshot {
  readonly region: string;
  /** `snap-…` */
  readonly snapshot: string;
}

const PREFIX = 'goldenthread:';
const LONGEST = 256;
const ID = /^([a-z0-9-]+):(ami-[0-9a-z]+)$/;

/** Marks as tags of EC2. */
export const awsTags = (marks: Marks): Tag[] =>
  Object.entries(marks).map(([name, value]) => ({ Key: `${PREFIX}${name}`, Value: value.slice(0, LONGEST) }));

function marksOf(tags: readonly Tag[]): Marks {
  const ours = tags.filter(({ Key }) => Key?.startsWith(PREFIX));
  return Object.fromEntries(
    ours.map(({ Key = '', Value = '' }) => [Key.slice(PREFIX.length) as Mark, Value]),
  );
}

function stateOf(state: string | undefined): Ami['state'] {
  if (state === 'available') return 'available';
  return state === 'pending' || state === 'transient' ? 'pending' : 'failed';
}

function amiOf(region: string, image: Image): Ami {
  const ami = present(image.ImageId, 'imageId');
  return {
    id: `${region}:${ami}`,
    region,
    ami,
    state: stateOf(image.State),
    reason: image.StateReason?.Message ?? `it is ${image.State ?? 'in no state'}`,
    marks: marksOf(image.Tags ?? []),
    snapshots: (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []),
    deprecation: image.DeprecationTime ?? null,
  };
}

/** The parts of `eu-west-1:ami-1`; null for anything else. */
function parse(id: string): { readonly region: string; readonly ami: string } | null {
  const [, region, ami] = ID.exec(id) ?? [];
  return region === undefined || ami === undefined ? null : { region, ami };
}

const filter = (mark: Mark, value: string): Filter => ({ Name: `tag:${PREFIX}${mark}`, Values: [value] });

type Page<T> = (token: { NextToken?: string }) => Promise<{ items: readonly T[]; next: string | undefined }>;

async function pages<T>(page: Page<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for (let token: { NextToken?: string } | null = {}; token !== null;) {
    const { items, next = '' } = await page(token);
    found.push(...items);
    token = next === '' ? null : { NextToken: next };
  }
  return found;
}

const inRegion = (ask: AskAws, region: string, image: string, call: Call): Promise<Result<readonly Ami[]>> =>
  ask(
    { region, doing: `listing images in ${region}` },
    (ec2, options) =>
      pages(async (token) => {
        const Filters = [filter('image', image)];
        const answer = await ec2.describeImages({ Owners: ['self'], Filters, ...token }, options);
        const items = present(answer.Images, 'imagesSet').map((one) => amiOf(region, one));
        return { items, next: answer.NextToken };
      }),
    call,
  );

async function look(ask: AskAws, id: string, call: Call): Promise<Result<Ami | null>> {
  const parsed = parse(id);
  if (!parsed) return ok(null);
  const { region, ami } = parsed;
  return ask(
    { region, doing: `looking at ${id}` },
    async (ec2, options) => {
      try {
        const answer = await ec2.describeImages({ Owners: ['self'], ImageIds: [ami] }, options);
        const [found] = present(answer.Images, 'imagesSet');
        return found ? amiOf(region, found) : null;
      } catch (error) {
        if (/^InvalidAMIID\./.test((error as Error).name)) return null;
        throw error;
      }
    },
    call,
  );
}

const regions = (ask: AskAws, call: Call): Promise<Result<readonly string[]>> =>
  ask(
    { region: null, doing: 'listing regions' },
    async (ec2, options) => {
      const answer = await ec2.describeRegions({}, options);
      return present(answer.Regions, 'regionInfo').flatMap(({ RegionName }) => RegionName ?? []);
    },
    call,
  );

/** What lies in all regions that this account uses, and in `beside`. */
async function everywhere<T>(
  ask: AskAws,
  beside: readonly string[],
  list: (region: string) => Promise<Result<readonly T[]>>,
  call: Call,
): Promise<Result<readonly T[]>> {
  const known = await regions(ask, call);
  if (!known.ok) return known;
  const listed = await Promise.all([...new Set([...known.value, ...beside])].map(list));
  // Policies close regions that nobody uses: where we may not even look, we have put nothing.
  const open = listed.filter((one) => one.ok || one.failures.some(({ code }) => code !== 'not-permitted'));
  const found = all(open.length === 0 ? listed : open);
  return found.ok ? ok(found.value.flat()) : found;
}

const snapshotsIn = (
  ask: AskAws,
  region: string,
  { image, digest }: Artifact,
  call: Call,
): Promise<Result<readonly OwnSnapshot[]>> =>
  ask(
    { region, doing: `listing snapshots in ${region}` },
    (ec2, options) =>
      pages(async (token) => {
        const Filters = [filter('image', image), filter('digest', digest)];
        const answer = await ec2.describeSnapshots({ OwnerIds: ['self'], Filters, ...token }, options);
        const found = present(answer.Snapshots, 'snapshotSet').flatMap(({ SnapshotId }) => SnapshotId ?? []);
        return { items: found.map((snapshot) => ({ region, snapshot })), next: answer.NextToken };
      }),
    call,
  );

/** AMIs with their marks in tags `goldenthread:<mark>`, which their snapshots carry as well. */
export function createAwsImages(ask: AskAws): AwsImages {
  return {
    cloud: 'AWS',
    kind: 'aws',
    homes: ({ external }) =>
      external
        .filter(({ builder }) => builder.startsWith('amazon-'))
        .flatMap(({ id }) => id.split(',').map((one) => one.trim()))
        .filter((id) => parse(id) !== null),
    look: (id, call) => look(ask, id, call),
    snapshots: (artifact, call) =>
      everywhere(ask, [], (region) => snapshotsIn(ask, region, artifact, call), call),
    list: (image, near, call) => {
      const beside = near.flatMap((id) => parse(id)?.region ?? []);
      return everywhere(ask, beside, (region) => inRegion(ask, region, image, call), call);
    },
    mark: (image, marks, call) =>
      ask(
        { region: image.region, doing: `tagging ${image.id}` },
        async (ec2, options) => {
          const Resources = [image.ami, ...image.snapshots];
          await ec2.createTags({ Resources, Tags: awsTags(marks) }, options);
        },
        call,
      ),
  };
}
