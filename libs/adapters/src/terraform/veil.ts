import { Secret, type Inputs, type Json, type Mask } from '@goldenthread/core';

/** Hides texts wherever they turn up in what Terraform says. */
export interface Veil {
  /** Whether a text is or holds one of them. */
  hides(text: string): boolean;
  /** The text with each of them replaced. */
  over(text: string): string;
}

const HIDDEN = '***';
// Shorter texts are values of much else by chance, or found in other words: there Terraform's own masks have to do.
const SHORTEST = 4;
const SHORTEST_PART = 6;

/** A text as it may be written: in JSON, or line by line. */
function forms(text: string): readonly string[] {
  const lines = text.includes('\n') ? text.split('\n').map((line) => line.trim()) : [];
  return [text, JSON.stringify(text).slice(1, -1), ...lines];
}

/** A veil over these texts. */
export function veilOf(texts: Iterable<string>): Veil {
  const whole = new Set([...texts].filter((text) => text.length >= SHORTEST));
  const parts = [...new Set([...whole].flatMap(forms))]
    .filter((text) => text.length >= SHORTEST_PART)
    .sort((a, b) => b.length - a.length);
  return {
    hides: (text) => whole.has(text) || parts.some((one) => text.includes(one)),
    over: (text) => parts.reduce((rest, one) => rest.replaceAll(one, HIDDEN), text),
  };
}

// Secrets that stand for lists and objects: their text is JSON, and Terraform takes no text for one.
const structured = new WeakSet<Secret>();

/** A sensitive value of any shape as a secret; what is no text becomes JSON. */
export function secretOf(value: Json): Secret {
  if (typeof value === 'string') return new Secret(value);
  const secret = new Secret(JSON.stringify(value));
  if (value !== null && typeof value === 'object') structured.add(secret);
  return secret;
}

/** The values of inputs as Terraform reads them, secrets revealed: for a file that nobody else can read. */
export const inputValues = (inputs: Inputs): Readonly<Record<string, Json>> =>
  Object.fromEntries(
    Array.from(inputs, ([name, { value }]): [string, Json] => {
      if (!(value instanceof Secret)) return [name, value];
      return [name, structured.has(value) ? (JSON.parse(value.reveal()) as Json) : value.reveal()];
    }),
  );

/** All texts in a value. */
export function textsIn(value: Json | undefined): readonly string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value as Readonly<Record<string, Json>>).flatMap(textsIn);
}

/** The texts of the inputs that are secrets. */
export const secretTexts = (inputs: Inputs): readonly string[] =>
  Array.from(inputs.values()).flatMap(({ value }) => {
    if (!(value instanceof Secret)) return [];
    const text = value.reveal();
    return structured.has(value) ? [text, ...textsIn(JSON.parse(text) as Json)] : [text];
  });

/** Which parts of a value a veil hides, whatever Terraform thinks of them. */
export function veiled(value: Json | undefined, veil: Veil): Mask {
  if (typeof value === 'string') return veil.hides(value);
  if (value === null || typeof value !== 'object') return false;
  const entries = Object.entries(value);
  if (entries.some(([key]) => veil.hides(key))) return true;
  return Object.fromEntries(entries.map(([key, one]) => [key, veiled(one, veil)]));
}

/** What one of two masks, or both, hide. */
export function either(a: Mask, b: Mask): Mask {
  if (a === true || b === true) return true;
  const [left, right] = [a, b].map((mask) => (mask !== null && typeof mask === 'object' ? mask : null));
  if (!left || !right) return left ?? right ?? false;
  const [some, more] = [left, right] as readonly Readonly<Record<string, Mask>>[];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries([...keys].map((key) => [key, either(some?.[key], more?.[key])]));
}

/** The values under a mask, each with its path. */
export function hiddenLeaves(
  value: Json | undefined,
  mask: Mask,
  path: readonly string[] = [],
): readonly { readonly path: string; readonly value: Json }[] {
  if (value === undefined || value === null) return [];
  if (mask === true) return [{ path: path.join('.'), value }];
  if (mask === null || typeof mask !== 'object' || typeof value !== 'object') return [];
  const members = value as Readonly<Record<string, Json>>;
  return Object.entries(mask as Readonly<Record<string, Mask>>).flatMap(([key, below]) =>
    hiddenLeaves(Object.hasOwn(members, key) ? members[key] : undefined, below, [...path, key]),
  );
}
