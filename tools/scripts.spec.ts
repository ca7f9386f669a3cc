import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run, which } from './children.mjs';
import { broken, readOptions, whyDocker, wrongVersions } from './start.mjs';
import { tapCounts, total, vitestCounts } from './test.mjs';

describe('npm start', () => {
  it('reads its options', () => {
    expect(readOptions([])).toEqual({ engine: 'embedded', yes: false, keep: false, help: false });
    expect(readOptions(['--engine', 'packer', '--yes'])).toMatchObject({ engine: 'packer', yes: true });
    expect(readOptions(['--engine=packer', '--keep'])).toMatchObject({ engine: 'packer', keep: true });
  });

  it.each([
    [['--engine', 'docker'], 'not "docker"'],
    [['--engine'], 'not ""'],
    [['--fast'], '"--fast" is no option'],
    [['edge'], '"edge" is no option'],
  ])('refuses %j', (args, words) => {
    expect(() => readOptions(args)).toThrow(words);
  });

  const act = (...images: readonly object[]): object => ({ images });
  const reused = { image: 'edge', baked: false, tested: false };

  it('keeps its promises, or says which it broke', () => {
    const changed = act(
      { ...reused, baked: true, tested: true },
      { image: 'base', baked: false, tested: false },
    );
    expect(broken(['nginx', 'edge', 'orders'], changed, act(reused))).toEqual([]);
    expect(broken(['nginx'], changed, act(reused)).join()).toContain('was not found affected');
    expect(broken(['edge', 'node'], changed, act(reused)).join()).toContain(
      'node does not use the role nginx',
    );
    expect(broken(['edge'], act({ image: 'base', baked: true }), act(reused)).join()).toContain(
      'base was baked again',
    );
    expect(broken(['edge'], changed, act({ ...reused, tested: true })).join()).toContain(
      'edge was baked or tested again',
    );
    expect(wrongVersions(['1.0.0', '1.1.0', '1.0.0'])).toEqual([]);
    expect(wrongVersions(['1.0.0', '1.0.0', undefined]).join()).toContain('should be 1.1.0, and is 1.0.0');
  });

  it('takes Docker where the embedded builder cannot work, and says why', () => {
    const works = { name: 'namespace: x', works: { ok: true } };
    const fails = {
      name: 'namespace: y',
      works: { ok: false, failures: [{ code: 'not-permitted', what: 'overlay mounts' }] },
    };
    expect(whyDocker([fails, { name: 'docker: x', works: { ok: true } }])).toBe('overlay mounts');
    expect(whyDocker([works, fails])).toBeNull();
    expect(whyDocker([])).toBeNull();
  });
});

describe('npm test', () => {
  it("counts what Node's runner reports", () => {
    const tap = '# tests 7\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 1\n';
    expect(tapCounts(tap)).toEqual({ passed: 3, failed: 2, skipped: 2 });
    expect(tapCounts('')).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });

  it('counts what Vitest reports; a file that cannot be loaded is a failure', () => {
    const report = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 1, numTodoTests: 1 };
    const one = { status: 'failed', assertionResults: [{ status: 'failed' }, { status: 'passed' }] };
    const unloadable = { status: 'failed', assertionResults: [] };
    expect(vitestCounts({ ...report, testResults: [one] })).toEqual({ passed: 5, failed: 1, skipped: 2 });
    expect(vitestCounts({ ...report, testResults: [one, unloadable] })).toMatchObject({ failed: 2 });
  });

  const phase = (ok: boolean, passed = 0, failed = 0, skipped = 0): object => ({
    ok,
    passed,
    failed,
    skipped,
  });

  it('never closes with "0 failed" where anything failed, or where no test ran', () => {
    expect(total([phase(true), phase(true, 3, 0, 1)])).toMatchObject({
      passed: 3,
      failed: 0,
      skipped: 1,
      ran: true,
    });
    expect(total([phase(false), phase(true, 3)])).toMatchObject({ passed: 3, failed: 1 });
    expect(total([phase(false, 2, 2)])).toMatchObject({ passed: 2, failed: 2 });
    expect(total([phase(true), phase(true, 0, 0, 9)])).toMatchObject({ passed: 0, failed: 1, ran: false });
  });
});

describe('programs that the scripts start', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'goldenthread-scripts-spec-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('answer their code and what they said', async () => {
    const ended = await run(['sh', '-c', 'echo out; echo err >&2; exit 3'], { quiet: true });
    expect(ended).toMatchObject({ code: 3, stdout: 'out\n' });
    expect(ended.output).toContain('err');
    expect((await run(['no-such-program'], { quiet: true })).code).toBe(127);
  });

  it('keep a log, and hand on their lines', async () => {
    const lines: string[] = [];
    await run(['sh', '-c', 'echo one; echo two'], {
      log: join(folder, 'log'),
      onLine: (line: string) => lines.push(line),
    });
    expect(lines).toEqual(['one', 'two']);
    await expect.poll(() => readFileSync(join(folder, 'log'), 'utf8')).toBe('one\ntwo\n');
  });

  it('leave nobody behind', async () => {
    await run(['sh', '-c', `sleep 60 & echo $! >"$1"`, 'sh', join(folder, 'pid')], {
      quiet: true,
    });
    expect(runs(readFileSync(join(folder, 'pid'), 'utf8').trim())).toBe(false);
  });

  it('are found where a plain user does not look', () => {
    expect(which('sh')).toMatch(/\/sh$/);
    expect(which('no-such-program')).toBeNull();
  });

  /** Whether a process is there and not merely unburied. */
  function runs(pid: string): boolean {
    if (!readdirSync('/proc').includes(pid)) return false;
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  }

  const SCRIPT = `
    import { main, run } from '${join(import.meta.dirname, 'children.mjs')}';
    await main(async () => {
      try {
        await run(['sh', '-c', 'trap "echo cleaned >\\\\"$1\\\\"; exit 1" INT TERM; echo "pid $$"; while :; do sleep 0.1; done', 'sh', process.argv[1]]);
      } finally {
        console.log('finally');
      }
      return 0;
    });`;

  it.each(['SIGINT', 'SIGTERM'] as const)('clean up at %s, and so does the script', async (signal) => {
    const mark = join(folder, 'mark');
    const script = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, mark], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: string[] = [];
    let pid = '';
    for await (const line of createInterface({ input: script.stdout })) {
      said.push(line);
      if (!line.startsWith('pid ')) continue;
      pid = line.slice(4);
      script.kill(signal);
    }
    const [code] = script.exitCode === null ? await once(script, 'exit') : [script.exitCode];
    expect(code).toBe(130);
    expect(said).toContain('finally');
    expect(existsSync(mark)).toBe(true);
    expect(runs(pid)).toBe(false);
  });
});
