import {
  all,
  fail,
  ok,
  UNMOVED,
  type Access,
  type Account,
  type Artifact,
  type Call,
  type ImageStore,
  type Moved,
  type Release,
  type Result,
} from '@goldenthread/core';
import { createAwsClient, type AwsOptions } from '../cloud/aws-client.ts';
import { isOriginal, provide, serving, type Aws, type Place, type Wanted } from '../cloud/aws-copy.ts';
import { createAwsImages, type Ami } from '../cloud/aws-images.ts';
import { forbid, permit, permitted } from '../cloud/aws-permission.ts';
import { allOf, keeping, kept, unfit } from '../cloud/images.ts';
import { PACE } from '../cloud/wait.ts';

type AwsAccount = Extract<Account, { kind: 'aws' }>;

/** Where an account is to have an image: where it says, or else where the image was baked. */
const placesOf = (account: AwsAccount, found: readonly Ami[]): readonly Place[] =>
  account.regions.length > 0
    ? account.regions.map(({ name, kmsKey }) => ({ region: name, key: kmsKey }))
    : found.filter(isOriginal).map(({ region }) => ({ region, key: null }));

/** Gives an account one image in one place, and reads that back. Answers 1 where it was copied. */
async function give(aws: Aws, who: string, wanted: Wanted, call: Call): Promise<Result<number>> {
  const provided = await provide(aws, wanted, call);
  if (!provided.ok) return provided;
  const { ami, copied } = provided.value;
  const done = ok(copied ? 1 : 0);
  const before = await permitted(aws.ask, ami, call);
  if (!before.ok || before.value.includes(who)) return before.ok ? done : before;
  const added = await permit(aws.ask, ami, who, call);
  if (!added.ok) return added;
  const after = await permitted(aws.ask, ami, call);
  if (!after.ok || after.value.includes(who)) return after.ok ? done : after;
  const detail = `${who} is not among those who may use ${ami.id}, although it was added`;
  return fail({ code: 'store-refused', store: 'AWS', doing: `sharing ${ami.id}`, status: 200, detail });
}

async function share(aws: Aws, release: Release, account: Account, call: Call): Promise<Result<Moved>> {
  const { artifact } = release;
  if (account.kind !== 'aws') return fail(unfit(account.name, artifact.image, 'it is no account of AWS'));
  const homes = await kept(aws.images, artifact, call);
  if (!homes.ok) return homes;
  const found = await allOf(aws.images, artifact, call);
  if (!found.ok) return found;
  const whole = [...homes.value, ...found.value.filter((ami) => !isOriginal(ami))];
  const places = placesOf(account, whole);
  for (const { region, key } of places.filter((one) => one.key !== null)) {
    const text = `the copy in ${region} is encrypted with ${key}, which ${account.account} needs the right to use`;
    call.emit({ type: 'note', project: artifact.image, text });
  }
  // All at once: a copy takes many minutes, in which the next one can be made.
  const given = all(
    await Promise.all(
      places.map((place) => give(aws, account.account, { release, place, found: whole }, call)),
    ),
  );
  if (!given.ok) return given;
  return ok({ ...UNMOVED, sent: given.value.reduce((sum, one) => sum + one, 0) });
}

/** An image and those who may use it. */
interface Shared {
  readonly ami: Ami;
  readonly who: readonly string[];
}

async function sharedWith(aws: Aws, artifact: Artifact, call: Call): Promise<Result<readonly Shared[]>> {
  const found = await allOf(aws.images, artifact, call);
  if (!found.ok) return found;
  const read = async (ami: Ami): Promise<Result<Shared>> => {
    // Only what is available can have been shared.
    const who = ami.state === 'available' ? await permitted(aws.ask, ami, call) : ok([]);
    return who.ok ? ok({ ami, who: who.value }) : who;
  };
  return all(await Promise.all(found.value.map(read)));
}

/** What an account has in one place, in words that need no "and". */
function atPlace(
  place: Place,
  who: string,
  shared: readonly Shared[],
): { readonly state: Access['state']; readonly detail: string } {
  const ami = serving(
    shared.map((one) => one.ami),
    place,
  );
  if (!ami) return { state: 'missing', detail: `no image in ${place.region}` };
  if (ami.state === 'pending') return { state: 'pending', detail: `${ami.id} is being copied` };
  const ready = shared.some((one) => one.ami === ami && one.who.includes(who));
  const key = place.key === null ? '' : `, if it may use the key ${place.key}`;
  return ready
    ? { state: 'ready', detail: `may use ${ami.id}${key}` }
    : { state: 'missing', detail: `may not use ${ami.id}` };
}

