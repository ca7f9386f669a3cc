import type { Json } from '@goldenthread/core';

const escaped = (text: string): string =>
  JSON.stringify(text).replace(/[^\x20-\x7e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });

function value(json: Json): string {
  if (typeof json === 'string') return `!unsafe ${escaped(json)}`;
  // YAML knows no exponent without a fraction.
  if (typeof json === 'number') return String(json).replace(/^(-?\d+)e/, '$1.0e');
  if (json === null || typeof json !== 'object') return String(json);
  if (Array.isArray(json)) return `[${json.map((item: Json) => value(item)).join(', ')}]`;
  const members = Object.entries(json).flatMap(([key, member]) =>
    member === undefined ? [] : [`${escaped(key)}: ${value(member)}`],
  );
  return `{${members.join(', ')}}`;
}

/**
 * A YAML file of variables for Ansible. Texts are marked `!unsafe`: what comes out of another stack or a secret is a value, and
 * never a template that Ansible would run.
 */
export const valuesFile = (values: Readonly<Record<string, Json>>): string => `${value(values)}\n`;
