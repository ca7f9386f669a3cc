import { closeSync, existsSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  fail,
  type Aim,
  type Call,
  type Event,
  type Failure,
  type Outputs,
  type Result,
} from '@goldenthread/core';
import { listen, type Heard, type Line } from '../terraform/says.ts';
import { runGently } from '../terraform/run.ts';
import { terraformCommand, type Setting } from '../terraform/tool.ts';
import { errorLines, type Told } from './terraform-failure.ts';
import { lockedState } from './terraform-lock.ts';
import { stateOutputs } from './terraform-state.ts';

/** A plan that lies in a file, and all that its apply needs. */
export interface Carried {
  readonly told: Told;
  readonly setting: Setting;
  readonly aim: Aim;
  /** Absolute: a folder of this preview alone, with the plan in it. */
  readonly scratch: string;
  readonly plan: string;
  /** The file of the state where it lies on this machine. */
  readonly local: string | null;
  readonly stateArgs: readonly string[];
  /** Texts that must not be shown. */
  readonly secrets: readonly string[];
  /** Goldenthread's own folder, for the log. */
  readonly home: string;
}

const PATIENCE_S = 30;
const STEPS: Readonly<Record<string, 'started' | 'done' | 'failed'>> = {
  apply_start: 'started',
  apply_complete: 'done',
  apply_errored: 'failed',
};
const TOLD = new Set([
  'apply_progress',
  'provision_start',
  'provision_progress',
  'provision_errored',
  'change_summary',
  'log',
]);

/** What people hear of one line; nothing of most. */
function eventOf(line: Line, project: string, over: (text: string) => string): Event | null {
  const { type = '', hook } = line;
  const said = over(line['@message'] ?? '').trim();
  const state = Object.hasOwn(STEPS, type) ? STEPS[type] : undefined;
  if (state && hook?.resource) {
    const step = over(`${hook.action ?? 'apply'} ${hook.resource.addr}`);
    if (state === 'started') return { type: 'step', project, step, state };
    return { type: 'step', project, step, state, seconds: hook.elapsed_seconds ?? 0 };
  }
  if (type === 'state_lock_acquire') return { type: 'waiting', project, what: 'the lock of its state' };
  if (line.diagnostic?.severity === 'warning' && !isOurs(line)) return { type: 'note', project, text: said };
  return TOLD.has(type) && said !== ''
    ? { type: 'output', project, line: said.replace(/\s*\n\s*/g, ' ') }
    : null;
}

/** Whether a warning is about how we call it, not about the stack. */
export const isOurs = ({ diagnostic }: Line): boolean =>
  /^Deprecated flag: -state/.test(diagnostic?.summary ?? '');

function logFile({ home, told, aim }: Carried): string {
  const { stack, environment } = told.order;
  const folder = join(home, 'logs');
  mkdirSync(folder, { recursive: true });
  return join(
    folder,
    `${stack.name}-${environment}-${aim}-${new Date().toISOString().replace(/[:.]/g, '-')}.log`,
  );
}

const STALE = /^Saved plan (is stale|does not match the given state)/;

function applyFailure(carried: Carried, heard: Heard, code: number, log: string): Failure {
  const { told, setting } = carried;
  const at = { stack: told.order.stack.name, environment: told.order.environment };
  const errors = heard.diagnostics.filter(({ severity }) => severity === 'error');
  const locked = lockedState(errors, told, setting);
  if (locked) return locked;
  if (errors.some(({ summary }) => STALE.test(summary)))
    return { code: 'plan-outdated', ...at, moved: ['its state has moved since it was planned'] };
  if (errors.some(({ summary }) => summary === 'Inconsistent dependency lock file'))
    return {
      code: 'plan-outdated',
      ...at,
      moved: ['its providers are others than those it was planned with'],
    };
  const said = errorLines(told, errors).join('\n') || told.veil.over(heard.rest());
  const ended = code > 128 ? `${setting.tool.name} was killed` : `it ended with code ${code}`;
  return {
    code: 'apply-failed',
    ...at,
    detail: [said, said === '' || code > 128 ? ended : ''].filter(Boolean).join('\n'),
    log,
  };
}

/** What Terraform could not write to the state it leaves beside the files: in a tree that goes it would be lost. */
async function rescue({ setting, told }: Carried): Promise<void> {
  const { root, home, stack } = told.order;
  const lost = join(setting.cwd, 'errored.tfstate');
  if (root === home || !existsSync(lost)) return;
  await mkdir(join(home, stack.root), { recursive: true });
  await copyFile(lost, join(home, stack.root, 'errored.tfstate'));
}

/** Applies exactly the plan in its file, and answers the outputs as they are then. */
export async function applyPlan(carried: Carried, call: Call): Promise<Result<Outputs>> {
  const { told, setting, local, scratch } = carried;
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  const { order, veil } = told;
  const project = order.stack.name;
  if (local !== null) await mkdir(dirname(local), { recursive: true });
  const path = logFile(carried);
  const log = openSync(path, 'a', 0o600);
  const write = (text: string): void => void writeSync(log, `${veil.over(text)}\n`);
  const heard = listen((line) => {
    if (line.type === 'version') return;
    write([line['@message'] ?? '', line.diagnostic?.detail ?? ''].filter(Boolean).join('\n'));
    const event = eventOf(line, project, (text) => veil.over(text));
    if (event) call.emit(event);
  });
  const onLine = (text: string): void => {
    if (!text.startsWith('{')) write(text);
    heard.line(text);
  };
  const wait = `-lock-timeout=${order.stack.terraform.lock_timeout ?? PATIENCE_S}s`;
  const args = ['apply', '-json', '-input=false', wait, ...carried.stateArgs, carried.plan];
  const stopping = (): void =>
    call.emit({ type: 'waiting', project, what: `${setting.tool.name} to end what it has begun` });
  try {
    const done = await runGently({ ...terraformCommand(setting, args), onLine }, { scratch, stopping }, call);
    await rescue(carried);
    if (!done.ok) return done;
    if (done.value.code !== 0) return fail(applyFailure(carried, heard, done.value.code, path));
  } finally {
    closeSync(log);
  }
  const outputs = await stateOutputs({ setting, local, secrets: carried.secrets }, call);
  return outputs.ok ? { ok: true, value: outputs.value ?? new Map() } : outputs;
}
