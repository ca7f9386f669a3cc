import { fail, ok, positionAt, type Failure, type Result, type SourceFile } from '@goldenthread/core';

// The parser prefixes each of its findings with the name it was given, which must not occur in any text by chance.
const NAME = '\u241ehcl\u241e';
const FINDING = new RegExp(`${NAME}:(\\d+),(\\d+)-(?:(\\d+),)?(\\d+): `, 'g');

// A parser that breaks down never answers; a graph that hangs says less than one that fails.
const PATIENCE_MS = 20_000;

// The parser recurses: far deeper texts exhaust its stack, after which it answers nobody any more.
const DEEPEST = 500;

/** Where brackets first lie in one another too deep; -1 for any text that people write. */
function tooDeep(text: string): number {
  let depth = 0;
  for (const match of text.matchAll(/[[\](){}]/g)) {
    depth += '[({'.includes(match[0]) ? 1 : -1;
    if (depth > DEEPEST) return match.index;
  }
  return -1;
}

const unparsable = (source: SourceFile, offset: number, language: string, detail: string): Result<never> =>
  fail({ code: 'source-unparsable', at: positionAt(source.path, source.text, offset), language, detail });

/** The offset of a 1-based line and column, counted in characters as the parser does. */
function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    const next = text.indexOf('\n', start);
    if (next === -1) break;
    start = next + 1;
  }
  const newline = text.indexOf('\n', start);
  const characters = Array.from(text.slice(start, newline === -1 ? text.length : newline));
  return start + characters.slice(0, column - 1).join('').length;
}

/** The findings in a parser's message, each at its place. */
function findings(source: SourceFile, message: string): readonly Failure[] {
  const marks = Array.from(message.matchAll(FINDING));
  return marks.map((mark, index): Failure => {
    const end = marks[index + 1]?.index ?? message.length;
    const detail = message
      .slice(mark.index + mark[0].length, end)
      .trim()
      .replace(/\]$/, '');
    const [line = 1, column = 1] = [Number(mark[1]), Number(mark[2])];
    const from = offsetOf(source.text, line, column);
    const to = offsetOf(source.text, Number(mark[3] ?? line), Number(mark[4]));
    const at = positionAt(source.path, source.text, from, to - from);
    return { code: 'source-unparsable', at, language: 'HCL', detail: detail.replaceAll(NAME, source.path) };
  });
}

/** An answer, or an error when it does not come in time. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the parser gave no answer')), PATIENCE_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads HCL (of Packer or Terraform) as the JSON of `@cdktf/hcl2json`; each error of syntax is a failure at its place. */
export async function parseHcl(source: SourceFile): Promise<Result<unknown>> {
  const deep = tooDeep(source.text);
  if (deep !== -1)
    return unparsable(source, deep, 'HCL', `brackets lie in one another more than ${DEEPEST} deep`);
  // The parser takes a tenth of a second to start: only those who need it pay.
  const { parse } = await import('@cdktf/hcl2json');
  try {
    const json: unknown = await inTime(parse(NAME, source.text));
    return ok(json);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const found = findings(source, message);
    return found.length > 0 ? fail(...found) : unparsable(source, 0, 'HCL', message);
  }
}

/** Reads JSON; an error of syntax is a failure at its place. */
export function parseJson(source: SourceFile): Result<unknown> {
  try {
    const json: unknown = JSON.parse(source.text);
    return ok(json);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const offset = /at position (\d+)/.exec(message)?.[1];
    const end =
      message.includes('end of JSON') || offset === undefined ? source.text.trimEnd().length : Number(offset);
    const detail = message
      .replace(/ (?:in JSON )?at position \d+.*$/, '')
      .replace(/, (?:\.\.\.)?".*is not valid JSON$/s, '');
    return unparsable(source, end, 'JSON', detail);
  }
}
