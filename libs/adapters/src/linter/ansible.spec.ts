import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, LintTarget } from '@goldenthread/core';
import { stubTool, withPath, type Stub } from '@goldenthread/testing';
import type { Parts } from '../parts.ts';
import { createAnsibleLinter } from './ansible.ts';

describe('roles', () => {
  let root: string;
  let stub: Stub;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'goldenthread-linter-'));
    stub = await stubTool(root, 'ansible-playbook');
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  const target: LintTarget = {
    project: 'edge',
    root: 'images/edge',
    file: 'images/edge/image.yaml',
    files: [],
    roles: ['nginx', 'app'],
    rolePaths: ['libs/roles', 'more'],
  };
  const lint = async (): Promise<{ readonly events: readonly Event[]; readonly found: unknown }> => {
    const events: Event[] = [];
    const call = { signal: new AbortController().signal, emit: (event: Event) => void events.push(event) };
    return {
      events,
      found: await withPath([root], () =>
        createAnsibleLinter({ root, home: root } as Parts).lint(target, call),
      ),
    };
  };

  it('gives each role a playbook that only names it, and the folders where roles lie', async () => {
    const seen = `for last in "$@"; do :; done; echo "$(cat "$last") $ANSIBLE_ROLES_PATH" >> '${root}/seen'`;
    await stub.answer({ script: seen });
    expect((await lint()).found).toEqual({ ok: true, value: [] });
    const lines = (await readFile(join(root, 'seen'), 'utf8')).trim().split('\n').toSorted();
    const paths = ` ${root}/libs/roles:${root}/more`;
    expect(lines).toEqual([
      `[{"hosts":"all","gather_facts":false,"roles":["app"]}]${paths}`,
      `[{"hosts":"all","gather_facts":false,"roles":["nginx"]}]${paths}`,
    ]);
    const calls = await stub.calls();
    expect(calls.map((call) => call.slice(0, 3))).toEqual(
      [1, 2].map(() => ['--syntax-check', '-i', 'localhost,']),
    );
  });

  it('says aloud that encrypted files keep it from checking', async () => {
    await stub.answer({ code: 4, stderr: 'ERROR! Attempting to decrypt but no vault secrets found\n' });
    const { found, events } = await lint();
    expect(found).toEqual({ ok: true, value: [] });
    expect(events).toContainEqual({
      type: 'note',
      project: 'edge',
      text: 'images/edge/image.yaml reads encrypted files: Ansible cannot check it here',
    });
  });
});
