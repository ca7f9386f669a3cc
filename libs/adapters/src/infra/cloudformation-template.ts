import {
  fail,
  items,
  member,
  members,
  ok,
  parseYaml,
  plain,
  positionAt,
  positionOfValue,
  scalar,
  type Json,
  type Position,
  type Result,
  type YamlValue,
} from '@goldenthread/core';

/** A parameter that a template declares. */
export interface Declared {
  readonly at: Position;
  readonly type: string;
  /** Null where it has none, and so has to be given. */
  readonly fallback: string | null;
  /** CloudFormation shows its value to nobody. */
  readonly hidden: boolean;
}

/** A template, read but not evaluated. */
export interface Template {
  /** Relative to the workspace root; for a generated one in words. */
  readonly file: string;
  /** As it is sent. */
  readonly body: string;
  readonly value: YamlValue;
  readonly parameters: ReadonlyMap<string, Declared>;
}

/** A name that an expression refers to. */
export interface Reference {
  readonly name: string;
  /** Whether an attribute is asked for, and not the thing itself. */
  readonly attribute: boolean;
  readonly at: Position;
}

/** A function of CloudFormation, written as `!Sub x` or as `Fn::Sub: x`. */
interface Intrinsic {
  /** Such as `Ref`, `GetAtt`, `Sub`. */
  readonly name: string;
  readonly argument: YamlValue;
}

const shortOf = ({ node }: YamlValue): string | null => /^!(\w+)$/.exec(node?.tag ?? '')?.[1] ?? null;

const LONG = /^(?:Fn::(\w+)|(Ref|Condition))$/;

/** The functions that a value calls, the outer one first: `!Base64` before a map of `Fn::Sub` calls two. */
function calls(value: YamlValue): readonly Intrinsic[] {
  const short = shortOf(value);
  const [only, ...more] = members(value);
  const [, long, bare] = LONG.exec(only?.key ?? '') ?? [];
  const name = long ?? bare;
  return [
    // The argument is the same node; a caller looks at its content, not at its tag again.
    ...(short === null ? [] : [{ name: short, argument: value }]),
    ...(only && name !== undefined && more.length === 0 ? [{ name, argument: only.value }] : []),
  ];
}

/** The function that a value calls; null where it calls none. */
export const intrinsic = (value: YamlValue): Intrinsic | null => calls(value)[0] ?? null;

const SHORTS: Readonly<Record<string, string>> = { Ref: 'Ref', Condition: 'Condition' };

/** An expression as JSON, its functions in their long form: equal for equal expressions. */
export function expression(value: YamlValue): Json {
  const short = shortOf(value);
  const inner = members(value);
  const list = items(value);
  const content: Json =
    inner.length > 0
      ? Object.fromEntries(inner.map((one) => [one.key, expression(one.value)]))
      : list.length > 0
        ? list.map(expression)
        : plain(value);
  if (short === null) return content;
  const dotted = short === 'GetAtt' && typeof content === 'string';
  const [first = '', ...rest] = dotted ? content.split('.') : [];
  return { [SHORTS[short] ?? `Fn::${short}`]: dotted ? [first, rest.join('.')] : content };
}

function substituted(argument: YamlValue): readonly Reference[] {
  const [text, variables] = scalar(argument) === null ? items(argument) : [argument];
  if (!text) return [];
  const own = new Set(variables ? members(variables).map(({ key }) => key) : []);
  const named = Array.from((scalar(text) ?? '').matchAll(/\$\{([^!}][^}]*)\}/g), ([, name = '']) =>
    name.trim(),
  );
  const at = positionOfValue(text);
  const free = named.filter((name) => !own.has(name));
  return [
    ...free.map((name) => ({
      name: name.startsWith('AWS::') ? name : (name.split('.')[0] ?? ''),
      attribute: name.includes('.'),
      at,
    })),
    ...(variables ? children(variables).flatMap(references) : []),
  ];
}

const children = (value: YamlValue): readonly YamlValue[] => [
  ...items(value),
  ...members(value).map((one) => one.value),
];

const NAMING: ReadonlySet<string> = new Set(['Ref', 'GetAtt', 'Sub']);

/** Everything that an expression refers to: parameters, resources, and what `AWS::` stands before. */
export function references(value: YamlValue): readonly Reference[] {
  const called = calls(value).find(({ name }) => NAMING.has(name));
  if (!called) return children(value).flatMap(references);
  const { name: verb, argument } = called;
  if (verb === 'Sub') return substituted(argument);
  const whole = scalar(argument);
  const [first] = items(argument);
  const name = verb === 'Ref' ? whole : (whole?.split('.')[0] ?? scalar(first ?? null));
  return name === null ? [] : [{ name, attribute: verb === 'GetAtt', at: positionOfValue(argument) }];
}

const yes = (value: YamlValue | null): boolean => /^(true|yes|on|y)$/i.test(scalar(value) ?? '');

const declared = (value: YamlValue, at: Position): Declared => {
  const fallback = member(value, 'Default');
  return {
    at,
    type: scalar(member(value, 'Type')) ?? 'String',
    fallback: fallback === null ? null : (scalar(fallback) ?? ''),
    hidden: yes(member(value, 'NoEcho')),
  };
};

/** The members of a section of a template, such as its resources. */
export const section = ({ value }: Pick<Template, 'value'>, name: string): ReturnType<typeof members> => {
  const found = member(value, name);
  return found ? members(found) : [];
};

/** Whether something will rewrite the template, so that names in it may yet come to be. */
export const isRewritten = ({ value, body }: Template): boolean =>
  member(value, 'Transform') !== null || /(?:Fn::|!)(?:Transform|ForEach)/.test(body);

// Aliases of aliases can stand for more than any memory holds; in what CloudFormation takes there is room for half as many values.
const MOST_VALUES = 51_200;

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

function isBounded(value: YamlValue): boolean {
  const left = [value];
  for (let count = 0; left.length > 0; count += 1) {
    if (count > MOST_VALUES) return false;
    const next = left.pop();
    if (next) left.push(...children(next));
  }
  return true;
}

/** Reads a template, JSON or YAML; `source-unparsable` with the places where it is neither. */
export function readTemplate(file: string, body: string): Result<Template> {
  // JSON may be indented by tabs, YAML may not: a space instead keeps every position.
  const parsed = parseYaml(file, body.trimStart().startsWith('{') ? body.replaceAll('\t', ' ') : body);
  if (!parsed.ok) return parsed;
  const value = parsed.value;
  if (!isJson(body) && !isBounded(value)) {
    const detail = 'its aliases stand for more than any template holds';
    return fail({ code: 'source-unparsable', at: positionAt(file, body, 0), language: 'YAML', detail });
  }
  const parameters = new Map(
    section({ value }, 'Parameters').map((one) => [one.key, declared(one.value, one.keyAt)]),
  );
  return ok({ file, body, value, parameters });
}

/** Where a template begins. */
export const startOf = ({ file, body }: Pick<Template, 'file' | 'body'>): Position =>
  positionAt(file, body, 0);
