import type { Artifact, Evidence } from '../artifact.ts';
import { fail, ok, type Result } from '../result.ts';

/** Evidence that says something: a test passed, and none failed. */
const proves = ({ passed, suites }: Evidence): boolean =>
  passed && suites.some(({ cases }) => cases.some(({ outcome }) => outcome === 'passed'));

/** The evidence by which an artifact may leave the machine that baked it; `evidence-missing` where there is none. */
export function mayPublish(artifact: Artifact, evidence: readonly Evidence[]): Result<readonly Evidence[]> {
  const own = evidence
    .filter((one) => one.artifact === artifact.digest)
    .toSorted((a, b) => a.time.localeCompare(b.time));
  // A later run of the same tests speaks against an earlier one; other tests say nothing about these.
  const newest = [...new Map(own.map((one) => [one.tests, one])).values()];
  const passed = newest.filter(proves);
  if (passed.length > 0) return ok(passed);
  const why =
    evidence.length === 0
      ? 'there is no evidence that it was tested'
      : newest.length > 0
        ? 'its tests failed, or none of them ran'
        : `the evidence is of another artifact (${evidence[0]?.artifact.slice(0, 19)})`;
  return fail({ code: 'evidence-missing', image: artifact.image, artifact: artifact.digest, why });
}
