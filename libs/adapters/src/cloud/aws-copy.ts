import { createHash } from 'node:crypto';
import { fail, ok, type Call, type Release, type Result } from '@goldenthread/core';
import type { AskAws } from './aws-client.ts';
import { awsTags, type Ami, type AwsImages } from './aws-images.ts';
import { present } from './fault.ts';
import { until, type Pace } from './wait.ts';

/** How to speak to AWS, and how patiently. */
export interface Aws {
  readonly ask: AskAws;
  readonly images: AwsImages;
  readonly pace: Pace;
}

/** A region, and the KMS key that a copy there is encrypted with. */
export interface Place {
  readonly region: string;
  readonly key: string | null;
}

/** A release that is wanted in a place, and all that there is of it anywhere. */
export interface Wanted {
  readonly release: Release;
  readonly place: Place;
  readonly found: readonly Ami[];
}

/** Whether an image was baked, and not copied. */
export const isOriginal = ({ marks }: Ami): boolean => marks['copy-of'] === undefined;

/** What serves a place: the image that was baked there, or else the copy with the right key. */
export function serving(found: readonly Ami[], { region, key }: Place): Ami | undefined {
  const there = found.filter((ami) => ami.region === region && ami.state !== 'failed');
  return there.find(isOriginal) ?? there.find(({ marks }) => marks.key === (key ?? ''));
}

/** What makes a request that is sent twice one copy; a copy that failed is made again under another token. */
function tokenOf(source: Ami, { place, found }: Wanted): string {
  const failed = found.filter((ami) => ami.region === place.region && ami.state === 'failed');
  const parts = [source.id, place.region, place.key ?? '', ...failed.map(({ id }) => id).toSorted()];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

const begin = ({ ask }: Aws, source: Ami, wanted: Wanted, call: Call): Promise<Result<string>> => {
  const { release, place } = wanted;
  const { region, key } = place;
  const token = tokenOf(source, wanted);
  const tags = awsTags({
    ...source.marks,
    version: release.version,
    'copy-of': source.id,
    key: key ?? '',
  });
  return ask(
    { region, doing: `copying ${source.id} to ${region}` },
    async (ec2, options) => {
      const copied = await ec2.copyImage(
        {
          SourceImageId: source.ami,
          SourceRegion: source.region,
          Name: `${release.artifact.image}-${release.version}-${token.slice(0, 12)}`,
          Description: `Copy of ${source.id}`,
          ClientToken: token,
          // The tags come with the copy: one that is interrupted here is found again, and never made twice.
          TagSpecifications: [
            { ResourceType: 'image', Tags: tags },
            { ResourceType: 'snapshot', Tags: tags },
          ],
          ...(key === null ? {} : { Encrypted: true, KmsKeyId: key }),
        },
        options,
      );
      return `${region}:${present(copied.ImageId, 'imageId')}`;
    },
    call,
  );
};

/** Waits until a copy can be used. */
const arrival = (
  { images, pace }: Aws,
  id: string,
  { artifact }: Release,
  call: Call,
): Promise<Result<Ami>> => {
  const look = async (): Promise<Result<Ami | null>> => {
    const seen = await images.look(id, call);
    // A new image is not seen everywhere at once.
    if (!seen.ok || seen.value === null || seen.value.state === 'pending') return seen.ok ? ok(null) : seen;
    if (seen.value.state === 'available') return seen;
    const detail = seen.value.reason;
    return fail({ code: 'store-refused', store: 'AWS', doing: `copying to ${id}`, status: 200, detail });
  };
  return until(look, { image: artifact.image, what: `the copy ${id} in AWS` }, pace, call);
};

/** What an account can be given in a place; it is copied there where nothing serves it. Says whether it had to be copied. */
export async function provide(
  aws: Aws,
  wanted: Wanted,
  call: Call,
): Promise<Result<{ readonly ami: Ami; readonly copied: boolean }>> {
  const there = serving(wanted.found, wanted.place);
  if (there?.state === 'available') return ok({ ami: there, copied: false });
  const source = wanted.found.find((ami) => isOriginal(ami) && ami.state === 'available');
  if (!source) throw new Error('only what was baked and marked is shared');
  const begun = there ? ok(there.id) : await begin(aws, source, wanted, call);
  if (!begun.ok) return begun;
  const arrived = await arrival(aws, begun.value, wanted.release, call);
  return arrived.ok ? ok({ ami: arrived.value, copied: !there }) : arrived;
}
