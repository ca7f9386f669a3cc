import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, toolMissing, type Call, type Finding, type Result, type Tool } from '@goldenthread/core';
import { run, toolFailure, which } from '../host.ts';
import { diagnosticFindings, type Diagnostic, type Within } from './says.ts';
import { terraformCommand, type Setting } from './tool.ts';

const LOCK_FILE = '.terraform.lock.hcl';
const FLOCK = '/usr/bin/flock';

/** A folder in Goldenthread's own for what Terraform keeps: one for each of these names together. */
export const dataFolder = (home: string, label: string, ...names: readonly string[]): string =>
  join(
    home,
    'terraform',
    `${label}-${createHash('sha256').update(names.join('\0')).digest('hex').slice(0, 16)}`,
  );

/** Arguments that leave a lock file as it is: what it lacks is for its owner to say. */
const lockFile = (cwd: string): readonly string[] =>
  existsSync(join(cwd, LOCK_FILE)) ? ['-lockfile=readonly'] : [];

/** What an init said that people should hear. */
export interface Initialised {
  readonly text: string;
  /** The lock file of providers that it wrote, where there was none. */
  readonly locked: string | null;
}

/** Runs `init`. Two at once in one data folder wait for each other, as they install into the same places. */
export async function init(
  setting: Setting,
  args: readonly string[],
  call: Call,
): Promise<Result<Initialised>> {
  if (which(setting.tool.name) === null) return fail(toolMissing(setting.tool));
  await mkdir(setting.data, { recursive: true, mode: 0o700 });
  const had = existsSync(join(setting.cwd, LOCK_FILE));
  const command = terraformCommand({ ...setting, workspace: null }, [
    'init',
    '-input=false',
    '-no-color',
    ...lockFile(setting.cwd),
    ...args,
  ]);
  const alone = existsSync(FLOCK) ? [FLOCK, '--no-fork', join(setting.data, 'init.lock')] : [];
  const done = await run({ ...command, argv: [...alone, ...command.argv] }, call);
  if (!done.ok) return done;
  if (done.value.code !== 0) return fail(toolFailure(command, done.value));
  const locked = !had && existsSync(join(setting.cwd, LOCK_FILE)) ? LOCK_FILE : null;
  return ok({ text: `${done.value.stdout}\n${done.value.stderr}`, locked });
}

interface Validated {
  readonly diagnostics: readonly Diagnostic[];
}

/** What `validate` says of a folder, as it is initialised now. */
export async function diagnose(setting: Setting, call: Call): Promise<Result<readonly Diagnostic[]>> {
  const command = terraformCommand({ ...setting, workspace: null }, ['validate', '-json', '-no-color']);
  let report = '';
  const done = await run({ ...command, whole: (text) => (report = text) }, call);
  if (!done.ok) return done;
  try {
    return ok((JSON.parse(report.slice(report.indexOf('{'))) as Validated).diagnostics);
  } catch {
    return fail(toolFailure(command, done.value));
  }
}

const needsInit = ({ summary, detail }: Diagnostic): boolean =>
  /\b(terraform|tofu) init\b/.test(`${summary} ${detail}`);

/** Where and for whom a stack is checked. */
export interface Validation {
  readonly tool: Tool;
  readonly home: string;
  readonly within: Within;
  /** What findings without a place are about. */
  readonly file: string;
}

/** Checks the files of a stack without its backend; modules and providers are fetched where it needs some. */
export async function validate(
  { tool, home, within, file }: Validation,
  call: Call,
): Promise<Result<readonly Finding[]>> {
  const cwd = join(within.root, within.folder);
  const data = dataFolder(home, 'check', tool.name, cwd);
  const setting: Setting = { tool, cwd, data, workspace: null };
  const first = await diagnose(setting, call);
  if (!first.ok) return first;
  const findings = (found: readonly Diagnostic[]): Result<readonly Finding[]> =>
    ok(diagnosticFindings(found, within, file, `${tool.name} validate`));
  if (!first.value.some(needsInit)) return findings(first.value);
  const ready = await init(setting, ['-backend=false'], call);
  const wrong = first.value.filter((one) => !needsInit(one));
  // What is wrong besides explains best why it could not be initialised.
  if (!ready.ok) return wrong.length > 0 ? findings(wrong) : ready;
  const again = await diagnose(setting, call);
  return again.ok ? findings(again.value) : again;
}
