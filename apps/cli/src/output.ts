import { styleText } from 'node:util';
import { words, type Event, type Failure } from '@goldenthread/core';

/** How a command prints. Progress goes to standard error, results to standard output. */
export interface Output {
  readonly emit: (event: Event) => void;
  /** The command's result: lines for people, or the data itself with --json. */
  result(lines: readonly string[], data: unknown): void;
  /** Failures in words and, with --json, as the one document. */
  failures(failures: readonly Failure[]): void;
  /** Failures in words alone, where the document has been printed. */
  words(failures: readonly Failure[]): void;
}

/** What decides how to print. */
export interface OutputOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly colour: boolean;
}

type Style = 'green' | 'red' | 'yellow' | 'dim' | 'bold';

const seconds = (value: number): string => `${value.toFixed(1)} s`;

/** A step's end as a sign, so that it is told apart without colour. */
const SIGNS = { started: '…', done: '✔', reused: '=', failed: '✘' } as const;
const STYLES: Readonly<Record<keyof typeof SIGNS, Style>> = {
  started: 'dim',
  done: 'green',
  reused: 'dim',
  failed: 'red',
};

function line(event: Event, paint: (style: Style, text: string) => string): string | null {
  const project = paint('bold', event.project);
  switch (event.type) {
    case 'started':
      return `${project} ${event.what}`;
    case 'step': {
      const sign = paint(STYLES[event.state], SIGNS[event.state]);
      const time =
        event.state === 'started'
          ? ''
          : paint('dim', event.state === 'reused' ? ' reused' : ` ${seconds(event.seconds)}`);
      return `${project} ${sign} ${event.step}${time}`;
    }
    case 'note':
      return `${project} ${event.text}`;
    case 'waiting':
      return `${project} ${paint('yellow', 'waits')} for ${event.what}`;
    case 'output':
      return null;
  }
}

// Without a terminal, a long step shows now and then that it lives.
const QUIET_MS = 5_000;

/** Prints to the standard streams. Tool output shows with --verbose; on a terminal the running step's last line shows always. */
export function createOutput(options: OutputOptions): Output {
  const paint = (style: Style, text: string): string =>
    options.colour ? styleText(style, text, { validateStream: false }) : text;
  const live = options.colour && process.stderr.isTTY && !options.verbose;
  const width = (): number => (process.stderr.columns || 80) - 1;
  const clear = live ? '\r\u001b[K' : '';
  let spoken = performance.now();
  const silent = (): number => performance.now() - spoken;
  const say = (text: string): void => {
    spoken = performance.now();
    process.stderr.write(`${clear}${text}\n`);
  };
  const inWords = (failures: readonly Failure[]): void => {
    for (const failure of failures) {
      const { what, detail, next } = words(failure);
      const parts = [
        `${paint('red', '✘')} ${what}`,
        ...(detail === undefined || detail === '' ? [] : [detail]),
        `${paint('dim', '→')} ${next}`,
      ];
      say(parts.join('\n'));
    }
  };
  return {
    emit(event) {
      if (event.type === 'output') {
        // Control characters of a tool must not steer the terminal.
        const text = event.line.replace(/\u001b\[[0-9;]*[A-Za-z]|[\u0000-\u0008\u000b-\u001f]/g, '').trim();
        if (text === '') return;
        if (live) process.stderr.write(`${clear}${paint('dim', `  ${text}`.slice(0, width()))}`);
        else if (options.verbose || silent() > QUIET_MS) say(paint('dim', `${event.project} | ${text}`));
        return;
      }
      const text = line(event, paint);
      if (text !== null) say(text);
    },
    result(lines, data) {
      if (live) process.stderr.write(clear);
      const text = options.json ? JSON.stringify(data, null, 2) : lines.join('\n');
      if (text !== '') process.stdout.write(`${text}\n`);
    },
    failures(failures) {
      if (options.json) process.stdout.write(`${JSON.stringify({ ok: false, failures }, null, 2)}\n`);
      inWords(failures);
    },
    words: inWords,
  };
}
