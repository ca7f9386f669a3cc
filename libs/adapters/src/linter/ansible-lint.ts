import { fail, howToGet, ok, type Finding, type Linter, type Result, type Tool } from '@goldenthread/core';
import { run, toolFailure, type Command } from '../host.ts';
import type { Parts } from '../parts.ts';
import { inAnsibleWorld } from './ansible-world.ts';

/** Knows good practice in roles and playbooks. */
export const ANSIBLE_LINT: Tool = {
  name: 'ansible-lint',
  purpose: 'checking roles and playbooks for good practice',
  version: ['--version'],
  install: 'pip install ansible-lint.',
  debian: 'ansible-lint',
};

/** One issue in the Code Climate format, as far as it is read here. */
interface Issue {
  readonly check_name: string;
  readonly description: string;
  readonly severity?: string;
  /** Said by some versions only. */
  readonly level?: string;
  readonly content?: { readonly body?: string };
  readonly location: {
    readonly path: string;
    readonly lines?: { readonly begin: number };
    readonly positions?: { readonly begin: { readonly line: number; readonly column?: number } };
  };
}

const MILD = new Set(['info', 'minor']);

function toFinding({ check_name, description, severity, level, content, location }: Issue): Finding {
  const begin = location.positions?.begin;
  // A file that cannot be loaded says why in its content; elsewhere the content repeats or explains at length.
  const more = check_name === 'load-failure' && content?.body ? `: ${content.body.replace(/\s+/g, ' ')}` : '';
  return {
    file: location.path.replace(/^\.\//, ''),
    line: begin?.line ?? location.lines?.begin ?? 1,
    column: begin?.column ?? 1,
    message: `${description}${more}`,
    rule: `ansible-lint ${check_name}`,
    level: level === 'warning' || (level === undefined && MILD.has(severity ?? '')) ? 'warning' : 'error',
  };
}

/** Findings of ansible-lint's Code Climate report; null for a text that is none. */
export function readReport(text: string): readonly Finding[] | null {
  const start = text.indexOf('[');
  if (text.trim() === '') return [];
  try {
    const issues: unknown = JSON.parse(text.slice(Math.max(0, start)));
    return Array.isArray(issues) ? (issues as readonly Issue[]).map(toFinding) : null;
  } catch {
    return null;
  }
}

const CLEAN = 0;
const FOUND = 2;

async function lint(
  root: string,
  command: Command,
  call: Parameters<Linter['lint']>[1],
): Promise<Result<readonly Finding[]>> {
  let report = '';
  const done = await run({ ...command, cwd: root, whole: (text) => (report = text) }, call);
  if (!done.ok) return done;
  const findings = readReport(report);
  const known = done.value.code === CLEAN || done.value.code === FOUND;
  return known && findings ? ok(findings) : fail(toolFailure(command, done.value));
}

/** The rules of ansible-lint over playbooks and roles, with the workspace's own `.ansible-lint`. */
export function createAnsibleLint({ root }: Parts): Linter {
  return {
    name: 'ansible-lint',
    tools: [ANSIBLE_LINT],
    optional: true,
    lint: (target, call) =>
      inAnsibleWorld(root, target, async ({ env }) => {
        const argv = [
          ANSIBLE_LINT.name,
          '--offline',
          '--nocolor',
          '-q',
          '-f',
          'codeclimate',
          '--',
          ...target.files,
        ];
        const { purpose } = ANSIBLE_LINT;
        const install = howToGet(ANSIBLE_LINT);
        return lint(root, { argv, env, purpose, install }, call);
      }),
  };
}
