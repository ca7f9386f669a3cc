import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fail,
  howToGet,
  ok,
  type Call,
  type Result,
  type StackOrder,
  type StackTester,
  type Suite,
  type TestCase,
  type Tool,
} from '@goldenthread/core';
import { environment, toolFailure } from '../host.ts';
import { makeWork } from '../namespace/work.ts';
import type { Parts } from '../parts.ts';
import { runGently } from '../terraform/run.ts';

/** Runs tests in Go, as Terratest has them. */
export const GO: Tool = {
  name: 'go',
  purpose: 'running tests of stacks that are written in Go (Terratest)',
  version: ['version'],
  install: 'Install Go (https://go.dev/doc/install).',
  debian: 'golang-go',
};

/** An event of `go test -json`. */
interface GoEvent {
  readonly Action: string;
  readonly Package?: string;
  readonly ImportPath?: string;
  readonly Test?: string;
  readonly Elapsed?: number;
  readonly Output?: string;
}

const ENDS: Readonly<Record<string, TestCase['outcome']>> = {
  pass: 'passed',
  fail: 'failed',
  skip: 'skipped',
};
const NOISE = /^\s*(=== |--- |FAIL\b|PASS\b|ok\s)/;
const MOST_LINES = 12;

const brief = (said: string): string =>
  said
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !NOISE.test(line))
    .slice(-MOST_LINES)
    .join('\n');

/** Gathers the tests that `go test -json` tells of. A package that fails without a failed test, such as one that does not compile, is a failed case. */
export function goCases(): { readonly line: (text: string) => string | null; cases(): readonly TestCase[] } {
  const said = new Map<string, string>();
  const cases: TestCase[] = [];
  const failed = new Set<string>();
  const end = (key: string, name: string, { Action, Elapsed }: GoEvent): void => {
    const outcome = ENDS[Action];
    if (outcome === undefined) return;
    const message = outcome === 'passed' ? '' : brief(said.get(key) ?? '');
    cases.push({ name, outcome, seconds: Elapsed ?? 0, ...(message === '' ? {} : { message }) });
  };
  const line = (text: string): string | null => {
    let event: GoEvent;
    try {
      event = JSON.parse(text) as GoEvent;
    } catch {
      return text;
    }
    const { Action, Test, Output } = event;
    // Errors of compiling name the package with what it is compiled for: `example/test [example/test.test]`.
    const where = (event.Package ?? event.ImportPath ?? '').replace(/ \[.*$/, '');
    const key = `${where} ${Test ?? ''}`;
    if (Output !== undefined) said.set(key, (said.get(key) ?? '') + Output);
    if (Test !== undefined) {
      if (Action === 'fail') failed.add(where);
      end(key, `${where} ${Test}`, event);
    } else if (Action === 'fail' && !failed.has(where)) end(key, where, event);
    return Output?.trimEnd() ?? null;
  };
  return { line, cases: () => cases };
}

/** The modules of Go in a stack's folder, or its folder `test`, that have tests beside their `go.mod` or below. */
function modules(files: readonly string[], folder: string): readonly string[] {
  const below = (path: string): boolean => folder === '' || path.startsWith(`${folder}/`);
  const homes = [folder, join(folder, 'test')];
  return homes.filter((home) => {
    const prefix = home === '' || home === '.' ? '' : `${home}/`;
    return (
      files.includes(`${prefix}go.mod`) &&
      files.some((path) => below(path) && path.startsWith(prefix) && path.endsWith('_test.go'))
    );
  });
}

const filesIn = (root: string, folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && (entry.name === 'go.mod' || entry.name.endsWith('_test.go')))
    .map((entry) => join(entry.parentPath.slice(root.length + 1), entry.name));

/** Runs the tests of one module. They make things and take them away again, so they are stopped gently. */
async function tryModule(
  { home }: Parts,
  order: StackOrder,
  folder: string,
  call: Call,
): Promise<Result<readonly TestCase[]>> {
  const project = order.stack.name;
  const gathered = goCases();
  const scratch = await makeWork(home);
  const onLine = (text: string): void => {
    const line = gathered.line(text);
    if (line !== null && line !== '') call.emit({ type: 'output', project, line });
  };
  const command = {
    // Infrastructure takes longer than the ten minutes that Go gives; and what was tested once is not what is there now.
    argv: [GO.name, 'test', '-json', '-count=1', '-timeout=60m', './...'],
    cwd: join(order.root, folder),
    env: environment({ GOLDENTHREAD_STACK: project, GOLDENTHREAD_ENVIRONMENT: order.environment }),
    purpose: GO.purpose,
    install: howToGet(GO),
    onLine,
  };
  const stopping = (): void =>
    call.emit({ type: 'waiting', project, what: 'the tests to take away what they made' });
  try {
    const done = await runGently(command, { scratch, stopping }, call);
    if (!done.ok) return done;
    const cases = gathered.cases();
    const { code } = done.value;
    if (code !== 0 && cases.every(({ outcome }) => outcome !== 'failed'))
      return fail(toolFailure(command, done.value));
    return ok(cases);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Tests in Go: a `go.mod` with `*_test.go` in a stack's folder, or its folder `test`. */
export function createGoTester(parts: Parts): StackTester {
  return {
    name: 'go',
    tools: [GO],
    tests: (files, { root }) =>
      modules(files, root).flatMap((home) =>
        files.filter((path) => path.startsWith(home === '' ? '' : `${home}/`) && path.endsWith('_test.go')),
      ),
    async test(order, call) {
      const started = performance.now();
      const cases: TestCase[] = [];
      for (const folder of modules(filesIn(order.root, order.stack.root), order.stack.root)) {
        const tried = await tryModule(parts, order, folder, call);
        if (!tried.ok) return tried;
        cases.push(...tried.value);
      }
      const seconds = (performance.now() - started) / 1000;
      const suite: Suite = {
        name: `go test ${order.stack.root}`,
        verifier: 'go',
        on: 'files',
        seconds,
        cases,
      };
      return ok(suite);
    },
  };
}
