import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  fail,
  ok,
  toolMissing,
  type ImageVerifier,
  type Machine,
  type Suite,
  type Tool,
} from '@goldenthread/core';
import { environment, run, toolFailure, which } from '../host.ts';
import type { Parts } from '../parts.ts';
import { junitCases } from './junit.ts';

// Debian names it pytest-3; a bare `pytest` may belong to another Python, without Testinfra.
const PYTEST = which('pytest-3') === null && which('pytest') !== null ? 'pytest' : 'pytest-3';

/** The program that runs Testinfra. */
export const TESTINFRA: Tool = {
  name: PYTEST,
  purpose: 'running Testinfra tests',
  version: ['--version'],
  install: 'pip install pytest-testinfra.',
  debian: 'python3-testinfra',
};

// A pytest without Testinfra takes our options for mistakes.
const PLUGIN: Tool = { ...TESTINFRA, name: 'Testinfra (the plugin of pytest)' };

// 0 all passed, 1 some failed, 5 nothing collected; others mean that pytest itself could not do its work.
const RAN = new Set([0, 1, 5]);

function hosts({ connection }: Machine): readonly string[] {
  return connection.kind === 'chroot'
    ? [`--hosts=${connection.folder}`, '--connection=chroot']
    : [`--hosts=docker://${connection.container}`];
}

/** Testinfra: Python tests of files, packages, users and services, run from outside the machine. */
export function createTestinfra({ root }: Parts): ImageVerifier {
  return {
    name: 'testinfra',
    tools: [TESTINFRA],
    async verify(machine, check, image, call) {
      const started = performance.now();
      const folder = await mkdtemp(join(tmpdir(), 'goldenthread-testinfra-'));
      const report = join(folder, 'junit.xml');
      try {
        const path = join(root, check.path);
        const command = {
          argv: [
            ...machine.beside,
            PYTEST,
            ...hosts(machine),
            `--junitxml=${report}`,
            '-q',
            '-p',
            'no:cacheprovider',
            '--rootdir',
            root,
            path,
          ],
          env: environment({ PYTHONDONTWRITEBYTECODE: '1', GOLDENTHREAD_IMAGE: image }),
          timeout: check.timeout,
          onLine: (line: string) => call.emit({ type: 'output', project: image, line }),
          purpose: TESTINFRA.purpose,
          install: TESTINFRA.install,
        };
        const finished = await run(command, call);
        if (!finished.ok) return finished;
        if (/unrecognized arguments: --hosts/.test(finished.value.stderr)) return fail(toolMissing(PLUGIN));
        if (!RAN.has(finished.value.code))
          return fail({ ...toolFailure(command, finished.value), ...{ tool: PYTEST } });
        const cases = junitCases(await readFile(report, 'utf8'));
        const suite: Suite = {
          name: `testinfra ${check.path}`,
          verifier: 'testinfra',
          on: check.on,
          seconds: (performance.now() - started) / 1000,
          cases: [...cases],
        };
        return ok(suite);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
