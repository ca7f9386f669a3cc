import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  fail,
  place,
  positionOf,
  type Failure,
  type Result,
  type StackOrder,
  type Tool,
} from '@goldenthread/core';
import { saysDiskFull } from '../host.ts';
import { diagnosticText, fileOf, positionIn, type Diagnostic } from '../terraform/says.ts';
import type { Said } from '../terraform/tool.ts';
import type { Veil } from '../terraform/veil.ts';

/** What words about a failure are made from. */
export interface Told {
  readonly order: StackOrder;
  readonly tool: Tool;
  readonly veil: Veil;
}

type At = Extract<Failure, { code: 'declaration-invalid' }>['at'];

const textOf = ({ order }: Told, file: string): string => {
  try {
    return readFileSync(join(order.root, file), 'utf8');
  } catch {
    return '';
  }
};

const within = ({ order }: Told): { root: string; folder: string } => ({
  root: order.root,
  folder: order.stack.root,
});

/** Where something is declared in stack.yaml; its first line where it is not. */
const declared = (told: Told, name: string): At => {
  const { file } = told.order.stack;
  return positionOf(file, textOf(told, file), name);
};

/** Where a diagnostic points at in the workspace; null where it does not. */
function pointed(told: Told, diagnostic: Diagnostic): At | null {
  const file = fileOf(diagnostic, within(told));
  if (file === null || !diagnostic.range) return null;
  const at = positionIn(file, textOf(told, file), diagnostic.range);
  return { ...at, text: told.veil.over(at.text) };
}

const invalid = (at: At, found: string, expected: string): Failure => ({
  code: 'declaration-invalid',
  at,
  found,
  expected,
});

/** The failure for values of variables that the stack does not have. */
export const undeclared = (told: Told, names: readonly string[]): readonly Failure[] =>
  names.map((name) =>
    invalid(
      declared(told, name),
      `a value for "${name}", which is no variable of this stack`,
      `\`variable "${name}"\` in a file of ${told.order.stack.root}, or another name`,
    ),
  );

/** Settings of a backend where the stack has none: its state would lie beside its files, whatever they say. */
export const backendMissing = (told: Told): Failure =>
  invalid(
    declared(told, 'backend'),
    'settings of a backend, and no backend that they could be for',
    `\`terraform { backend "…" {} }\` in a file of ${told.order.stack.root}`,
  );

const workspaceless = (told: Told): Failure =>
  invalid(
    declared(told, 'backend'),
    'settings of a backend that are the same in every environment, for one that has no workspaces',
    'settings with {environment} in them, such as its address, or `workspace: default`',
  );

function variableFailure(told: Told, diagnostic: Diagnostic): Failure | null {
  const { summary, detail, snippet, range } = diagnostic;
  const said = told.veil.over(detail.split('\n\n')[0] ?? detail);
  if (summary === 'No value for required variable') {
    const name = /variable "([^"]+)"/.exec(detail)?.[1] ?? '';
    return invalid(
      pointed(told, diagnostic) ?? declared(told, name),
      `no value for the variable "${name}"`,
      `one under \`variables\`, \`inputs\` or \`images\` of ${told.order.stack.file}, or as TF_VAR_${name}`,
    );
  }
  if (!/^Invalid value for (input )?variable$/.test(summary)) return null;
  const traversal = snippet?.values?.find((one) => one.traversal.startsWith('var.'))?.traversal ?? '';
  const name = /\bvar\.([\w-]+)/.exec(`${traversal} ${detail}`)?.[1];
  const at = pointed(told, diagnostic) ?? (range ? declared(told, name ?? '') : null);
  if (at === null) return null;
  return invalid(
    at,
    `a value of ${name ?? 'a variable'} that it does not take: ${said}`,
    'one that it takes',
  );
}

const LANGUAGES: Readonly<Record<string, string>> = { terraform: 'Terraform', tofu: 'OpenTofu' };

/** The failure of one error, where it is one of the sources; null for one of what Terraform did with them. */
function sourceFailure(told: Told, diagnostic: Diagnostic): Failure | null {
  if (/workspaces not supported/.test(diagnostic.summary)) return workspaceless(told);
  const variable = variableFailure(told, diagnostic);
  if (variable) return variable;
  const at = pointed(told, diagnostic);
  // What came up while something was done to a resource says nothing against its file.
  if (at === null || diagnostic.address !== undefined) return null;
  const detail = told.veil.over(diagnosticText(diagnostic));
  return { code: 'source-unparsable', at, language: LANGUAGES[told.tool.name] ?? told.tool.name, detail };
}

/** Errors as lines of text, each with its place and its resource. */
export const errorLines = (told: Told, diagnostics: readonly Diagnostic[]): readonly string[] =>
  diagnostics
    .filter(({ severity }) => severity === 'error')
    .map((one) => {
      const at = pointed(told, one);
      const where = [one.address, at && place(at)].filter(Boolean).join(', ');
      return told.veil.over(`${diagnosticText(one)}${where === '' ? '' : ` (${where})`}`);
    });

const UNDECLARED = /does not declare a variable named "([^"]+)"/;

/** Every failure that the end of a command means which only looks. */
export function lookFailures(told: Told, said: Said): Result<never> {
  const errors = said.diagnostics.filter(({ severity }) => severity === 'error');
  const named = said.diagnostics.flatMap(({ detail }) => UNDECLARED.exec(detail)?.[1] ?? []);
  const failures = errors.map((one) => ({ one, failure: sourceFailure(told, one) }));
  const others = errorLines(
    told,
    failures.filter(({ failure }) => failure === null).map(({ one }) => one),
  );
  const text = told.veil.over(said.text);
  const silent = errors.length === 0 ? [text || `it ended with code ${said.code} and did not say why`] : [];
  const rest = [...others, ...silent].join('\n');
  return fail(
    ...undeclared(
      told,
      named.filter((name) => told.order.inputs.has(name)),
    ),
    ...failures.flatMap(({ failure }) => failure ?? []),
    ...(rest === '' ? [] : [brokenTool(told, rest)]),
  );
}

const brokenTool = ({ tool, order }: Told, detail: string): Failure =>
  saysDiskFull(detail)
    ? { code: 'disk-full', folder: order.root }
    : { code: 'tool-failed', tool: tool.name, detail };
