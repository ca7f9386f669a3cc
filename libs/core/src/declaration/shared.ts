import { z } from 'zod';

/** A project's name: what people type, and part of tags and file names. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'a name of lower-case letters, digits, ".", "_" and "-" (at most 63)',
  );

/** A path inside the workspace, relative to the declaration's folder; never absolute. */
export const Path = z
  .string()
  .min(1)
  .regex(/^[^/\0\\][^\0\\]*$/, 'a relative path with forward slashes');

/** `sha256:` and 64 hexadecimal digits. */
export const Digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'a digest: sha256: and 64 hexadecimal digits');

/** A point in time, ISO 8601 with a zone. */
export const Time = z.iso.datetime({ offset: true });

/** Edges that no source shows: said here, they count like inferred ones. */
export const Uses = z
  .array(
    z.union([
      z.strictObject({ image: Name }),
      z.strictObject({ role: Name }),
      z.strictObject({ stack: Name }),
      z.strictObject({ service: Name }),
      z.strictObject({ file: Path }),
    ]),
  )
  .describe('What it uses although no source says so: other projects, or files outside its folder')
  .optional();

/** One declared use. */
export type Use = NonNullable<z.infer<typeof Uses>>[number];
