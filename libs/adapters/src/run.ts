import { hostname, userInfo } from 'node:os';
import { ok, type Call, type Result, type Run } from '@goldenthread/core';
import { gitIn } from './git/git.ts';
import { identity } from './git/identity.ts';
import { withoutPasswords } from './git/remote.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The address of a job, from the variables of each CI system: a text in which `${NAME}` stands for a variable. */
const JOBS: readonly string[] = [
  '${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}',
  '${CI_JOB_URL}',
  '${BUILDKITE_BUILD_URL}#${BUILDKITE_JOB_ID}',
  '${SYSTEM_COLLECTIONURI}${SYSTEM_TEAMPROJECT}/_build/results?buildId=${BUILD_BUILDID}',
  '${CIRCLE_BUILD_URL}',
  '${BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/${BITBUCKET_BUILD_NUMBER}',
  // Jenkins, whose variable has the most common name.
  '${BUILD_URL}',
];

/** A job's address; null where one of its variables is not set. */
function filled(job: string, env: Env): string | null {
  let whole = true;
  const text = job.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    whole &&= (env[name] ?? '') !== '';
    return env[name] ?? '';
  });
  return whole ? withoutPasswords(text) : null;
}

/** A user of a machine may have no name there, as in a container that runs under a number. */
function here(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `${process.getuid?.() ?? 'somebody'}@${hostname()}`;
  }
}

/** Who works, by git's settings or the CI system's variables, and where to see more: the job's address, or user and machine. */
export async function createRun(root: string, call: Call, env: Env = process.env): Promise<Result<Run>> {
  const by = await identity(gitIn(root), call, env);
  if (!by.ok) return by;
  const job = JOBS.map((one) => filled(one, env)).find((one) => one !== null);
  return ok({ by: by.value, id: job ?? here() });
}
