import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Run } from '@goldenthread/core';
import { missingTools } from '@goldenthread/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRun } from './run.ts';

const missing = missingTools('git');
const call: Call = { signal: new AbortController().signal, emit: () => undefined };

describe.skipIf(missing.length > 0)('who works, in which run', () => {
  let root: string;
  const before = { ...process.env };
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'goldenthread-run-'));
    // What the user of this machine has set up for all repositories is not what is looked at here.
    Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
    execFileSync('git', ['init', '-q', root]);
  });
  afterAll(async () => {
    process.env = before;
    await rm(root, { recursive: true });
  });

  const runOf = async (env: Record<string, string>): Promise<Run> => {
    const run = await createRun(root, call, env);
    if (!run.ok) throw new Error(JSON.stringify(run.failures));
    return run.value;
  };

  it.each([
    [
      'https://github.example/o/r/actions/runs/7',
      { GITHUB_SERVER_URL: 'https://github.example', GITHUB_REPOSITORY: 'o/r', GITHUB_RUN_ID: '7' },
    ],
    ['https://gitlab.example/o/r/-/jobs/7', { CI_JOB_URL: 'https://gitlab.example/o/r/-/jobs/7' }],
    ['https://jenkins.example/job/r/7/', { BUILD_URL: 'https://robot:s3cret@jenkins.example/job/r/7/' }],
    ['https://b.example/o/7#8', { BUILDKITE_BUILD_URL: 'https://b.example/o/7', BUILDKITE_JOB_ID: '8' }],
    [
      'https://azure.example/o/p/_build/results?buildId=7',
      { SYSTEM_COLLECTIONURI: 'https://azure.example/o/', SYSTEM_TEAMPROJECT: 'p', BUILD_BUILDID: '7' },
    ],
    ['https://circle.example/7', { CIRCLE_BUILD_URL: 'https://circle.example/7' }],
    [
      'https://bitbucket.example/o/r/pipelines/results/7',
      { BITBUCKET_GIT_HTTP_ORIGIN: 'https://bitbucket.example/o/r', BITBUCKET_BUILD_NUMBER: '7' },
    ],
  ])('is the job %s', async (id, env) => {
    expect((await runOf(env)).id).toBe(id);
  });

  it('is user and machine elsewhere, and where a CI system says only a part', async () => {
    for (const env of [{}, { GITHUB_SERVER_URL: 'https://github.example' }])
      expect((await runOf(env)).id).toMatch(new RegExp(`^.+@${hostname()}$`));
  });

  it('is who git says, else who started the job, else this program', async () => {
    expect((await runOf({})).by).toBe(`goldenthread <goldenthread@${hostname()}>`);
    expect((await runOf({ GITHUB_ACTOR: 'octo' })).by).toMatch(/^octo </);
    const gitlab = { GITLAB_USER_NAME: 'A <B>\nC', GITLAB_USER_EMAIL: 'a@b' };
    expect((await runOf(gitlab)).by).toBe('A  B  C <a@b>');
    execFileSync('git', ['config', 'user.name', 'A Person'], { cwd: root });
    execFileSync('git', ['config', 'user.email', 'person@localhost'], { cwd: root });
    expect((await runOf(gitlab)).by).toBe('A Person <person@localhost>');
    expect((await runOf({ GIT_COMMITTER_NAME: 'A Robot' })).by).toBe('A Robot <person@localhost>');
  });
});
