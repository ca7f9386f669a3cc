import type { Json } from '../canonical.ts';
import { isList, isMapping } from '../graph/read-yaml.ts';
import { items, members, writtenScalar, type WrittenScalar, type YamlValue } from '../yaml.ts';

// Plain scalars as PyYAML resolves them (YAML 1.1), which is what Ansible's authors write for: `yes`, `0644`, `1_000`.
const NULL = /^(?:~|null|Null|NULL|)$/;
const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const BINARY = /^[-+]?0b[01_]+$/;
const OCTAL = /^[-+]?0[0-7_]+$/;
const DECIMAL = /^[-+]?(?:0|[1-9][0-9_]*)$/;
const HEXADECIMAL = /^[-+]?0x[0-9a-fA-F_]+$/;
const SEXAGESIMAL = /^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/;
const FLOAT = /^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?$/;

function integer(text: string): number | null {
  const digits = text.replace(/^[-+]|_/g, '');
  const sign = text.startsWith('-') ? -1 : 1;
  if (BINARY.test(text)) return sign * parseInt(digits.slice(2), 2);
  if (OCTAL.test(text)) return sign * parseInt(digits, 8);
  if (DECIMAL.test(text)) return sign * Number(digits);
  if (HEXADECIMAL.test(text)) return sign * parseInt(digits.slice(2), 16);
  if (SEXAGESIMAL.test(text))
    return sign * digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return null;
}

/** A number as JSON keeps it; one that JSON would change (`1.0` becomes `1`, long ones lose digits) stays the text it is. */
function number(text: string): number | string {
  const whole = integer(text);
  if (whole !== null) return Number.isSafeInteger(whole) ? whole : text;
  const value = FLOAT.test(text) ? Number(text.replaceAll('_', '')) : NaN;
  return Number.isFinite(value) && !Number.isInteger(value) ? value : text;
}

function scalarData({ text, bare, tag, value }: WrittenScalar): Json {
  // Ansible reads these two objects as what its tags mean, so that nothing is decrypted or templated before its time.
  if (tag === '!vault') return { __ansible_vault: value };
  if (tag === '!unsafe') return { __ansible_unsafe: value };
  if (!bare) return value;
  if (NULL.test(text)) return null;
  if (TRUE.test(text)) return true;
  return FALSE.test(text) ? false : number(text);
}

/** The data of a play or a task as Ansible itself would read them from the same text, as JSON. */
export function ansibleData(value: YamlValue): Json {
  if (isList(value)) return items(value).map(ansibleData);
  if (isMapping(value))
    return Object.fromEntries(members(value).map((one) => [one.key, ansibleData(one.value)]));
  const scalar = writtenScalar(value);
  return scalar && scalarData(scalar);
}
