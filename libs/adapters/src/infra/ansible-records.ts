import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Failure, type Json, type Result } from '@goldenthread/core';
import type { Decrypted } from './ansible-mask.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What one task did, or would do, on one host (for one item), as the callback tells it. */
export interface TaskRecord {
  readonly event: 'result';
  readonly status: 'ok' | 'changed' | 'failed' | 'ignored' | 'skipped' | 'unreachable';
  readonly host: string;
  readonly play: string;
  readonly role: string | null;
  readonly task: string;
  readonly item: string | null;
  /** Its full name, such as `ansible.builtin.copy`. */
  readonly module: string;
  /** `file:line`. */
  readonly path: string | null;
  /** Whether it only looked. */
  readonly check: boolean;
  /** The wanted state as the task says it, where that is no template. */
  readonly state: string | null;
  /** Arguments that the task gives. */
  readonly asked: Readonly<Record<string, Json>>;
  /** State, labels, tags and region as the module understood them. */
  readonly noted: Readonly<Record<string, Json>>;
  readonly result: Fields;
}

/** Everything that a run told. */
export interface Told {
  readonly tasks: readonly TaskRecord[];
  /** Plays for which the inventory has no host. */
  readonly nobody: readonly string[];
  /** Values of set_stats; null where the run did not come to its end. */
  readonly outputs: Readonly<Record<string, Json>> | null;
  /** What Ansible decrypted. */
  readonly secrets: readonly Decrypted[];
}

type Line =
  | TaskRecord
  | { readonly event: 'play' | 'nobody'; readonly play: string }
  | { readonly event: 'broken'; readonly detail: string }
  | { readonly event: 'end'; readonly outputs: Readonly<Record<string, Json>> };

const LIMIT = 64 * 1024 * 1024;

const unreadable = (detail: string): Failure => ({ code: 'tool-failed', tool: 'ansible-playbook', detail });

/** The text of a file; null where there is none, `tool-failed` where it is too long. */
async function bounded(path: string): Promise<Result<string | null>> {
  const file = await open(path).catch(() => null);
  if (!file) return ok(null);
  try {
    const { size } = await file.stat();
    if (size > LIMIT) return fail(unreadable(`its results are longer than ${LIMIT / 1024 / 1024} MiB`));
    return ok(await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

function parsed(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    // Python writes some numbers as no JSON has them.
    return { event: 'broken', detail: 'a result is no JSON' };
  }
}

/** Reads the results of a run in its folder. A result that could not be written down is a failure: nothing may be lost. */
export async function readResults(folder: string): Promise<Result<Told>> {
  const text = await bounded(join(folder, 'results'));
  if (!text.ok) return text;
  const secrets = await bounded(join(folder, 'secrets'));
  if (!secrets.ok) return secrets;
  // A run that was killed may leave half a line.
  const wholeLines = (said: string | null): readonly string[] => (said ?? '').split('\n').slice(0, -1);
  const lines = wholeLines(text.value).map(parsed);
  const broken = lines.flatMap((line) => (line.event === 'broken' ? [unreadable(line.detail)] : []));
  if (broken.length > 0) return fail(...broken);
  return ok({
    tasks: lines.flatMap((line) => (line.event === 'result' ? [line] : [])),
    nobody: lines.flatMap((line) => (line.event === 'nobody' ? [line.play] : [])),
    outputs: lines.find((line) => line.event === 'end')?.outputs ?? null,
    secrets: wholeLines(secrets.value).map((line) => JSON.parse(line) as Decrypted),
  });
}
