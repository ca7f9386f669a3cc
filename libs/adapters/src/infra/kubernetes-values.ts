import {
  items,
  members,
  near,
  plain,
  positionOfValue,
  Secret,
  writtenScalar,
  type Failure,
  type Inputs,
  type Json,
  type WrittenScalar,
  type YamlValue,
} from '@goldenthread/core';

/** A document while it is read. */
export interface Reading {
  readonly inputs: Inputs | null;
  readonly failures: Failure[];
  /** Paths of the values that came from a secret. */
  readonly sensitive: (readonly string[])[];
  /** How many values it may still have: aliases make many of few. */
  left: number;
}

const DEEPEST = 200;
const PLACEHOLDER = /(\$?)\$\{([A-Za-z_][\w.-]*)\}/g;

const refuse = (value: YamlValue, reading: Reading, found: string, expected: string): Json => {
  reading.failures.push({ code: 'declaration-invalid', at: positionOfValue(value), found, expected });
  return null;
};

function unknown(value: YamlValue, name: string, reading: Reading): Json {
  const names = [...(reading.inputs?.keys() ?? [])];
  const [close] = near(name, names);
  const all = names.length === 0 ? 'which has none' : names.join(', ');
  const hint =
    close === undefined ? `a variable of the stack (${all})` : `a variable of the stack, \${${close}}`;
  return refuse(value, reading, `\${${name}}`, `${hint}, or $\${${name}} for this text itself`);
}

/** A text with the values of its placeholders; one that is nothing but a bare placeholder becomes the value, whatever its type. */
function filled(
  value: YamlValue,
  { text, bare }: Pick<WrittenScalar, 'text' | 'bare'>,
  path: readonly string[],
  reading: Reading,
): Json {
  const { inputs } = reading;
  if (inputs === null || !text.includes('${')) return text;
  const valueOf = (name: string): Json => {
    const input = inputs.get(name);
    if (!input) return unknown(value, name, reading);
    if (!(input.value instanceof Secret)) return input.value;
    reading.sensitive.push(path);
    return input.value.reveal();
  };
  const alone = /^\$\{([A-Za-z_][\w.-]*)\}$/.exec(text);
  if (alone?.[1] !== undefined && bare) return valueOf(alone[1]);
  return text.replace(PLACEHOLDER, (_whole, escaped: string, name: string) => {
    if (escaped !== '') return `\${${name}}`;
    const given = valueOf(name);
    return typeof given === 'string' ? given : JSON.stringify(given);
  });
}

const WORDS: Readonly<Record<string, boolean>> = {
  y: true,
  yes: true,
  on: true,
  n: false,
  no: false,
  off: false,
};

/**
 * A bare scalar as kubectl reads it, which is YAML 1.1: `0644` is a number to the base of 8, and `yes` a boolean. Anything else
 * would give files another mode without a word.
 */
function typed(value: YamlValue, { text, value: guessed }: WrittenScalar, reading: Reading): Json {
  if (/^[-+]?0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  const word = /^([a-z]+|[A-Z][a-z]*|[A-Z]+)$/.test(text) ? WORDS[text.toLowerCase()] : undefined;
  if (word !== undefined) return word;
  if (typeof guessed !== 'number') return guessed;
  const whole = /^[-+]?\d+$/.test(text);
  return Number.isFinite(guessed) && (!whole || Number.isSafeInteger(guessed))
    ? guessed
    : refuse(value, reading, `the number ${text}`, 'a number that JSON can hold, or a text in quotes');
}

function scalarOf(value: YamlValue, written: WrittenScalar, path: readonly string[], reading: Reading): Json {
  const { text, bare, value: given } = written;
  const read = bare ? typed(value, written, reading) : given;
  if (typeof read === 'string') return filled(value, { text: read, bare }, path, reading);
  return read !== null && typeof read === 'object' ? text : read;
}

/** The plain data of a value with placeholders filled in; what is wrong with it goes to the reading's failures. */
export function jsonOf(value: YamlValue, path: readonly string[], reading: Reading): Json {
  reading.left -= 1;
  if (reading.left < 0 || path.length > DEEPEST) {
    const said = reading.failures.some(({ code }) => code === 'declaration-invalid');
    return said ? null : refuse(value, reading, 'aliases that multiply', 'a document of a sensible size');
  }
  const written = writtenScalar(value);
  if (written) return scalarOf(value, written, path, reading);
  const list = items(value);
  if (list.length > 0) return list.map((item, index) => jsonOf(item, [...path, String(index)], reading));
  const map = members(value);
  if (map.length === 0) return plain(value);
  return Object.fromEntries(map.map((one) => [one.key, jsonOf(one.value, [...path, one.key], reading)]));
}
