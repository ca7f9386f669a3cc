import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fail,
  ok,
  type Call,
  type Result,
  type StackOrder,
  type StackTester,
  type Suite,
  type TestCase,
} from '@goldenthread/core';
import { makeWork, sweep } from '../namespace/work.ts';
import type { Parts } from '../parts.ts';
import { runGently } from '../terraform/run.ts';
import { diagnosticText, listen, type Diagnostic, type Line } from '../terraform/says.ts';
import {
  EITHER,
  OPENTOFU,
  TERRAFORM,
  terraformCommand,
  wantsInit,
  type Said,
  type Setting,
} from '../terraform/tool.ts';
import { dataFolder, init } from '../terraform/validate.ts';
import { inputValues, secretTexts, veilOf } from '../terraform/veil.ts';

const OUTCOMES: Readonly<Record<string, TestCase['outcome']>> = {
  pass: 'passed',
  skip: 'skipped',
  fail: 'failed',
  error: 'failed',
};

interface Run {
  readonly name: string;
  readonly started: number;
  ended: { readonly status: string; readonly time: number } | null;
  readonly messages: string[];
}

/** Gathers the runs of test files as `terraform test -json` tells of them. */
export function testRuns(over: (text: string) => string): {
  readonly line: (line: Line) => void;
  cases(): readonly TestCase[];
} {
  const runs = new Map<string, Run>();
  const line = ({ type, test_run: told, diagnostic, ...rest }: Line): void => {
    const time = Date.parse(rest['@timestamp'] ?? '');
    if (type === 'test_run' && told) {
      const name = `${told.path} ${told.run}`;
      const run = runs.get(name) ?? { name, started: time, ended: null, messages: [] };
      runs.set(name, run);
      if (told.progress === 'complete') run.ended = { status: told.status ?? 'error', time };
    }
    const of = runs.get(`${rest['@testfile'] ?? ''} ${rest['@testrun'] ?? ''}`);
    if (diagnostic?.severity === 'error') of?.messages.push(over(diagnosticText(diagnostic)));
  };
  const cases = (): readonly TestCase[] =>
    [...runs.values()].map(({ name, started, ended, messages }) => ({
      name,
      outcome: OUTCOMES[ended?.status ?? 'error'] ?? 'failed',
      seconds: ended && ended.time > started ? (ended.time - started) / 1000 : 0,
      ...(messages.length > 0 ? { message: messages.join('\n') } : {}),
    }));
  return { line, cases };
}

const isTest = (path: string, folder: string): boolean => {
  const prefix = folder === '' ? '' : `${folder}/`;
  return (
    path.startsWith(prefix) &&
    /^(tests\/)?[^/]+\.(tftest|tofutest)\.(hcl|json)$/.test(path.slice(prefix.length))
  );
};

interface Tried {
  readonly said: Said;
  readonly cases: readonly TestCase[];
}

/** Runs the tests once; they may make things, so they are stopped gently, and take away what they made. */
async function tryTests(
  { home, setting }: { readonly home: string; readonly setting: Setting },
  order: StackOrder,
  call: Call,
): Promise<Result<Tried>> {
  // Those of runs that were killed may hold secrets among their inputs.
  await sweep(home);
  const scratch = await makeWork(home);
  await chmod(scratch, 0o700);
  const project = order.stack.name;
  const { over } = veilOf(secretTexts(order.inputs));
  const runs = testRuns(over);
  const heard = listen((line) => {
    runs.line(line);
    if (line.type === 'test_run' && line.test_run?.progress === 'complete')
      call.emit({
        type: 'output',
        project,
        line: `${line.test_run.path} ${line.test_run.run}: ${line.test_run.status ?? ''}`,
      });
  });
  const stopping = (): void =>
    call.emit({ type: 'waiting', project, what: 'the tests to take away what they made' });
  try {
    const values = join(scratch, 'inputs.tfvars.json');
    await writeFile(values, JSON.stringify(inputValues(order.inputs)), { mode: 0o600 });
    const command = terraformCommand(setting, ['test', '-json', `-var-file=${values}`]);
    const done = await runGently({ ...command, onLine: heard.line }, { scratch, stopping }, call);
    if (!done.ok) return done;
    return ok({
      said: { code: done.value.code, diagnostics: heard.diagnostics, text: heard.rest() },
      cases: runs.cases(),
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const errorTexts = (diagnostics: readonly Diagnostic[]): string =>
  diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(diagnosticText)
    .join('\n');

/** Terraform's own tests: files `*.tftest.hcl` beside a stack or in its folder `tests`. */
export function createTerraformTester({ home }: Parts): StackTester {
  return {
    name: 'terraform',
    tools: [EITHER],
    tests: (files, stack) =>
      stack.engine === 'terraform' || stack.engine === 'opentofu'
        ? files.filter((path) => isTest(path, stack.root))
        : [],
    async test(order, call) {
      const started = performance.now();
      const tool = order.stack.engine === 'opentofu' ? OPENTOFU : TERRAFORM;
      const cwd = join(order.root, order.stack.root);
      const setting: Setting = {
        tool,
        cwd,
        data: dataFolder(home, 'check', tool.name, cwd),
        workspace: null,
      };
      if (call.signal.aborted) return fail({ code: 'cancelled' });
      let tried = await tryTests({ home, setting }, order, call);
      if (tried.ok && wantsInit(tried.value.said)) {
        const ready = await init(setting, ['-backend=false'], call);
        if (!ready.ok) return ready;
        tried = await tryTests({ home, setting }, order, call);
      }
      if (!tried.ok) return tried;
      const { said, cases } = tried.value;
      if (said.code !== 0 && cases.every(({ outcome }) => outcome !== 'failed'))
        return fail({
          code: 'tool-failed',
          tool: tool.name,
          detail:
            veilOf(secretTexts(order.inputs)).over(errorTexts(said.diagnostics) || said.text) ||
            `it ended with code ${said.code}`,
        });
      const seconds = (performance.now() - started) / 1000;
      const suite: Suite = {
        name: `${tool.name} test ${order.stack.root}`,
        verifier: 'terraform',
        on: 'files',
        seconds,
        cases: [...cases],
      };
      return ok(suite);
    },
  };
}
