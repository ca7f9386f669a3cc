import { z } from 'zod';
import { Digest, Name, Time } from '../declaration/shared.ts';

const Version = z.string().regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, 'a version such as 1.4.1');
const Sha = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, 'a commit');

/** Who did it, in which run, when. */
const Done = { by: z.string().min(1), run: z.string().min(1), time: Time };

/** Over all that the file says besides, so that an edit by hand shows. */
const Seal = { seal: Digest };

/** `releases/<image>/<version>.yaml`: written once. */
export const ReleaseRecord = z
  .strictObject({
    schema: z.literal(1),
    image: Name,
    role: Name,
    version: Version,
    /** The artifact's digest: what was tested. */
    digest: Digest,
    fingerprint: Digest,
    commit: Sha,
    /** What it was made on: an image that was released itself. */
    base: z.strictObject({ image: Name, version: Version, digest: Digest }).nullable(),
    bump: z.enum(['first', 'patch', 'minor', 'major']),
    /** In words, such as "role hardening changed". */
    reason: z.string().min(1),
    /** Subjects of the commits behind it, each with its short hash. */
    changes: z.array(z.string()),
    evidence: z
      .array(z.strictObject({ tests: Digest, passed: z.int().min(1), skipped: z.int().min(0), time: Time }))
      .min(1),
    ...Done,
    ...Seal,
  })
  .describe('A released version of an image');

/** `channels/<image>.yaml`: what each channel points to, and every move so far. */
export const ChannelFile = z
  .strictObject({
    schema: z.literal(1),
    image: Name,
    role: Name,
    /** Channel to version; a channel that points to nothing is not there. */
    channels: z.record(Name, Version),
    history: z.array(
      z.strictObject({
        channel: Name,
        /** Null: it points to nothing since. */
        version: Version.nullable(),
        digest: Digest.nullable(),
        from: Version.nullable(),
        action: z.enum(['release', 'set', 'undo', 'revoke']),
        reason: z.string().min(1),
        /** Accounts that were seen to have it when the channel moved. */
        shared: z.array(Name),
        ...Done,
      }),
    ),
    ...Seal,
  })
  .describe('The channels of an image');

/** `revocations/<image>/<version>.yaml`: written once. */
export const RevocationRecord = z
  .strictObject({
    schema: z.literal(1),
    image: Name,
    version: Version,
    digest: Digest,
    reason: z.string().min(1),
    ...Done,
    ...Seal,
  })
  .describe('A version that must not be used any more');

/** `shares/<image>.yaml`: which versions each account was to have; written before anything is shared. */
export const ShareFile = z
  .strictObject({
    schema: z.literal(1),
    image: Name,
    accounts: z.record(Name, z.array(Version)),
    ...Seal,
  })
  .describe('Who was given which versions of an image');

/** A released version; the types are without the seal, which is the file's and not the record's. */
export type ReleaseRecord = Omit<z.infer<typeof ReleaseRecord>, 'seal'>;
/** The channels of one image. */
export type ChannelFile = Omit<z.infer<typeof ChannelFile>, 'seal'>;
/** One move of a channel. */
export type ChannelMove = ChannelFile['history'][number];
/** Who was given which versions of an image. */
export type ShareFile = Omit<z.infer<typeof ShareFile>, 'seal'>;
/** A version that must not be used any more. */
export type RevocationRecord = Omit<z.infer<typeof RevocationRecord>, 'seal'>;
