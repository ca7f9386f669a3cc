// `npm test`: sets the machine up, checks the sources, and runs every test, real engines included.
import './setup/node.mjs';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { isScript, main, run, stopped } from './children.mjs';
import { startDocker } from './dockerd.mjs';
import { bad, good, heading, note, paint, say, seconds, stopwatch, table } from './say.mjs';
import { ROOT, setUp } from './setup.mjs';

const IN_CI = process.env.CI === 'true';
const bin = (name) => path.join(ROOT, 'node_modules/.bin', name);
const HELP = `npm test [-- OPTIONS] [PATH…]

Sets the machine up (dependencies, build, engines), checks the sources, and runs every test.
With a PATH, such as libs/core, only the tests below it run, and no other check.

  --yes    install missing engines without asking
  --help   this text

CI=true asks nothing, and fails where a tool is missing; without it, tests that need the tool are skipped, aloud.`;

const none = { passed: 0, failed: 0, skipped: 0 };

/** A check that passes or fails as a whole. */
const check = (argv) => async () => {
  const { code } = await run(argv, { cwd: ROOT });
  return { ...none, ok: code === 0 };
};

const below = (filters, file) =>
  filters.length === 0 ||
  filters.some((filter) => `${file}/`.startsWith(`${filter.replace(/\/$/, '')}/`) || filter.startsWith(file));

/** Services in apps/ that bring tests for Node's own runner. */
function services(filters) {
  const listed = fs.readdirSync(path.join(ROOT, 'apps'), { withFileTypes: true });
  const names = listed.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return names.filter((name) => {
    const file = path.join(ROOT, 'apps', name, 'package.json');
    const scripts = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')).scripts : undefined;
    return scripts?.test?.startsWith('node --test') && below(filters, `apps/${name}`);
  });
}

/** The counts at the end of Node's TAP report. */
export function tapCounts(tap) {
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap)?.[1] ?? 0);
  return {
    passed: count('pass'),
    failed: count('fail') + count('cancelled'),
    skipped: count('skipped') + count('todo'),
  };
}

const testServices = (names) => async () => {
  let [sum, ok] = [none, true];
  for (const name of names) {
    const cwd = path.join(ROOT, 'apps', name);
    // Under another runner, Node's own would report to that one instead.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const argv = [process.execPath, '--test', '--test-reporter=tap'];
    const { code, stdout, output } = await run(argv, { cwd, env, quiet: true });
    const counts = tapCounts(stdout);
    ok &&= code === 0 && counts.passed > 0;
    if (code === 0) good(`${name}: ${counts.passed} passed`);
    else {
      say(output);
      bad(`${name}: ${counts.failed} failed`);
    }
    sum = add(sum, counts);
  }
  return { ...sum, ok };
};

