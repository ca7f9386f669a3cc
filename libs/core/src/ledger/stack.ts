import { z } from 'zod';
import type { Hash } from '../bake/fingerprint.ts';
import { Digest, Name, Time } from '../declaration/shared.ts';
import { fail, ok, type Result } from '../result.ts';
import type { LedgerSnapshot } from './ledger.ts';
import { allIn, written, type Kind } from './sealed.ts';

const Commit = z.strictObject({ sha: z.string().min(1), dirty: z.boolean() });

/** `stacks/<environment>/<stack>.yaml`: what was applied last, and in which condition it is. Its history is the branch's. */
export const StackRecord = z
  .strictObject({
    schema: z.literal(1),
    stack: Name,
    environment: Name,
    engine: z.string().min(1),
    /** The folder of the stack at that commit. */
    root: z.string(),
    /** `reconciling`: an apply has begun; `stalled`: it did not come to its end, or not to rest. */
    condition: z.enum(['ready', 'reconciling', 'stalled']),
    /** What was applied: the commit, and the hash of the files that make the stack. */
    commit: Commit.nullable(),
    sources: Digest,
    /** The digest of the plan that was applied. */
    plan: Digest,
    /** The images it was given, by name. */
    images: z.record(Name, z.strictObject({ version: z.string(), digest: Digest })),
    /** A slow hash over its outputs as they were then: who takes them can tell that they are others. */
    outputs: z.string().nullable(),
    /** Of each stack that it took outputs or read the state of: the hash of its outputs then. */
    upstreams: z.record(Name, z.string()),
    /** Names the state that it left; null for an engine that keeps none. */
    state: z.string().nullable(),
    /** A slow hash over the values of all variables then; null where the engine knows only what it is given. */
    values: z.string().nullable(),
    /** What was seen to differ since; null: nothing. */
    drift: z.strictObject({ since: Time, digest: Digest, resources: z.array(z.string()) }).nullable(),
    reason: z.string().min(1),
    by: z.string().min(1),
    run: z.string().min(1),
    time: Time,
    seal: Digest,
  })
  .describe('A stack as it was applied to an environment');

/** A stack as it was applied to an environment. */
export type StackRecord = Omit<z.infer<typeof StackRecord>, 'seal'>;

const FOLDER = 'stacks';

/** Where the records of stacks lie in the ledger. */
export const STACK_PATHS: readonly string[] = [FOLDER];

/** Where the record of a stack in an environment lies. */
export const stackPath = ({
  stack,
  environment,
}: {
  readonly stack: string;
  readonly environment: string;
}): string => `${FOLDER}/${environment}/${stack}.yaml`;

const KIND: Kind<StackRecord> = { schema: StackRecord, path: stackPath };

/** The file of a stack's record. */
export const stackFile = written(KIND);

/** All records of stacks, checked; every file that is refused, at once. */
export function stackRecords(
  snapshot: LedgerSnapshot,
  ledger: string,
  hash: Hash,
): Result<readonly StackRecord[]> {
  const { records, failures } = allIn(FOLDER, KIND, { snapshot, ledger, hash });
  return failures.length > 0 ? fail(...failures) : ok(records);
}
