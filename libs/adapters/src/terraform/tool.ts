import { howToGet, type Call, type Result, type Tool } from '@goldenthread/core';
import { environment, run, which, type Command } from '../host.ts';
import { listen, type Diagnostic } from './says.ts';

/** The program of the engine `terraform`. */
export const TERRAFORM: Tool = {
  name: 'terraform',
  purpose: 'checking, planning and applying stacks of Terraform',
  version: ['version'],
  install: 'Install Terraform (https://developer.hashicorp.com/terraform/install).',
};

/** The program of the engine `opentofu`. */
export const OPENTOFU: Tool = {
  name: 'tofu',
  purpose: 'checking, planning and applying stacks of OpenTofu',
  version: ['version'],
  install: 'Install OpenTofu (https://opentofu.org/docs/intro/install).',
};

/** Whichever of the two is here, for what both read alike. */
export const EITHER: Tool =
  which(TERRAFORM.name) === null && which(OPENTOFU.name) !== null ? OPENTOFU : TERRAFORM;

/** Where Terraform works, and what it is told beside its arguments. */
export interface Setting {
  readonly tool: Tool;
  /** Absolute: the folder of the stack's files. */
  readonly cwd: string;
  /** Absolute: where it keeps modules, providers and the settings of the backend. */
  readonly data: string;
  /** Null for what has no state. */
  readonly workspace: string | null;
}

/** Our environment for Terraform: what would change its arguments, its words or its state is left out; variables (`TF_VAR_…`) and credentials are not. */
export function terraformEnvironment({
  data,
  workspace,
}: Pick<Setting, 'data' | 'workspace'>): Record<string, string | undefined> {
  const foreign = Object.keys(process.env).filter((key) => /^TF_(LOG|CLI_ARGS)/.test(key));
  return environment({
    ...Object.fromEntries(foreign.map((key) => [key, undefined])),
    TF_DATA_DIR: data,
    TF_WORKSPACE: workspace ?? undefined,
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    // Terraform asks its maker for news unless it is told not to.
    CHECKPOINT_DISABLE: '1',
  });
}

/** A command of Terraform in its setting. */
export const terraformCommand = (setting: Setting, args: readonly string[]): Command => ({
  argv: [setting.tool.name, ...args],
  cwd: setting.cwd,
  env: terraformEnvironment(setting),
  purpose: setting.tool.purpose,
  install: howToGet(setting.tool),
});

/** How a command that speaks JSON, line by line, ended. */
export interface Said {
  readonly code: number;
  readonly diagnostics: readonly Diagnostic[];
  /** The end of what it said otherwise. */
  readonly text: string;
}

/** Runs a command with `-json` to its end; any exit code is an answer. */
export async function say(setting: Setting, args: readonly string[], call: Call): Promise<Result<Said>> {
  const heard = listen();
  const done = await run({ ...terraformCommand(setting, args), onLine: heard.line }, call);
  if (!done.ok) return done;
  return { ok: true, value: { code: done.value.code, diagnostics: heard.diagnostics, text: heard.rest() } };
}

/** Whether it says that the folder has to be initialised, or initialised again. */
export const wantsInit = ({ code, diagnostics }: Said): boolean =>
  code !== 0 &&
  diagnostics.some(
    ({ severity, summary, detail }) =>
      severity === 'error' && /\b(terraform|tofu) init\b/.test(`${summary} ${detail}`),
  );
