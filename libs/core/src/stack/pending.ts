import type { StackRecord } from '../ledger/stack.ts';
import { isSameState, type Preview } from './plan.ts';

/** What a place is made of now, to be compared with what was applied there last. */
export interface Now {
  readonly sources: string;
  readonly images: Preview['images'];
  /** Of each stack it takes something of: the hash of the outputs that were recorded when that was applied last; null: never. */
  readonly upstreams: Readonly<Record<string, string | null>>;
}

const short = (sha: string | undefined): string => (sha === undefined ? 'it was applied' : sha.slice(0, 10));

function imageReasons(record: StackRecord, images: Preview['images']): readonly string[] {
  return Object.entries(images).flatMap(([image, { version, digest }]) => {
    const before = Object.hasOwn(record.images, image) ? record.images[image] : undefined;
    if (before?.digest === digest) return [];
    return [
      before ? `${image} moved from ${before.version} to ${version}` : `it gets ${image} ${version} now`,
    ];
  });
}

const upstreamReasons = (record: StackRecord, upstreams: Now['upstreams']): readonly string[] =>
  Object.entries(upstreams).flatMap(([stack, outputs]) =>
    outputs !== null && record.upstreams[stack] !== outputs ? [`the outputs of ${stack} have changed`] : [],
  );

const CONDITIONS: Readonly<Record<StackRecord['condition'], readonly string[]>> = {
  ready: [],
  reconciling: ['its last apply was broken off'],
  stalled: ['its last apply did not come to rest'],
};

/** Why a place has to be planned, in words; empty where what runs is what is declared. */
export function pendingReasons(record: StackRecord | null, now: Now): readonly string[] {
  if (record === null) return ['it was never applied here'];
  return [
    ...CONDITIONS[record.condition],
    ...(record.sources === now.sources ? [] : [`its files changed since ${short(record.commit?.sha)}`]),
    ...imageReasons(record, now.images),
    ...upstreamReasons(record, now.upstreams),
    ...(record.drift === null ? [] : [`it has drifted: ${record.drift.resources.join(', ')}`]),
  ];
}

/** Why a plan is not of what was applied: made by another engine, or on another state, or on none where there was one; null where it is. */
export function stranger(
  record: Pick<StackRecord, 'engine' | 'state'> | null,
  plan: { readonly engine: string; readonly state: string | null },
): string | null {
  if (record === null) return null;
  if (record.engine !== plan.engine)
    return `${record.engine} applied it, and ${plan.engine} would not see what that made`;
  if (record.state === null) return null;
  if (plan.state === null) return `its state (${record.state}) is not to be found from here`;
  return isSameState(record.state, plan.state)
    ? null
    : `its state was ${record.state}, and is ${plan.state} here`;
}
