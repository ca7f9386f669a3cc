import { positionAt, type Position } from '../position.ts';
import { ROOTED } from './gather.ts';

/** A piece of a template text: as it stands, or an expression to be evaluated. */
export type Piece = { readonly literal: string } | { readonly expression: string };

/** The index behind the brace that closes an interpolation opened just before `from`; quotes and braces inside are skipped. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let index = from; index < text.length; index += 1) {
    const char = text[index];
    if (char === '{') depth += 1;
    else if (char === '}') depth -= 1;
    else if (char === '"') index = closingQuote(text, index + 1);
    if (depth === 0) return index + 1;
  }
  return text.length;
}

/** The index of the quote that ends a text begun just before `from`; interpolations inside are skipped. */
function closingQuote(text: string, from: number): number {
  for (let index = from; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1;
    else if (text[index] === '"') return index;
    else if (text[index] === '$' && text[index + 1] === '{' && text[index - 1] !== '$')
      index = closing(text, index + 2) - 1;
  }
  return text.length;
}

/** Splits a text of HCL at its interpolations (`${…}` and `%{…}`); doubled signs stand for themselves. */
export function pieces(text: string): readonly Piece[] {
  const found: Piece[] = [];
  let literal = '';
  for (let index = 0; index < text.length; index += 1) {
    const opens = (text[index] === '$' || text[index] === '%') && text[index + 1] === '{';
    if (!opens) literal += text[index] ?? '';
    else if (literal.endsWith(text[index] ?? '')) {
      literal += '{';
      index += 1;
    } else {
      const end = closing(text, index + 2);
      if (literal !== '') found.push({ literal });
      literal = '';
      found.push({
        expression:
          text[index] === '%' ? `%${text.slice(index + 2, end - 1)}` : text.slice(index + 2, end - 1).trim(),
      });
      index = end - 1;
    }
  }
  return literal === '' ? found : [...found, { literal }];
}

/** A call of a function that reads a file, with the text of its first argument. */
export interface FileCall {
  readonly name: string;
  readonly argument: string;
}

const CALL =
  /\b(file|templatefile|filebase64|filemd5|filesha1|filesha256|filesha512|filebase64sha256|filebase64sha512|fileexists|fileset)\(\s*/g;

/** The first argument: up to a comma or the closing bracket of the call. */
function firstArgument(expression: string, from: number): string {
  let depth = 0;
  for (let index = from; index < expression.length; index += 1) {
    const char = expression[index] ?? '';
    if (char === '"') index = closingQuote(expression, index + 1);
    else if (depth === 0 && (char === ',' || char === ')')) return expression.slice(from, index).trim();
    else if ('([{'.includes(char)) depth += 1;
    else if (')]}'.includes(char)) depth -= 1;
  }
  return expression.slice(from).trim();
}

/** Calls of functions that read files, in the expressions of a text. */
export function fileCalls(text: string): readonly FileCall[] {
  if (!text.includes('{')) return [];
  const expressions = pieces(text).flatMap((piece) => ('expression' in piece ? [piece.expression] : []));
  return expressions.flatMap((expression) =>
    Array.from(expression.matchAll(CALL), (call) => ({
      name: call[1] ?? '',
      argument: firstArgument(expression, call.index + call[0].length),
    })),
  );
}

/** What names stand for where an expression is resolved. */
export interface HclScope {
  /** The folder that `path.root` and `path.module` mean. */
  readonly folder: string;
  /** `var.x` and `local.x`, as JSON of the parser; a name that is not in it is unknown. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Puts another template language into terms of HCL before a text is read. */
  readonly reads?: (text: string) => string;
  /** Collects the names of variables that were resolved. */
  readonly used?: Set<string>;
}

const MOST_STEPS = 20;

function evaluate(expression: string, scope: HclScope, steps: number): unknown {
  if (expression === 'path.root' || expression === 'path.module') return `${ROOTED}${scope.folder}`;
  if (/^(var|local)\.[\w-]+$/.test(expression)) {
    if (expression.startsWith('var.') && scope.values.has(expression)) scope.used?.add(expression.slice(4));
    return resolveHcl(scope.values.get(expression), scope, steps + 1);
  }
  if (/^"(?:[^"\\]|\\.)*"$/.test(expression) && closingQuote(expression, 1) === expression.length - 1)
    return resolveHcl(expression.slice(1, -1).replace(/\\(["\\])/g, '$1'), scope, steps + 1);
  return null;
}

/** Resolves a value: a text, a list of texts and nulls, or null where only a run would show it. */
export function resolveHcl(
  value: unknown,
  scope: HclScope,
  steps = 0,
): string | readonly (string | null)[] | null {
  // Locals may name each other in a circle.
  if (steps > MOST_STEPS) return null;
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const resolved = resolveHcl(item, scope, steps + 1);
      return Array.isArray(resolved) ? (resolved as (string | null)[]) : [resolved as string | null];
    });
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return null;
  const parts = pieces(scope.reads ? scope.reads(value) : value).map((piece) =>
    'literal' in piece ? piece.literal : evaluate(piece.expression, scope, steps),
  );
  const [first] = parts;
  if (parts.length === 1 && Array.isArray(first)) return first as readonly (string | null)[];
  if (!parts.every((part) => typeof part === 'string')) return null;
  const text = parts.join('');
  // A folder that stands behind other text makes no path that anybody could mean.
  return text.lastIndexOf(ROOTED) > 0 ? null : text;
}

const isComment = (text: string, offset: number): boolean => {
  const before = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return /^\s*(#|\/\/|\*|\/\*)/.test(before);
};

/** Where a value stands in a text whose parser keeps no positions: quoted if possible, and never in a comment. */
export function placeOf(file: string, text: string, value: string): Position {
  const expression = /^\$\{([\s\S]*)\}$/.exec(value)?.[1];
  const escaped = JSON.stringify(value);
  const needles = [
    escaped,
    `"${value}"`,
    value,
    ...(expression === undefined ? [] : [expression]),
    value.split('\n')[0] ?? '',
  ];
  for (const needle of needles) {
    if (needle === '') continue;
    for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1))
      if (!isComment(text, at)) return positionAt(file, text, at, needle.length);
  }
  return positionAt(file, text, 0);
}
