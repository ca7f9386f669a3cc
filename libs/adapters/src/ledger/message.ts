import type { LedgerEntry, LedgerMessage } from '@goldenthread/core';

const oneLine = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();

// A line of the body that looks like a trailer is set off by one more space, which is taken away again when it is read.
const LOOKS_SO = /^( *[\w-]+ *:)/gm;
const SET_OFF = /^ ( *[\w-]+ *:)/gm;

const body = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ' ')
    .replace(LOOKS_SO, ' $1')
    .trim();

/** A change's commit message: what, why, and trailers that nothing in either can imitate. */
export function writeMessage(message: LedgerMessage, run: string): string {
  const trailers = [
    ...message.nodes.map((node) => `Node: ${oneLine(node)}`),
    ...message.environments.map((name) => `Environment: ${oneLine(name)}`),
    // Always there, so the last paragraph is always ours.
    `Run: ${oneLine(run) || 'unknown'}`,
  ];
  const paragraphs = [oneLine(message.what) || 'change', body(message.why), trailers.join('\n')];
  return `${paragraphs.filter((text) => text !== '').join('\n\n')}\n`;
}

const TRAILER = /^(Node|Environment|Run): (.*)$/;

/** A text up to a blank line and what comes after it; `from` says which blank line, the first or the last. */
function parted(text: string, from: 'first' | 'last'): readonly [string, string] {
  const at = from === 'first' ? text.indexOf('\n\n') : text.lastIndexOf('\n\n');
  if (at === -1) return from === 'first' ? [text, ''] : ['', text];
  return [text.slice(0, at), text.slice(at + 2)];
}

/** A commit message as it was written; one that people wrote has no run, and mostly names no nodes. */
export function readMessage(text: string): LedgerMessage & Pick<LedgerEntry, 'run'> {
  const [what, rest] = parted(text.replaceAll('\r\n', '\n').trimEnd(), 'first');
  const [before, last] = parted(rest, 'last');
  const trailers = last.split('\n').map((line) => TRAILER.exec(line));
  const ours = trailers.every((match) => match !== null);
  const of = (key: string): readonly string[] =>
    ours ? trailers.flatMap((match) => (match?.[1] === key ? [match[2] ?? ''] : [])) : [];
  return {
    what: oneLine(what),
    why: (ours ? before : rest).replace(SET_OFF, '$1').trim(),
    nodes: of('Node'),
    environments: of('Environment'),
    run: of('Run').at(-1) ?? '',
  };
}