function accessOf(account: Account, shared: readonly Shared[]): Access {
  if (account.kind !== 'aws') return { account, state: 'missing', detail: 'it is no account of AWS' };
  const places = placesOf(
    account,
    shared.map((one) => one.ami),
  );
  const seen = places.map((place) => atPlace(place, account.account, shared));
  if (seen.length === 0) return { account, state: 'missing', detail: 'no image in any region' };
  const states = new Set(seen.map(({ state }) => state));
  const detail = seen.map((one) => one.detail).join('; ');
  if (states.has('pending')) return { account, state: 'pending', detail };
  const [state = 'other'] = states.size === 1 ? states : [];
  return { account, state, detail };
}

/** Those who may use some of it and are none of these accounts. */
function strangers(accounts: readonly Account[], shared: readonly Shared[]): readonly Access[] {
  const known = new Set(accounts.map((account) => (account.kind === 'aws' ? account.account : '')));
  const others = new Set(shared.flatMap(({ who }) => who).filter((who) => !known.has(who)));
  return [...others].map((who) => {
    const ids = shared.filter((one) => one.who.includes(who)).map(({ ami }) => ami.id);
    const account = { kind: 'aws', name: who, account: who, regions: [] } as const;
    return { account, state: 'ready', detail: `may use ${ids.join(', ')}` };
  });
}

async function unshare(aws: Aws, release: Release, account: Account, call: Call): Promise<Result<void>> {
  if (account.kind !== 'aws') return ok(undefined);
  const shared = await sharedWith(aws, release.artifact, call);
  if (!shared.ok) return shared;
  for (const { ami } of shared.value.filter(({ who }) => who.includes(account.account))) {
    const taken = await forbid(aws.ask, ami, account.account, call);
    if (!taken.ok) return taken;
  }
  return ok(undefined);
}

const MINUTE = 60_000;

/** Marks an image as revoked and deprecated, from the next minute on: AWS takes full minutes that are not over. */
async function deprecate(aws: Aws, ami: Ami, reason: string, call: Call): Promise<Result<void>> {
  const marked =
    ami.marks.revoked === undefined ? await aws.images.mark(ami, { revoked: reason }, call) : ok(undefined);
  if (!marked.ok) return marked;
  const soon = (Math.floor(Date.now() / MINUTE) + 2) * MINUTE;
  if (ami.deprecation !== null && Date.parse(ami.deprecation) <= soon) return ok(undefined);
  return aws.ask(
    { region: ami.region, doing: `deprecating ${ami.id}` },
    async (ec2, options) => {
      await ec2.enableImageDeprecation({ ImageId: ami.ami, DeprecateAt: new Date(soon) }, options);
    },
    call,
  );
}

async function revoke(aws: Aws, { artifact }: Release, reason: string, call: Call): Promise<Result<void>> {
  const found = await allOf(aws.images, artifact, call);
  if (!found.ok) return found;
  for (const ami of found.value) {
    const done = await deprecate(aws, ami, reason, call);
    if (!done.ok) return done;
  }
  return ok(undefined);
}

/** Removes the images and copies of an artifact, and then the snapshots: one that an image stands on cannot go. */
async function remove(aws: Aws, artifact: Artifact, call: Call): Promise<Result<void>> {
  const found = await allOf(aws.images, artifact, call);
  if (!found.ok) return found;
  for (const { region, id, ami } of found.value) {
    const gone = await aws.ask(
      { region, doing: `removing ${id}` },
      (ec2, options) => ec2.deregisterImage({ ImageId: ami }, options),
      call,
    );
    if (!gone.ok) return gone;
  }
  const snapshots = await aws.images.snapshots(artifact, call);
  if (!snapshots.ok) return snapshots;
  for (const { region, snapshot } of snapshots.value) {
    const gone = await aws.ask(
      { region, doing: `removing ${snapshot}` },
      (ec2, options) => ec2.deleteSnapshot({ SnapshotId: snapshot }, options),
      call,
    );
    if (!gone.ok) return gone;
  }
  return ok(undefined);
}

/** Keeps AMIs by tags `goldenthread:…`, copies them to other regions, and shares them by launch permission. */
export function createAwsStore(options: AwsOptions = {}): ImageStore {
  const ask = createAwsClient(options);
  const aws: Aws = { ask, images: createAwsImages(ask), pace: options.pace ?? PACE };
  return {
    ...keeping(aws.images),
    share: (release, account, call) => share(aws, release, account, call),
    async access({ artifact }, accounts, call) {
      const shared = await sharedWith(aws, artifact, call);
      if (!shared.ok) return shared;
      const known = accounts.map((account) => accessOf(account, shared.value));
      return ok([...known, ...strangers(accounts, shared.value)]);
    },
    unshare: (release, account, call) => unshare(aws, release, account, call),
    revoke: (release, reason, call) => revoke(aws, release, reason, call),
    remove: (artifact, call) => remove(aws, artifact, call),
  };
}
