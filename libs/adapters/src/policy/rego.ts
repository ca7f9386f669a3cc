import { resolve } from 'node:path';
import {
  fail,
  ok,
  type Call,
  type Failure,
  type PolicyChecker,
  type PolicyFinding,
  type Preview,
  type Result,
  type Tool,
} from '@goldenthread/core';
import { environment, run, toolFailure, which, type Command } from '../host.ts';
import type { Parts } from '../parts.ts';
import { conftestAnswer, opaAnswer, type RegoAnswer } from './rego-answer.ts';

/** Judges by Rego policies. */
export const CONFTEST: Tool = {
  name: 'conftest',
  purpose: 'judging plans by Rego policies (opa does as well)',
  version: ['--version'],
  install: 'See conftest.dev for packages and binaries; version 0.46 or newer.',
};

/** Judges by Rego policies where there is no conftest. */
export const OPA: Tool = {
  name: 'opa',
  purpose: 'judging plans by Rego policies (conftest does as well)',
  version: ['version'],
  install: 'See openpolicyagent.org for packages and binaries.',
};

const SECONDS = 60;

/** How a program is asked, and what its answer means; null where it is none. */
interface Way {
  readonly argv: (folder: string) => readonly string[];
  readonly read: (text: string) => RegoAnswer | null;
}

// With an error in a built-in function a rule is undefined, which would be as good as content: so errors are asked for.
const WAYS: Readonly<Record<string, Way>> = {
  [CONFTEST.name]: {
    argv: (folder) => [
      ...[CONFTEST.name, 'test', '--policy', folder, '--data', folder, '--parser', 'json'],
      ...['--output', 'json', '--no-color', '--show-builtin-errors', '-'],
    ],
    read: conftestAnswer,
  },
  [OPA.name]: {
    argv: (folder) => [
      ...[OPA.name, 'eval', '--format', 'json', '--data', folder, '--stdin-input'],
      ...['--strict-builtin-errors', 'data.main'],
    ],
    read: opaAnswer,
  },
};

const noRules = (path: string): Failure => ({
  code: 'usage',
  detail: `${path} holds no rule that could refuse anything`,
  hint: 'Write rules `deny`, `violation` or `warn` in `package main`; what they say of the plan are texts, or maps with `msg` and `resource`.',
});

async function ask(
  root: string,
  path: string,
  { tool, plan }: { readonly tool: Tool; readonly plan: Preview },
  call: Call,
): Promise<Result<readonly PolicyFinding[]>> {
  const way = WAYS[tool.name];
  if (!way) throw new Error(`no way to ask ${tool.name}`);
  // Settings that only somebody's shell knows must not decide; conftest.toml of the workspace may.
  const own = Object.keys(process.env).filter((key) => /^(CONFTEST|OPA)_/.test(key));
  const env = environment(Object.fromEntries(own.map((key) => [key, undefined])));
  const command: Command = {
    argv: way.argv(resolve(root, path)),
    cwd: root,
    env,
    input: [JSON.stringify(plan)],
    timeout: SECONDS,
    purpose: tool.purpose,
    install: tool.install,
  };
  let text = '';
  const done = await run({ ...command, whole: (all) => (text = all) }, call);
  if (!done.ok) return done;
  // Both end with 0 or 1 for several reasons: only the answer itself counts.
  const answer = way.read(text);
  if (answer === null) return fail(toolFailure(command, done.value));
  return answer.rules === 0 ? fail(noRules(path)) : ok(answer.findings);
}

/** Rego policies in a folder, by conftest or else by opa: what `deny`, `violation` and `warn` of `package main` say of a plan. */
export function createRegoPolicy({ root }: Parts): PolicyChecker {
  return {
    name: 'rego',
    tools: [CONFTEST, OPA],
    async check(path, plan, call) {
      const tool = [CONFTEST, OPA].find(({ name }) => which(name) !== null) ?? CONFTEST;
      return ask(root, path, { tool, plan }, call);
    },
  };
}
