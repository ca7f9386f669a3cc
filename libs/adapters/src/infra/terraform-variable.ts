import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import {
  positionAt,
  positionOf,
  Secret,
  type Failure,
  type Position,
  type StackOrder,
} from '@goldenthread/core';
import type { Told } from './terraform-failure.ts';
import type { PlanJson } from './terraform-plan.ts';

// OpenTofu reads its own files as well.
const SOURCES = /\.(tf|tofu)(\.json)?$/;

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

function sources({ root, stack }: StackOrder): readonly (readonly [file: string, text: string])[] {
  const names = readdirSync(join(root, stack.root), { withFileTypes: true });
  return names
    .flatMap((one) => (one.isDirectory() || !SOURCES.test(one.name) ? [] : [one.name]))
    .sort()
    .map((name) => [posix.join(stack.root, name), textOf(join(root, stack.root, name))]);
}

/** Where a root variable is declared, in whatever file of the stack; null where no file says so as people write it. */
function declaredAt(order: StackOrder, name: string): Position | null {
  const block = new RegExp(`^[ \\t]*variable[ \\t]+"?${name}"?[ \\t]*\\{`, 'm');
  const member = new RegExp(`"variable"\\s*:[^]*?"${name}"\\s*:`);
  for (const [file, text] of sources(order)) {
    const found = (file.endsWith('.json') ? member : block).exec(text);
    if (found) return positionAt(file, text, found.index + found[0].lastIndexOf(name), name.length);
  }
  return null;
}

/** The variables of the stack itself that its plan was made with. */
export const rootVariables = (plan: PlanJson): Readonly<Record<string, { readonly sensitive?: boolean }>> =>
  plan.configuration?.root_module?.variables ?? {};

/** Secrets that would go into variables which Terraform shows: it would print them, and whatever is made from them. */
export function exposed(told: Told, plan: PlanJson): readonly Failure[] {
  const { order, veil } = told;
  const variables = rootVariables(plan);
  return Array.from(order.inputs).flatMap(([name, { value, from }]): readonly Failure[] => {
    if (!(value instanceof Secret) || !Object.hasOwn(variables, name)) return [];
    if (variables[name]?.sensitive === true) return [];
    const { file } = order.stack;
    const at = declaredAt(order, name) ?? positionOf(file, textOf(join(order.root, file)), name);
    return [
      {
        code: 'declaration-invalid',
        at: { ...at, text: veil.over(at.text) },
        found: 'a variable that is shown',
        expected: `sensitive = true, as it gets a secret (${from})`,
      },
    ];
  });
}
