import { existsSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  canonical,
  fail,
  toolMissing,
  type Call,
  type Failure,
  type Result,
  type StackOrder,
  type Tool,
} from '@goldenthread/core';
import { which } from '../host.ts';
import { makeWork, sweep } from '../namespace/work.ts';
import type { Setting } from '../terraform/tool.ts';
import { dataFolder, diagnose, init } from '../terraform/validate.ts';
import { backendMissing, lookFailures, type Told } from './terraform-failure.ts';
import { linkStates, localState } from './terraform-state.ts';
import { secretTexts, veilOf } from '../terraform/veil.ts';

/** Where one order is worked at. */
export interface Site {
  readonly told: Told;
  readonly setting: Setting;
  /** Absolute: a folder of its own that nobody else can read. */
  readonly scratch: string;
  /** Absolute: Goldenthread's own folder. */
  readonly home: string;
}

/** Variables of the caller's environment may be secrets, of which only the plan knows which. */
const given = (): readonly string[] =>
  Object.entries(process.env).flatMap(([key, value]) =>
    /^TF_VAR_/.test(key) && value !== undefined && value.length >= 8 ? [value] : [],
  );

const workspaceOf = ({ stack, environment }: StackOrder): string => stack.terraform.workspace ?? environment;

/**
 * Where Terraform keeps modules, providers and the backend's settings: a folder for each environment of each work tree, so that
 * what has not changed is not fetched again. An older tree is gone soon, and has one that goes with it.
 */
function dataOf(home: string, tool: Tool, order: StackOrder, scratch: string): string {
  const { stack, environment, root } = order;
  if (root !== order.home) return join(scratch, 'data');
  const backend = canonical(stack.terraform.backend ?? {});
  return dataFolder(home, `${stack.name}-${environment}`, tool.name, root, stack.root, environment, backend);
}

/** Makes a place for an order; what it holds may be secret until it is removed. */
export async function openSite(
  home: string,
  tool: Tool,
  order: StackOrder,
  call: Call,
): Promise<Result<Site>> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  if (which(tool.name) === null) return fail(toolMissing(tool));
  // Those of processes that were killed may hold plans, and plans hold secrets.
  await sweep(home);
  const scratch = await makeWork(home);
  await chmod(scratch, 0o700);
  await linkStates(order, call);
  const veil = veilOf([...secretTexts(order.inputs), ...given()]);
  const setting: Setting = {
    tool,
    cwd: join(order.root, order.stack.root),
    data: dataOf(home, tool, order, scratch),
    workspace: workspaceOf(order),
  };
  return { ok: true, value: { told: { order, tool, veil }, setting, scratch, home } };
}

/** Removes it. */
export const closeSite = ({ scratch }: Site): Promise<void> => rm(scratch, { recursive: true, force: true });

const MISSING_BACKEND = /Missing backend configuration/;

async function initialise(
  { told, setting }: Pick<Site, 'told' | 'setting'>,
  call: Call,
): Promise<Result<void>> {
  const { stack } = told.order;
  const settings = Object.entries(stack.terraform.backend ?? {});
  const args = ['-reconfigure', ...settings.map(([key, value]) => `-backend-config=${key}=${value}`)];
  await rm(marker(setting), { force: true });
  const done = await init(setting, args, call);
  if (!done.ok) return explained({ told, setting }, done.failures, call);
  if (settings.length > 0 && MISSING_BACKEND.test(done.value.text)) return fail(backendMissing(told));
  if (done.value.locked !== null)
    call.emit({
      type: 'note',
      project: stack.name,
      text: `${setting.tool.name} wrote ${stack.root}/${done.value.locked}, which names the versions of its providers: commit it, or every machine takes its own`,
    });
  await writeFile(marker(setting), '');
  return { ok: true, value: undefined };
}

/** Why it could not be initialised: by the places of errors in the sources where there are some, otherwise as it said. */
async function explained(
  { told, setting }: Pick<Site, 'told' | 'setting'>,
  failures: readonly Failure[],
  call: Call,
): Promise<Result<never>> {
  const veiled = failures.map((one) =>
    one.code === 'tool-failed' ? { ...one, detail: told.veil.over(one.detail) } : one,
  );
  if (!failures.some(({ code }) => code === 'tool-failed')) return fail(...veiled);
  const found = await diagnose(setting, call);
  const errors = found.ok
    ? found.value.filter(
        ({ severity, summary, detail }) =>
          severity === 'error' && !/\b(terraform|tofu) init\b/.test(`${summary} ${detail}`),
      )
    : [];
  return errors.length === 0
    ? fail(...veiled)
    : lookFailures(told, { code: 1, diagnostics: errors, text: '' });
}

const marker = ({ data }: Setting): string => join(data, 'initialised');

/**
 * Does something in an initialised place. What was initialised once stays so: Terraform itself says when sources, backend or
 * lock file ask for it again, and is believed once.
 */
export async function whenReady<T>(
  site: Site,
  call: Call,
  work: () => Promise<Result<T>>,
  isStale: (answer: Result<T>) => boolean,
): Promise<Result<T>> {
  const wasReady = existsSync(marker(site.setting));
  if (!wasReady) {
    const ready = await initialise(site, call);
    if (!ready.ok) return ready;
  }
  const first = await work();
  if (!wasReady || !isStale(first)) return first;
  const again = await initialise(site, call);
  return again.ok ? work() : again;
}

/** The file of the state where it lies on this machine, and how Terraform is told so where it would look elsewhere. */
export async function stateOf({
  told,
  setting,
}: Site): Promise<{ local: string | null; stateArgs: readonly string[] }> {
  const { order } = told;
  const local = await localState(setting, order);
  return { local, stateArgs: local === null || order.root === order.home ? [] : [`-state=${local}`] };
}
