import { z } from 'zod';

const Build = z.object({
  name: z.string(),
  /** Such as `docker`, `amazon-ebs`, `qemu`. */
  builder_type: z.string(),
  files: z.array(z.object({ name: z.string(), size: z.number().min(0) })).nullish(),
  artifact_id: z.string(),
  packer_run_uuid: z.string(),
});

/** What Packer's manifest post-processor writes; it adds to the file with each run. */
export const PackerManifest = z.object({ builds: z.array(Build), last_run_uuid: z.string() });

/** What Packer's manifest post-processor writes. */
export type PackerManifest = z.infer<typeof PackerManifest>;

/** One thing that Packer made. */
export interface PackerBuild {
  /** Type of the builder. */
  readonly builder: string;
  /** Packer's own name for it. */
  readonly id: string;
  /** Files it consists of, as Packer names them: relative to where it ran. */
  readonly files: readonly string[];
}

/** What the last run recorded in a manifest made; the same thing recorded by two post-processors counts once. */
export function lastRun(manifest: PackerManifest): readonly PackerBuild[] {
  const builds = manifest.builds.filter((build) => build.packer_run_uuid === manifest.last_run_uuid);
  const found = builds.map(({ builder_type, artifact_id, files }) => ({
    builder: builder_type,
    id: artifact_id,
    files: (files ?? []).map(({ name }) => name),
  }));
  return [...new Map(found.map((build) => [JSON.stringify(build), build])).values()];
}