const add = (a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** The counts of Vitest's JSON report; a file that could not even be loaded is a failure too. */
export function vitestCounts(report) {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((one) => one.status !== 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function vitest(filters) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'goldenthread-test-'));
  const report = path.join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  try {
    const argv = [process.execPath, bin('vitest'), 'run', '--config', 'tools/vitest.config.ts'];
    const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' };
    const { code } = await run([...argv, ...reporters, ...filters], { cwd: ROOT, env });
    if (!fs.existsSync(report)) return { ...none, ok: code === 0 };
    return { ...vitestCounts(JSON.parse(fs.readFileSync(report, 'utf8'))), ok: code === 0 };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A daemon for the tests that need one, or null, said aloud; these libraries need none. */
async function daemon(filters) {
  const pure = filters.length > 0 && filters.every((filter) => /^libs\/(core|engine|plugin)\b/.test(filter));
  if (pure) return null;
  try {
    return await startDocker();
  } catch (error) {
    if (IN_CI) throw error;
    note(`no Docker daemon (${error.message}): tests that need one are skipped`);
    return null;
  }
}

const specs = (filters) => async () => {
  const docker = await daemon(filters);
  try {
    if (docker?.own) say(paint.dim('a Docker daemon was started for the tests'));
    return await vitest(filters);
  } finally {
    await docker?.stop();
  }
};

async function workTree() {
  const { stdout } = await run(['git', 'status', '--porcelain'], { cwd: ROOT, quiet: true });
  return stdout;
}

/** In CI the clone is ours alone: whatever differs afterwards was left behind by a test. */
const leavesNothing = (before) => async () => {
  const after = await workTree();
  if (after !== before) bad('the tests have changed the work tree', `git status says:\n${after}`);
  return { ...none, ok: after === before };
};

async function setUpPhase(yes) {
  const missing = await setUp(['test'], { yes });
  const ok = missing.length === 0 || !IN_CI;
  if (!ok) bad(`missing in CI: ${missing.map(({ name }) => name).join(', ')}`);
  else if (missing.length > 0) note('tests that need what is missing are skipped');
  return { ...none, ok };
}

function phasesFor(filters, before) {
  const found = services(filters);
  const tests = [
    ...(found.length > 0 ? [{ name: 'services', work: testServices(found) }] : []),
    { name: 'tests', work: specs(filters) },
  ];
  if (filters.length > 0) return tests;
  return [
    { name: 'lint', work: check(['npm', 'run', '--silent', 'lint']) },
    { name: 'format', work: check(['npm', 'run', '--silent', 'format:check']) },
    { name: 'types', work: check([process.execPath, bin('tsc'), '-p', 'tools/tsconfig.spec.json']) },
    ...tests,
    ...(IN_CI ? [{ name: 'clean', work: leavesNothing(before) }] : []),
  ];
}

/** Runs a phase; what it throws is a failure of the phase, and the others still run. */
async function timed({ name, work }) {
  const clock = stopwatch();
  if (name !== 'set-up') heading(name);
  try {
    const result = await work();
    if (!result.ok && result.failed === 0) bad(`${name} failed`);
    return { name, ...result, took: clock() };
  } catch (error) {
    if (stopped.aborted) throw error;
    bad(`${name}: ${error.message}`);
    return { name, ...none, ok: false, broken: true, took: clock() };
  }
}

/** What all phases come to. A phase that failed without naming a test counts as one failure; so does a run without tests. */
export function total(results) {
  const ran = results.some(({ passed, failed }) => passed + failed > 0);
  const each = results.map(({ ok, passed, failed, skipped }) => ({
    passed,
    skipped,
    failed: ok ? failed : Math.max(1, failed),
  }));
  const sum = each.reduce(add, none);
  return { ...sum, failed: ran ? sum.failed : Math.max(1, sum.failed), ran };
}

function close(results) {
  heading('summary');
  const rows = results.map(({ name, ok, passed, failed, skipped, took }) => [
    name,
    ok ? 'ok' : 'FAILED',
    passed + failed + skipped > 0 ? `${passed} / ${failed} / ${skipped}` : '',
    seconds(took),
  ]);
  say(...table(['phase', 'state', 'passed / failed / skipped', 'time'], rows), '');
  const { passed, failed, skipped, ran } = total(results);
  if (!ran) bad('no test ran');
  say(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 ? 0 : 1;
}

async function test(args) {
  if (args.includes('--help')) {
    say(HELP);
    return 0;
  }
  const filters = args.filter((arg) => !arg.startsWith('--'));
  const what =
    filters.length > 0 ? `tests of ${filters.join(', ')}` : 'lint, format and type checks, all tests';
  say(`This sets the machine up (dependencies, build, engines), then runs: ${what}.`);
  const first = await timed({ name: 'set-up', work: () => setUpPhase(args.includes('--yes')) });
  // Without dependencies or a build, every further message would only hide the first one.
  if (first.broken) return close([first]);
  const before = IN_CI ? await workTree() : '';
  const results = [first];
  for (const phase of phasesFor(filters, before)) results.push(await timed(phase));
  return close(results);
}

if (isScript(import.meta.url)) await main(() => test(process.argv.slice(2)));
