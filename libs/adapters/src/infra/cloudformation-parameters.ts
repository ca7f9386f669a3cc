import {
  all,
  canonical,
  fail,
  near,
  ok,
  positionOf,
  Secret,
  type Failure,
  type Input,
  type Inputs,
  type Json,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { slowHash } from '../slow-hash.ts';
import type { Template } from './cloudformation-template.ts';

/** What must not be shown, and how to see to that. */
export interface Hidden {
  /** Parameters whose value is one. */
  readonly names: ReadonlySet<string>;
  /** Whether a text must not be shown: it holds such a value, or CloudFormation hides it itself. */
  holds(text: string): boolean;
  /** A text with such values taken out. */
  redact(text: string): string;
  /** A slow hash over all of them; null where there are none. */
  readonly hash: string | null;
}

/** What CloudFormation shows in place of a value that it shows to nobody. */
export const MASKED = '****';

/** Keeps these values, by the name of their parameters, from being shown. */
export function hiding(names: ReadonlySet<string>, values: ReadonlyMap<string, string>): Hidden {
  const secret = [...values].filter(([name]) => names.has(name));
  // Longest first, so that one that holds another is taken out whole.
  const texts = secret
    .map(([, value]) => value)
    .filter((value) => value !== '')
    .sort((a, b) => b.length - a.length);
  return {
    names,
    holds: (text) => text.includes(MASKED) || texts.some((value) => text.includes(value)),
    redact: (text) => texts.reduce((left, value) => left.replaceAll(value, '***'), text),
    hash: secret.length === 0 ? null : slowHash(canonical(Object.fromEntries(secret))),
  };
}

const WORDS: ReadonlySet<string> = new Set(['detail', 'hint', 'found', 'expected']);

/** An answer with what is hidden taken out of the words of its failures: CloudFormation may quote what it refuses. */
export function cleaned<T>(result: Result<T>, { redact }: Hidden): Result<T> {
  if (result.ok) return result;
  const clean = (failure: Failure): Failure =>
    Object.fromEntries(
      Object.entries(failure).map(([key, value]: [string, unknown]) => [
        key,
        WORDS.has(key) && typeof value === 'string' ? redact(value) : value,
      ]),
    ) as Failure;
  return { ok: false, failures: result.failures.map(clean) };
}

const plainOf = ({ value }: Input): Json => (value instanceof Secret ? value.reveal() : value);

const isPlain = (value: Json): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value);

/** A value as a parameter takes it; in words why it takes none such. */
function textOf(value: Json): { readonly text: string } | { readonly why: string } {
  if (isPlain(value)) return { text: String(value) };
  if (!Array.isArray(value)) return { why: value === null ? 'nothing (null)' : 'an object' };
  const items = value as readonly Json[];
  if (!items.every(isPlain)) return { why: 'a list of more than texts and numbers' };
  if (items.some((item) => String(item).includes(','))) return { why: 'a list of which an item has a comma' };
  return { text: items.join(',') };
}

/** The values of inputs that can be parameters; of the others nothing. */
export function textsOf(inputs: Inputs): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, input] of inputs) {
    const found = textOf(plainOf(input));
    if ('text' in found) values.set(name, found.text);
  }
  return values;
}

/** Names of inputs that are secrets. */
export const secretsAmong = (inputs: Inputs): readonly string[] =>
  Array.from(inputs).flatMap(([name, { value }]) => (value instanceof Secret ? [name] : []));

/** Parameters as CloudFormation gets them. */
export interface Parameters {
  /** What is given, by name. */
  readonly given: ReadonlyMap<string, string>;
  /** What each has in the end: what is given, or else its default. */
  readonly values: ReadonlyMap<string, string>;
  readonly hidden: Hidden;
}

/** Inputs as the parameters that the template declares; every one that does not fit is a failure. */
export async function parametersOf(
  { root, stack, inputs }: StackOrder,
  template: Template,
): Promise<Result<Parameters>> {
  const text = await readFile(join(root, stack.file), 'utf8').catch(() => '');
  const at = (name: string) => positionOf(stack.file, text, name);
  const given: readonly Result<readonly [string, string]>[] = Array.from(inputs, ([name, input]) => {
    if (!template.parameters.has(name)) {
      const kind = `parameter in ${template.file}`;
      return fail({
        code: 'reference-missing',
        at: at(name),
        kind,
        name,
        near: near(name, template.parameters.keys()),
      });
    }
    const value = textOf(plainOf(input));
    if ('text' in value) return ok([name, value.text]);
    const expected = 'a text, a number, true or false, or a list of those without commas in them';
    return fail({
      code: 'declaration-invalid',
      at: at(name),
      found: `${value.why} for the parameter ${name}`,
      expected,
    });
  });
  const missing = [...template.parameters]
    .filter(([name, { fallback }]) => fallback === null && !inputs.has(name))
    .map(([name]): Failure => ({
      code: 'declaration-invalid',
      at: at(name),
      found: `no value for the parameter ${name} of ${template.file}`,
      expected: `one under \`variables\`, \`images\` or \`inputs\`, in the environment as TF_VAR_${name}, or a Default in the template`,
    }));
  const read = all([...given, ...(missing.length > 0 ? [fail(...missing)] : [])]);
  if (!read.ok) return read;
  const fallbacks = [...template.parameters].flatMap(([name, { fallback }]): [string, string][] =>
    fallback === null ? [] : [[name, fallback]],
  );
  const values = new Map([...fallbacks, ...read.value]);
  const quiet = [...template.parameters].flatMap(([name, { hidden }]) => (hidden ? [name] : []));
  const hidden = hiding(new Set([...quiet, ...secretsAmong(inputs)]), values);
  return ok({ given: new Map(read.value), values, hidden });
}
