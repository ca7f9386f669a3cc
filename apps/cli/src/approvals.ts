import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import {
  fail,
  ok,
  planDetails,
  type Place,
  type Ports,
  type Result,
  type Preview,
  type Violation,
} from '@goldenthread/core';
import type { Approval, Approvals } from '@goldenthread/engine/stack';

const MAX_BYTES = 64 * 1024 * 1024;

const unreadable = (path: string, why: string): Result<never> =>
  fail({
    code: 'usage',
    detail: `the plan ${path} cannot be read: ${why}`,
    hint: 'Name a file that `goldenthread plan` wrote, a folder with such files, or a digest.',
  });

async function readBounded(path: string): Promise<Result<string | null>> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) return unreadable(path, `it has ${size} bytes`);
    return ok(await readFile(path, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? ok(null) : unreadable(path, message);
  }
}

const isFolder = async (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** The file of a place's plan among those that were named: the file itself, or one in the folder that `plan` fills. */
async function fileOf(named: string, place: Place): Promise<string> {
  const { planFile } = await import('@goldenthread/engine/stack');
  return (await isFolder(named)) ? join(named, place.stack, planFile(place)) : named;
}

async function readPlan({ hash }: Ports, path: string): Promise<Result<Preview | null>> {
  const { readPreview } = await import('@goldenthread/core/stack');
  const text = await readBounded(path);
  if (!text.ok || text.value === null) return text.ok ? ok(null) : text;
  return readPreview(path, text.value, hash);
}

/** The approval of a place in what was named; an approved plan of another place is none of this one. */
async function found(ports: Ports, place: Place, named: string): Promise<Result<Approval | null>> {
  if (named.startsWith('sha256:')) return ok({ by: 'digest', digest: named });
  const path = await fileOf(named, place);
  const plan = await readPlan(ports, path);
  if (!plan.ok || plan.value === null) return plan.ok ? ok(null) : plan;
  const { stack, environment } = plan.value;
  if (stack === place.stack && environment === place.environment) return ok({ by: 'plan', plan: plan.value });
  return unreadable(path, `it is the plan of ${stack} in ${environment}`);
}

/** Sees that what was named as approved is something, and that one plan is not meant for several places. */
export async function checkPlan(
  ports: Ports,
  named: string | undefined,
  { stacks, environments }: { readonly stacks: readonly string[]; readonly environments: readonly string[] },
): Promise<Result<void>> {
  if (named === undefined || (await isFolder(named))) return ok(undefined);
  const isDigest = /^sha256:[0-9a-f]{64}$/.test(named);
  if (!isDigest) {
    const plan = named.startsWith('sha256:')
      ? unreadable(named, 'it is no whole digest')
      : await readPlan(ports, named);
    if (!plan.ok) return plan;
    if (plan.value === null) return unreadable(named, 'it is not there');
  }
  if (stacks.length === 1 && environments.length === 1) return ok(undefined);
  return fail({
    code: 'usage',
    detail: '--plan names one plan, and several places may be meant',
    hint: 'Name the stack and its --environment, or a folder of plans.',
  });
}

/** Asks on the terminal; a closed input is no yes. */
async function question(text: string, signal: AbortSignal): Promise<Result<string>> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // The terminal is read raw meanwhile, so Ctrl-C comes as a key.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return ok(await lines.question(text, { signal }));
  } catch {
    return fail({ code: 'cancelled' });
  } finally {
    lines.close();
  }
}

const isTerminal = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/** Asks for a word to be typed; false for any other. Fails with `cancelled` on Ctrl-C. */
export async function typed(text: string, expected: string, signal: AbortSignal): Promise<Result<boolean>> {
  const answer = await question(text, signal);
  return answer.ok ? ok(answer.value.trim() === expected) : answer;
}

// Plans of several stacks are carried out side by side, and a person answers one question at a time.
let turn: Promise<unknown> = Promise.resolve();

function ask(signal: AbortSignal): NonNullable<Approvals['ask']> {
  return (plan: Preview, violations: readonly Violation[]) => {
    const { stack, environment } = plan;
    const report = {
      stack,
      environment,
      state: 'planned',
      reasons: [],
      plan,
      violations,
      removed: null,
    } as const;
    const shown = planDetails([report]).join('\n');
    const next = turn.then(() =>
      typed(`${shown}\n\nApply this to ${environment}? Only "yes" applies it: `, 'yes', signal),
    );
    turn = next;
    return next;
  };
}

/** Where approvals come from on the command line: plans that are named, or a person at a terminal. To have looked is not to have approved. */
export const approvalsFrom = (
  ports: Ports,
  options: { readonly plan?: string; readonly autoApprove?: boolean; readonly json?: boolean },
  signal: AbortSignal,
): Approvals => ({
  find: (place) =>
    options.plan === undefined ? Promise.resolve(ok(null)) : found(ports, place, options.plan),
  ask: isTerminal() && !options.json ? ask(signal) : null,
  // Whoever names plans wants those and no others.
  auto: (options.autoApprove ?? false) && options.plan === undefined,
});
