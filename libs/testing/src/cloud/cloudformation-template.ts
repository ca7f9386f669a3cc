import {
  items,
  member,
  members,
  parseYaml,
  plain,
  scalar,
  type Json,
  type YamlValue,
} from '@goldenthread/core';

/** What a reference stands for while a template is evaluated. */
export interface Scope {
  ref(name: string): Json;
  attribute(name: string, attribute: string): Json;
}

/** A template as the small CloudFormation knows it: everything in JSON, functions by their long names. */
export interface FakeTemplate {
  readonly parameters: ReadonlyMap<string, { readonly fallback: string | null; readonly hidden: boolean }>;
  readonly resources: ReadonlyMap<string, { readonly type: string; readonly properties: Json }>;
  readonly outputs: ReadonlyMap<string, Json>;
}

function long(value: YamlValue): Json {
  const tag = /^!(\w+)$/.exec(value.node?.tag ?? '')?.[1];
  const [map, list] = [members(value), items(value)];
  const inner: Json =
    map.length > 0
      ? Object.fromEntries(map.map((one) => [one.key, long(one.value)]))
      : list.length > 0
        ? list.map(long)
        : plain(value);
  if (tag === undefined) return inner;
  if (tag === 'Ref' || tag === 'Condition') return { [tag]: inner };
  return { [`Fn::${tag}`]: tag === 'GetAtt' && typeof inner === 'string' ? inner.split('.') : inner };
}

/** Reads a template, JSON or YAML; null for a text that is none. */
export function parseTemplate(text: string): FakeTemplate | null {
  const parsed = parseYaml('template', text);
  if (!parsed.ok) return null;
  const section = (name: string) => {
    const found = member(parsed.value, name);
    return found ? members(found) : [];
  };
  if (section('Resources').length === 0) return null;
  return {
    parameters: new Map(
      section('Parameters').map(({ key, value }) => [
        key,
        { fallback: scalar(member(value, 'Default')), hidden: scalar(member(value, 'NoEcho')) === 'true' },
      ]),
    ),
    resources: new Map(
      section('Resources').map(({ key, value }) => {
        const properties = member(value, 'Properties');
        return [
          key,
          { type: scalar(member(value, 'Type')) ?? '', properties: properties ? long(properties) : {} },
        ];
      }),
    ),
    outputs: new Map(
      section('Outputs').map(({ key, value }) => {
        const output = member(value, 'Value');
        return [key, output ? long(output) : null];
      }),
    ),
  };
}

const text = (value: Json | undefined): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? '');

function substitute(pattern: string, scope: Scope): string {
  return pattern.replaceAll(/\$\{([^}]+)\}/g, (_, name: string) => {
    const [first = '', ...rest] = name.split('.');
    return text(
      rest.length > 0 && !name.startsWith('AWS::') ? scope.attribute(first, rest.join('.')) : scope.ref(name),
    );
  });
}

/** The value of an expression. */
export function evaluate(value: Json | undefined, scope: Scope): Json {
  if (value === null || value === undefined || typeof value !== 'object')
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : (value ?? null);
  if (Array.isArray(value)) return (value as readonly Json[]).map((one) => evaluate(one, scope));
  const map = value as Readonly<Record<string, Json | undefined>>;
  const [[name = '', argument] = []] = Object.entries(map);
  if (name === 'Ref') return scope.ref(text(argument));
  if (name === 'Fn::GetAtt') {
    const [first = '', ...rest] = Array.isArray(argument)
      ? (argument as readonly string[])
      : text(argument).split('.');
    return scope.attribute(first, rest.join('.'));
  }
  if (name === 'Fn::Sub')
    return substitute(text(Array.isArray(argument) ? (argument as readonly Json[])[0] : argument), scope);
  if (name === 'Fn::Join') {
    const [between = '', parts = []] = argument as readonly [string, readonly Json[]];
    return parts.map((part) => text(evaluate(part, scope))).join(between);
  }
  return Object.fromEntries(Object.entries(map).map(([key, one]) => [key, evaluate(one, scope)]));
}
