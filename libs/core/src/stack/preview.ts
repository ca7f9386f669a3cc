import { z } from 'zod';
import type { Hash } from '../bake/fingerprint.ts';
import { Digest, Name, Time } from '../declaration/shared.ts';
import { fail, ok, type Result } from '../result.ts';
import { planDigest, type Preview } from './plan.ts';

const Shown = z.union([
  z.strictObject({ is: z.literal('value'), value: z.json() }),
  z.strictObject({ is: z.enum(['sensitive', 'unknown', 'absent']) }),
]);

const Change = z.strictObject({
  address: z.string(),
  type: z.string(),
  action: z.enum(['create', 'update', 'replace', 'delete', 'forget', 'read']),
  attributes: z.array(z.strictObject({ path: z.string(), before: Shown, after: Shown, forces: z.boolean() })),
  region: z.string().nullable(),
  tags: z.record(z.string(), z.string()).nullable(),
});

/** `plan.<environment>.json`: the plan of a stack in an environment. */
export const PreviewRecord = z
  .strictObject({
    schema: z.literal(1),
    stack: Name,
    environment: Name,
    engine: z.string(),
    aim: z.enum(['apply', 'destroy']),
    sources: Digest,
    commit: z.strictObject({ sha: z.string(), dirty: z.boolean() }).nullable(),
    inputs: z.array(z.strictObject({ name: z.string(), value: Shown, from: z.string() })),
    images: z.record(Name, z.strictObject({ version: z.string(), digest: Digest })),
    changes: z.array(Change),
    outputs: z.record(z.string(), Shown),
    changedOutputs: z.array(z.string()),
    state: z.string().nullable(),
    values: z.string().nullable(),
    base: z.string().nullable(),
    secrets: z.string().nullable(),
    time: Time,
    digest: Digest,
  })
  .describe('The plan of a stack in an environment');

/** Reads a plan that was written before: `content-corrupt` where it is none, or not the one that its digest names. */
export function readPreview(file: string, text: string, hash: Hash): Result<Preview> {
  const refuse = (expected: string, found: string): Result<never> =>
    fail({ code: 'content-corrupt', what: file, expected, found });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refuse('a plan as JSON', 'something else');
  }
  const parsed = PreviewRecord.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse('a plan', `${issue?.message ?? 'something else'} at ${issue?.path.join('.') ?? 'its top'}`);
  }
  // What the schema let through is a plan; its type says the same with other words.
  const { digest, ...rest } = parsed.data as Preview;
  const actual = planDigest(rest, hash);
  return actual === digest ? ok({ ...rest, digest }) : refuse(digest, actual);
}
