import { Command } from 'commander';
import { fail, ok, type LedgerFilter, type Result } from '@goldenthread/core';
import { withPorts } from '../context.ts';
import { minute } from '../text.ts';
import type { Program } from './program.ts';

interface Options {
  readonly node?: string;
  readonly environment?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
}

/** A time as ISO, from what people type: a date, or a date and a time. */
function time(option: string, text: string | undefined): Result<string | undefined> {
  if (text === undefined) return ok(undefined);
  // A day as the end of a span is meant with all its hours.
  const whole = option === 'until' && /^\d{4}-\d{2}-\d{2}$/.test(text);
  const at = new Date(whole ? `${text}T23:59:59.999Z` : text);
  if (!Number.isNaN(at.getTime())) return ok(at.toISOString());
  return fail({
    code: 'usage',
    detail: `--${option} "${text}" is no time`,
    hint: 'Write a date such as 2026-11-21, or 2026-11-21T10:00.',
  });
}

/** What is asked for, from the options; a wrong one is a wrong call, not an empty answer. */
function filterOf({ node, environment, since, until, limit }: Options): Result<LedgerFilter> {
  const [from, to, count] = [time('since', since), time('until', until), Number(limit)];
  if (!from.ok) return from;
  if (!to.ok) return to;
  if (!Number.isInteger(count) || count < 1)
    return fail({
      code: 'usage',
      detail: `--limit "${limit}" is no number of entries`,
      hint: 'Write a whole number from 1.',
    });
  return ok({
    limit: count,
    ...(node === undefined ? {} : { node }),
    ...(environment === undefined ? {} : { environment }),
    ...(from.value === undefined ? {} : { since: from.value }),
    ...(to.value === undefined ? {} : { until: to.value }),
  });
}

/** `goldenthread log`: the audit trail. */
export function logCommand({ signal, finish }: Program): Command {
  return new Command('log')
    .description(
      'the audit trail: what was released, moved, revoked and applied, when, why, by whom and in which run',
    )
    .argument('[project]', 'only what is about this project')
    .option('--environment <name>', 'only what is about this environment')
    .option('--since <time>', 'from this time on')
    .option('--until <time>', 'up to this time')
    .option('--limit <count>', 'at most so many entries, the newest first', '50')
    .action(async (node: string | undefined, options: Options, command: Command) =>
      finish(
        await withPorts(command, signal, async ({ ports, call, output }) => {
          const filter = filterOf({ ...options, ...(node === undefined ? {} : { node }) });
          if (!filter.ok) return filter;
          const ledger = await ports.ledger();
          if (!ledger.ok) return ledger;
          const entries = await ledger.value.log(filter.value, call);
          if (!entries.ok) return entries;
          const lines = entries.value.flatMap(({ time: at, what, why, by, run, revision }) => [
            `${minute(at)} ${what}`,
            // What was made by hand, such as a git revert, says neither why nor in which run.
            `  ${why === '' ? 'by hand' : why} (${[by, run, revision.slice(0, 12)].filter((one) => one !== '').join(', ')})`,
          ]);
          output.result(lines.length > 0 ? lines : ['nothing is recorded that fits'], {
            ok: true,
            entries: entries.value,
          });
          return ok(undefined);
        }),
      ),
    );
}
