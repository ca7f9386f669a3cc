import type { Failure, StackOrder } from '@goldenthread/core';
import { saysDiskFull } from '../host.ts';
import { syntaxFinding } from '../playbook/syntax.ts';
import type { Addressed } from './ansible-change.ts';
import type { Mask } from './ansible-mask.ts';
import type { Played } from './ansible-run.ts';

type Said = Readonly<Record<string, unknown>>;

/** What a failed run is told with. */
export interface FailureOptions {
  readonly order: StackOrder;
  /** Absolute and real: places are told relative to it. */
  readonly root: string;
  readonly how: 'check' | 'apply';
  readonly mask: Mask;
  readonly log: string;
}

const CHECKED =
  'This was a check, which makes nothing: a task that needs what an earlier one would only make can say `when: not ansible_check_mode`, or look first whether it is there.';

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

const tail = (text: string): string => text.trim().split('\n').slice(-12).join('\n');

/** A result in its own words. */
function describe(result: Said): string {
  if (result['censored'] !== undefined) return 'its words are hidden by no_log';
  const first = [result['msg'], result['reason'], result['stderr'], result['module_stderr']].filter(isText);
  const texts =
    first.length > 1 ? first : [...first, ...[result['stdout'], result['module_stdout']].filter(isText)];
  const parts = Object.values((result['failed_modules'] ?? {}) as Readonly<Record<string, Said>>).map(
    describe,
  );
  return [...new Set([...texts.map(tail), ...parts])].join('\n') || 'it did not say why';
}

/** What the last task that went wrong on each host says, with its place. */
function lastOfHosts(tasks: readonly Addressed[], status: 'failed' | 'unreachable'): readonly Addressed[] {
  const last = new Map(
    tasks.filter(({ record }) => record.status === status).map((one) => [one.record.host, one]),
  );
  return [...last.values()];
}

/** What a run that ended badly failed of; none where it ended well. */
export function failuresOf(
  played: Played,
  tasks: readonly Addressed[],
  { order, root, how, mask, log }: FailureOptions,
): readonly Failure[] {
  const { finished, told } = played;
  const clean = (text: string): string => mask.clean(text).replaceAll(`${root}/`, '');
  const failure = (said: string): Failure => {
    const detail = clean(said);
    if (saysDiskFull(detail)) return { code: 'disk-full', folder: 'a host of the stack' };
    return how === 'apply'
      ? { code: 'apply-failed', stack: order.stack.name, environment: order.environment, detail, log }
      : { code: 'tool-failed', tool: 'ansible-playbook', detail, log };
  };
  if (finished.code === 0) {
    if (told.outputs === null) return [failure('it ended well, and yet told no results')];
    return told.tasks.length === 0 && told.nobody.length > 0
      ? [failure(`the inventory has no host for ${told.nobody.map((play) => `"${play}"`).join(', ')}`)]
      : [];
  }
  const failed = lastOfHosts(tasks, 'failed').map(({ address, record }) =>
    failure(
      `${address} (${record.path ?? 'no file'}): ${describe(record.result)}${how === 'check' ? `\n${CHECKED}` : ''}`,
    ),
  );
  const unreachable = lastOfHosts(tasks, 'unreachable').map(({ record }): Failure => ({
    code: 'unreachable',
    what: `the host ${record.host}`,
    detail: clean(describe(record.result)),
  }));
  if (failed.length + unreachable.length > 0) return [...unreachable, ...failed];
  const { file, line, column, message } = syntaxFinding(
    `${finished.stderr}\n${finished.stdout}`.trim(),
    root,
    order.stack.file,
  );
  return [failure(`${file}:${line}:${column}: ${message}`)];
}
