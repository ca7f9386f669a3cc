import {
  fail,
  mayPublish,
  ok,
  UNMOVED,
  type AccountKind,
  type Artifact,
  type Call,
  type Failure,
  type ImageStore,
  type Release,
  type Result,
} from '@goldenthread/core';

/** What is written on a cloud's image, as its tags or labels. Versions are separated by a space. */
export type Mark =
  | 'image'
  | 'fingerprint'
  | 'digest'
  | 'tests'
  | 'commit'
  | 'version'
  | 'revoked'
  /** On a copy: the image that it is a copy of. */
  | 'copy-of'
  /** On a copy: the key that it is encrypted with. */
  | 'key';

/** Marks by name; what is not there was never written. */
export type Marks = Readonly<Partial<Record<Mark, string>>>;

/** An image as a cloud shows it. */
export interface CloudImage {
  /** The cloud's own name for it, in full. */
  readonly id: string;
  readonly state: 'available' | 'pending' | 'failed';
  readonly marks: Marks;
}

/** What keeping images needs of a cloud. */
export interface Images<I extends CloudImage> {
  /** The cloud's name, for messages. */
  readonly cloud: string;
  readonly kind: AccountKind;
  /** The images of this cloud that an artifact consists of. */
  homes(artifact: Artifact): readonly string[];
  look(id: string, call: Call): Promise<Result<I | null>>;
  /** Every image that is marked with this name, copies too, wherever this account keeps some; at least where `near` are. */
  list(image: string, near: readonly string[], call: Call): Promise<Result<readonly I[]>>;
  /** Adds marks to those that are there. */
  mark(image: I, marks: Marks, call: Call): Promise<Result<void>>;
}

/** The failure of an artifact that a cloud can do nothing with. */
export const unfit = (account: string, image: string, why: string): Failure => ({
  code: 'account-unfit',
  account,
  image,
  why,
});

const original = ({ marks }: CloudImage): boolean => marks['copy-of'] === undefined;

const versionsOf = ({ marks }: CloudImage): readonly string[] =>
  (marks.version ?? '').split(' ').filter((version) => version !== '');

/** The images of an artifact, all of them there and available; `account-unfit` where that is not so. */
async function baked<I extends CloudImage>(
  images: Images<I>,
  artifact: Artifact,
  call: Call,
): Promise<Result<readonly I[]>> {
  const refuse = (why: string): Result<never> => fail(unfit(images.cloud, artifact.image, why));
  const homes = images.homes(artifact);
  if (homes.length === 0) return refuse(`its builder made no image in ${images.cloud}`);
  const found: I[] = [];
  for (const id of homes) {
    const seen = await images.look(id, call);
    if (!seen.ok) return seen;
    if (seen.value === null) return refuse(`${id} is not there`);
    if (seen.value.state !== 'available') return refuse(`${id} is ${seen.value.state}`);
    found.push(seen.value);
  }
  return ok(found);
}

/** The images of an artifact that was put: what does not carry its marks is not ours to touch. */
export async function kept<I extends CloudImage>(
  images: Images<I>,
  artifact: Artifact,
  call: Call,
): Promise<Result<readonly I[]>> {
  const found = await baked(images, artifact, call);
  if (!found.ok) return found;
  const foreign = found.value.find(({ marks }) => marks.digest !== artifact.digest);
  if (!foreign) return found;
  return fail(unfit(images.cloud, artifact.image, `${foreign.id} does not carry the marks of this artifact`));
}

/** Every image of an artifact that carries its marks, copies too; none is not a failure. */
export async function allOf<I extends CloudImage>(
  images: Images<I>,
  artifact: Artifact,
  call: Call,
): Promise<Result<readonly I[]>> {
  const listed = await images.list(artifact.image, images.homes(artifact), call);
  return listed.ok ? ok(listed.value.filter(({ marks }) => marks.digest === artifact.digest)) : listed;
}

