import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Blobs, Check, ImageVerifier, Machine } from '@goldenthread/core';
import {
  fakeVerifier,
  missingTools,
  verifierContract,
  type Behaviour,
  type VerifierCase,
} from '@goldenthread/testing';
import type { Parts } from '../parts.ts';
import { createScript } from './script.ts';
import { createTestinfra } from './testinfra.ts';

// This very machine, looked at through chroot, which as root it can be.
const here: Machine = {
  connection: { kind: 'chroot', folder: '/' },
  beside: [],
  inside: [],
  enter: '',
  stop: async () => undefined,
};

const FAKE: Readonly<Record<Behaviour, string>> = {
  passes: 'pass one',
  fails: 'fail two: not as promised',
  both: 'pass one\nfail two: not as promised',
  hangs: 'hang',
};

const SCRIPTS: Readonly<Record<Behaviour, string>> = {
  passes: '#!/bin/sh\necho "ok 1 - one"\n',
  fails: '#!/bin/sh\necho "not as promised"\nexit 1\n',
  both: '#!/bin/sh\necho "ok 1 - one"\necho "not ok 2 - two"\necho "# not as promised"\nexit 1\n',
  hangs: '#!/bin/sh\nsleep 600\n',
};

const PASSES = 'def test_one(host):\n    assert host.file("/etc").is_directory\n';
const FAILS = 'def test_two(host):\n    assert host.file("/nowhere").exists, "not as promised"\n';
const TESTINFRA: Readonly<Record<Behaviour, string>> = {
  passes: PASSES,
  fails: FAILS,
  both: PASSES + FAILS,
  hangs: 'import time\ndef test_slow(host):\n    time.sleep(600)\n',
};

const xml = (cases: string): string =>
  `<testsuites><testsuite name="pytest">${cases}</testsuite></testsuites>`;
const XML_PASS = '<testcase classname="test_it" name="test_one" time="0.1"/>';
const XML_FAIL =
  '<testcase classname="test_it" name="test_two" time="0.1"><failure message="AssertionError: not as promised">File "test_it.py", line 2</failure></testcase>';

// Obeys the command line and the exit codes of pytest; what the tests do is steered by the file it is given.
const STUB = `#!/bin/sh
for word in "$@"; do case "$word" in --junitxml=*) report="\${word#--junitxml=}";; esac; last="$word"; done
case "$(cat "$last")" in
  *sleep*) exec sleep 600 ;;
  *test_one*test_two*) printf '%s' '${xml(XML_PASS + XML_FAIL)}' >"$report"; exit 1 ;;
  *test_two*) printf '%s' '${xml(XML_FAIL)}' >"$report"; exit 1 ;;
  *) printf '%s' '${xml(XML_PASS)}' >"$report" ;;
esac
`;

interface Kind {
  readonly texts: Readonly<Record<Behaviour, string>>;
  readonly file: string;
  make(parts: Parts): ImageVerifier;
  /** Programs that stand in for real ones. */
  readonly stubs?: Readonly<Record<string, string>>;
}

async function subject({ texts, file, make, stubs }: Kind): Promise<VerifierCase> {
  const root = await mkdtemp(join(tmpdir(), 'goldenthread-verifier-'));
  const path = process.env['PATH'];
  for (const [name, text] of Object.entries(stubs ?? {})) {
    await writeFile(join(root, name), text);
    await chmod(join(root, name), 0o755);
  }
  if (stubs) process.env['PATH'] = `${root}:${path}`;
  const verifier = make({ root, home: root, blobs: undefined as unknown as Blobs });
  const check = async (behaviour: Behaviour, timeout: number): Promise<Check> => {
    await writeFile(join(root, file), texts[behaviour]);
    return { verifier: verifier.name, path: file, on: 'files', timeout };
  };
  return {
    verifier,
    machine: here,
    check,
    withoutTool:
      verifier.tools.length === 0
        ? null
        : async (one, call) => {
            const before = process.env['PATH'];
            process.env['PATH'] = root;
            await rm(join(root, verifier.tools[0]?.name ?? ''), { force: true });
            try {
              return await verifier.verify(here, one, 'edge', call);
            } finally {
              process.env['PATH'] = before;
            }
          },
    dispose: async () => {
      process.env['PATH'] = path;
      await rm(root, { recursive: true, force: true });
    },
  };
}

describe('a pytest without Testinfra', () => {
  it('is said to lack it, with the way to get it', async () => {
    const refuses = '#!/bin/sh\necho "pytest: error: unrecognized arguments: --hosts=/" >&2\nexit 4\n';
    const bare = await subject({
      texts: TESTINFRA,
      file: 'test_it.py',
      make: createTestinfra,
      stubs: { 'pytest-3': refuses, pytest: refuses },
    });
    const call = { signal: new AbortController().signal, emit: () => undefined };
    const result = await bare.verifier.verify(here, await bare.check('passes', 60), 'edge', call);
    await bare.dispose();
    expect(result).toMatchObject({
      ok: false,
      failures: [{ code: 'tool-missing', tool: 'Testinfra (the plugin of pytest)' }],
    });
  });
});

const texts = new Map<string, string>();
verifierContract('fake', async () => {
  const verifier = fakeVerifier((path) => texts.get(path) ?? '');
  return {
    verifier,
    machine: here,
    check: async (behaviour, timeout) => {
      texts.set('fake', FAKE[behaviour]);
      return { verifier: 'fake', path: 'fake', on: 'files', timeout };
    },
    withoutTool: null,
    dispose: async () => undefined,
  };
});
verifierContract('script', () => subject({ texts: SCRIPTS, file: 'check.sh', make: createScript }));
verifierContract('testinfra, over a stub of pytest', () =>
  subject({
    texts: TESTINFRA,
    file: 'test_it.py',
    make: createTestinfra,
    stubs: { 'pytest-3': STUB, pytest: STUB },
  }),
);
const missing = missingTools('pytest-3');
verifierContract(
  'testinfra',
  () => subject({ texts: TESTINFRA, file: 'test_it.py', make: createTestinfra }),
  missing.length > 0 ? 'pytest-3 is not installed' : null,
);
