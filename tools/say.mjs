// How the scripts in tools/ speak: plain lines, headings, times; colour only where a terminal wants it.
const { env, stdout } = process;

const coloured = env.NO_COLOR === undefined && (stdout.isTTY || env.FORCE_COLOR !== undefined);
const style = (code) => (text) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);

/** Text as a terminal shows it: bold, dim, green, red, yellow. */
export const paint = { bold: style(1), dim: style(2), green: style(32), red: style(31), yellow: style(33) };

/** Prints lines. */
export const say = (...lines) => void stdout.write(`${lines.join('\n')}\n`);

/** Prints a heading with an empty line before it. */
export const heading = (text) => say('', paint.bold(`── ${text}`));

/** Prints what went well. */
export const good = (text) => say(`${paint.green('✔')} ${text}`);

/** Prints what went wrong, and below it what to do. */
export const bad = (text, next) =>
  say(`${paint.red('✘')} ${text}`, ...(next === undefined ? [] : [`→ ${next}`]));

/** Prints what is not as it could be, without being wrong. */
export const note = (text) => say(`${paint.yellow('!')} ${text}`);

/** A clock: each call answers the seconds since it was made. */
export function stopwatch() {
  const start = Date.now();
  return () => (Date.now() - start) / 1000;
}

/** Seconds as a person reads them. */
export const seconds = (value) =>
  value < 100 ? `${value.toFixed(1)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;

/** Rows under a header, in columns as wide as their widest cell. */
export function table(header, rows) {
  const widths = header.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => String(row[at]).length)),
  );
  const line = (cells) =>
    cells
      .map((cell, at) => String(cell).padEnd(widths[at]))
      .join('  ')
      .trimEnd();
  return [paint.dim(line(header)), ...rows.map(line)];
}

/** Keeps one line of a terminal up to date; without a terminal it prints at most every ten seconds. */
export function progress() {
  let last = Date.now();
  const live = stdout.isTTY;
  return {
    show(text) {
      const now = Date.now();
      if (live) stdout.write(`\r\u001b[K${paint.dim(text.slice(0, (stdout.columns || 80) - 1))}`);
      else if (now - last >= 10_000) {
        last = now;
        say(paint.dim(text));
      }
    },
    end() {
      if (live) stdout.write('\r\u001b[K');
    },
  };
}