/** Marks an image with what it lacks of these. */
async function markMissing<I extends CloudImage>(
  images: Images<I>,
  image: I,
  marks: Marks,
  call: Call,
): Promise<Result<void>> {
  const missing = Object.entries(marks).filter(([name]) => image.marks[name as Mark] === undefined);
  return missing.length === 0 ? ok(undefined) : images.mark(image, Object.fromEntries(missing), call);
}

async function put<I extends CloudImage>(
  images: Images<I>,
  artifact: Artifact,
  evidence: Parameters<ImageStore['put']>[1],
  call: Call,
): ReturnType<ImageStore['put']> {
  const proof = mayPublish(artifact, evidence);
  if (!proof.ok) return proof;
  const found = await baked(images, artifact, call);
  if (!found.ok) return found;
  const { image, fingerprint, digest, commit } = artifact;
  const tests = proof.value.map((one) => one.tests).at(-1);
  const marks: Marks = {
    image,
    fingerprint,
    digest,
    ...(tests === undefined ? {} : { tests }),
    ...(commit === null ? {} : { commit: commit.sha }),
  };
  for (const one of found.value) {
    const other = one.marks.digest ?? digest;
    if (other !== digest) return fail(unfit(images.cloud, image, `${one.id} carries the marks of ${other}`));
    const marked = await markMissing(images, one, marks, call);
    if (!marked.ok) return marked;
  }
  return ok(UNMOVED);
}

/** The digests that a version of an image names: none, one, or, where two were faster than each other, two. */
async function named<I extends CloudImage>(
  images: Images<I>,
  name: { readonly image: string; readonly version: string },
  near: readonly string[],
  call: Call,
): Promise<Result<readonly string[]>> {
  const listed = await images.list(name.image, near, call);
  if (!listed.ok) return listed;
  const digests = listed.value
    .filter((one) => original(one) && versionsOf(one).includes(name.version))
    .map(({ marks }) => marks.digest ?? 'an image without a digest');
  return ok([...new Set(digests)]);
}

async function label<I extends CloudImage>(
  images: Images<I>,
  { artifact, version }: Release,
  call: Call,
): Promise<Result<void>> {
  const { image, digest } = artifact;
  const near = images.homes(artifact);
  const taken = async (): Promise<Result<void>> => {
    const found = await named(images, { image, version }, near, call);
    if (!found.ok) return found;
    const other = found.value.find((one) => one !== digest);
    if (other === undefined) return ok(undefined);
    const where = images.cloud;
    return fail({
      code: 'version-taken',
      version: `${image}@${version}`,
      where,
      expected: digest,
      found: other,
    });
  };
  const homes = await kept(images, artifact, call);
  if (!homes.ok) return homes;
  const before = await taken();
  if (!before.ok) return before;
  const fresh = homes.value.filter((one) => !versionsOf(one).includes(version));
  for (const one of fresh) {
    const marked = await images.mark(one, { version: [...versionsOf(one), version].join(' ') }, call);
    if (!marked.ok) return marked;
  }
  const after = fresh.length === 0 ? ok(undefined) : await taken();
  if (after.ok) return after;
  // Clouds know no compare-and-swap of tags: whoever sees another beside himself steps back, so that never two stand.
  for (const one of fresh) await images.mark(one, { version: versionsOf(one).join(' ') }, call);
  return after;
}

/** The part of a store that is the same in every cloud: what is found, taken and named by the marks of its images. */
export function keeping<I extends CloudImage>(
  images: Images<I>,
): Pick<ImageStore, 'name' | 'serves' | 'find' | 'put' | 'label' | 'labelled'> {
  return {
    name: images.cloud,
    serves: [images.kind],
    async find(image, fingerprint, call) {
      const listed = await images.list(image, [], call);
      if (!listed.ok) return listed;
      const found = listed.value.find(
        (one) => original(one) && one.state === 'available' && one.marks.fingerprint === fingerprint,
      );
      return ok(found?.marks.digest ?? null);
    },
    put: (artifact, evidence, call) => put(images, artifact, evidence, call),
    label: (release, call) => label(images, release, call),
    async labelled(image, version, call) {
      const found = await named(images, { image, version }, [], call);
      return found.ok ? ok(found.value[0] ?? null) : found;
    },
  };
}
