import { z } from 'zod';
import { Digest, Name, Time } from './declaration/shared.ts';

const Layer = z.strictObject({
  /** Digest of the uncompressed tar, which is also its diffID. */
  digest: Digest,
  /** Bytes of the tar. */
  size: z.int().min(0),
  /** The step that made it, such as "role nginx". */
  step: z.string(),
});

/** The record of a bake: what was made, from what, by which tools. Written once, never changed. */
export const Artifact = z
  .strictObject({
    schema: z.literal(1),
    image: Name,
    role: Name,
    /** Hash of everything that went into the image. */
    fingerprint: Digest,
    /** Digest of the OCI manifest: the artifact's identity. */
    digest: Digest,
    /** What it was made on; null where the template names its own base. */
    base: z.strictObject({ image: Name.optional(), digest: Digest }).nullable(),
    builder: z.strictObject({ name: z.string(), backend: z.string().optional() }),
    /** Tool name to version. */
    tools: z.record(z.string(), z.string()),
    /** The commit it was baked from; null outside git. Dirty: files differed from it. */
    commit: z.strictObject({ sha: z.string(), dirty: z.boolean() }).nullable(),
    /** Bytes of configuration and layers together. */
    size: z.int().min(0),
    time: Time,
    seconds: z.number().min(0),
    layers: z.array(Layer),
    /** Where the builder's own tool keeps it, such as an AMI. */
    external: z.array(z.strictObject({ builder: z.string(), id: z.string() })).default([]),
  })
  .describe('The record of a bake: what was made, from what, by which tools');

/** The record of a bake. */
export type Artifact = z.infer<typeof Artifact>;
/** One layer of an artifact. */
export type Layer = z.infer<typeof Layer>;

const Case = z.strictObject({
  name: z.string(),
  outcome: z.enum(['passed', 'failed', 'skipped']),
  seconds: z.number().min(0),
  /** Why it failed or was skipped, without a traceback. */
  message: z.string().optional(),
});

/** The record of a verification: these tests ran on that artifact. */
export const Evidence = z
  .strictObject({
    schema: z.literal(1),
    image: Name,
    /** Digest of the artifact that was tested. */
    artifact: Digest,
    /** Hash of the tests and of the tools that ran them. */
    tests: Digest,
    passed: z.boolean(),
    time: Time,
    seconds: z.number().min(0),
    tools: z.record(z.string(), z.string()),
    suites: z.array(
      z.strictObject({
        /** What was run, such as "testinfra images/edge/tests". */
        name: z.string(),
        verifier: z.string(),
        on: z.enum(['files', 'booted']),
        seconds: z.number().min(0),
        cases: z.array(Case),
      }),
    ),
  })
  .describe('The record of a verification: these tests ran on that artifact');

/** The record of a verification. */
export type Evidence = z.infer<typeof Evidence>;
/** What one verifier found. */
export type Suite = Evidence['suites'][number];
/** One test of a suite. */
export type TestCase = z.infer<typeof Case>;
