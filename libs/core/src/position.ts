/** A place in a file of the workspace: 1-based line and column, and the text of that line. */
export interface Position {
  /** Path relative to the workspace root, with forward slashes. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** How many characters to underline; at least 1. */
  readonly length: number;
  /** The whole line, without its line break. */
  readonly text: string;
}

/** The position of `offset` (0-based, in UTF-16 units) in `text`, clipped to the end of its line. */
export function positionAt(file: string, text: string, offset: number, length = 1): Position {
  const at = Math.max(0, Math.min(offset, text.length));
  // A negative start would be taken for 0, and find a line break there.
  const start = at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1;
  const newline = text.indexOf('\n', at);
  const line = text.slice(start, newline === -1 ? text.length : newline).replace(/\r$/, '');
  return {
    file,
    line: text.slice(0, start).split('\n').length,
    column: at - start + 1,
    length: Math.max(1, Math.min(length, start + line.length - at)),
    text: line,
  };
}

/** The first place where `needle` stands in `text`, or the file's start: for parsers that keep no positions. */
export function positionOf(file: string, text: string, needle: string): Position {
  const offset = needle === '' ? -1 : text.indexOf(needle);
  return offset === -1 ? positionAt(file, text, 0) : positionAt(file, text, offset, needle.length);
}

/** `file:line:column`, as editors and terminals link it. */
export const place = (position: Position): string => `${position.file}:${position.line}:${position.column}`;

/** The line with its number, and a row of carets under the part that is meant. */
export function underline(position: Position): string {
  const gutter = `${position.line} | `;
  // Tabs are kept in the padding, so that the carets stand under the text whatever a tab's width is.
  const padding = position.text.slice(0, position.column - 1).replace(/[^\t]/g, ' ');
  return `${gutter}${position.text}\n${' '.repeat(gutter.length - 2)}| ${padding}${'^'.repeat(position.length)}`;
}
