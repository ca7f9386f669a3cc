import { parseYaml, plain, Secret, type Inputs, type Json } from '@goldenthread/core';

/** Keeps secrets out of what is said. */
export interface Mask {
  /** Whether a value is, has or contains one. */
  hides(value: unknown): boolean;
  /** The text with `***` for each. */
  clean(text: string): string;
  /** All of them by the name of their input, for a hash; null where there are none. */
  readonly all: Json | null;
}

// What Ansible's modules put where a secret was.
const CENSORED = 'VALUE_SPECIFIED_IN_NO_LOG_PARAMETER';
// Shorter lines of a long secret, such as `}`, stand in any text.
const SHORTEST_LINE = 8;
const SHORTEST_VALUE = 4;

/** A secret as it may stand in a text: as it is, escaped, and each line where it has several. */
function forms(secret: string): readonly string[] {
  const lines = secret
    .split('\n')
    .map((line) => line.trim())
    .filter((line, _, all) => all.length > 1 && line.length >= SHORTEST_LINE);
  return [secret, secret.trim(), JSON.stringify(secret).slice(1, -1), ...lines];
}

/** What Ansible decrypted: one value, or a whole file. */
export interface Decrypted {
  readonly text: string;
  readonly file: boolean;
}

function leaves(value: Json | undefined): readonly string[] {
  if (value === null || value === undefined || typeof value === 'boolean') return [];
  if (typeof value !== 'object') return [String(value)];
  return Object.values(value).flatMap(leaves);
}

/** The values in a file of variables, or the file's own text; very short ones stand anywhere. */
function valuesIn({ text, file }: Decrypted): readonly string[] {
  const parsed = file ? parseYaml('encrypted', text) : null;
  const found = parsed?.ok === true ? leaves(plain(parsed.value)) : [];
  return [text, ...found.filter((value) => value.length >= SHORTEST_VALUE)];
}

/** A mask over the sensitive ones of these inputs, and over what was found encrypted. */
export function maskOf(inputs: Inputs, decrypted: readonly Decrypted[] = []): Mask {
  const secrets = [...inputs].flatMap(([name, { value }]): readonly (readonly [string, string])[] =>
    value instanceof Secret ? [[name, value.reveal()]] : [],
  );
  const texts = [...secrets.map(([, secret]) => secret), ...decrypted.flatMap(valuesIn)];
  const known = [...new Set(texts.flatMap(forms))]
    .filter((form) => form !== '')
    .toSorted((a, b) => b.length - a.length);
  const hides = (value: unknown): boolean => {
    if (typeof value === 'string') return value === CENSORED || known.some((form) => value.includes(form));
    if (value === null || typeof value !== 'object') return known.includes(String(value));
    return Object.entries(value).some(([key, one]) => hides(key) || hides(one));
  };
  return {
    hides,
    clean: (text) => known.reduce((cleaned, form) => cleaned.replaceAll(form, '***'), text),
    all: secrets.length > 0 ? Object.fromEntries(secrets) : null,
  };
}
