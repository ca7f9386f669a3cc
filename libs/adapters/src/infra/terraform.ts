import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fail,
  ok,
  type Aim,
  type Call,
  type InfraEngine,
  type Outputs,
  type Previewed,
  type Result,
  type StackOrder,
  type Tool,
} from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { diagnosticText } from '../terraform/says.ts';
import { OPENTOFU, say, TERRAFORM, terraformCommand, wantsInit, type Said } from '../terraform/tool.ts';
import { validate } from '../terraform/validate.ts';
import { applyPlan, isOurs } from './terraform-apply.ts';
import { lookFailures, undeclared } from './terraform-failure.ts';
import { closeSite, openSite, stateOf, whenReady, type Site } from './terraform-place.ts';
import { deferred, reduce, sensitiveTexts, type PlanJson } from './terraform-plan.ts';
import { exposed, rootVariables } from './terraform-variable.ts';
import { plannedOn, printed, stateOutputs } from './terraform-state.ts';
import { inputValues, secretTexts, veilOf } from '../terraform/veil.ts';

/** Files of values, the last of which counts; what we give comes last. */
async function valueFiles({ told, setting, scratch }: Site): Promise<readonly string[]> {
  const { inputs, stack } = told.order;
  const declared = (stack.terraform.var_files ?? []).map((path) => join(setting.cwd, path));
  const own = join(scratch, 'inputs.tfvars.json');
  await writeFile(own, JSON.stringify(inputValues(inputs)), { mode: 0o600 });
  return [...declared, own].map((path) => `-var-file=${path}`);
}

/** Says the warnings that are about the stack, each once. */
function warn({ told }: Site, { diagnostics }: Said, call: Call): void {
  const texts = diagnostics
    .filter((diagnostic) => diagnostic.severity === 'warning' && !isOurs({ diagnostic }))
    .map((one) => told.veil.over(diagnosticText(one)));
  for (const text of new Set(texts)) call.emit({ type: 'note', project: told.order.stack.name, text });
}

async function plan(site: Site, aim: Aim, call: Call): Promise<Result<Previewed>> {
  const { told, setting, scratch } = site;
  const { order } = told;
  const file = join(scratch, 'plan');
  const values = await valueFiles(site);
  const command = async (): Promise<Result<Said>> => {
    const { stateArgs } = await stateOf(site);
    const destroy = aim === 'destroy' ? ['-destroy'] : [];
    // A preview writes nothing, so it needs no lock and waits for none.
    const how = ['-json', '-input=false', '-lock=false', '-detailed-exitcode', `-out=${file}`];
    return say(setting, ['plan', ...how, ...destroy, ...stateArgs, ...values], call);
  };
  const said = await whenReady(site, call, command, (answer) => answer.ok && wantsInit(answer.value));
  if (!said.ok) return said;
  if (said.value.code !== 0 && said.value.code !== 2) return lookFailures(told, said.value);
  const shown = await printed(terraformCommand(setting, ['show', '-json', file]), call);
  if (!shown.ok) return shown;
  const planned = JSON.parse(shown.value) as PlanJson;
  const variables = rootVariables(planned);
  const unknown = [...order.inputs.keys()].filter((name) => !Object.hasOwn(variables, name));
  const wrong = [...undeclared(told, unknown), ...exposed(told, planned)];
  if (wrong.length > 0) return fail(...wrong);
  warn(site, said.value, call);
  const open = deferred(planned);
  if (open !== null)
    return fail({
      code: 'plan-deferred',
      stack: order.stack.name,
      environment: order.environment,
      why: open,
    });
  return previewed(site, aim, { file, planned }, call);
}

async function previewed(
  site: Site,
  aim: Aim,
  { file, planned }: { readonly file: string; readonly planned: PlanJson },
  call: Call,
): Promise<Result<Previewed>> {
  const { told, setting, scratch, home } = site;
  const { local, stateArgs } = await stateOf(site);
  const state = await plannedOn(file, setting, local, call);
  if (!state.ok) return state;
  const secrets = [...secretTexts(told.order.inputs), ...sensitiveTexts(planned)];
  const veil = veilOf(secrets);
  const reduced = reduce(planned, state.value, veil);
  if (!reduced.ok) return reduced;
  const { content, outputs } = reduced.value;
  const carried = {
    told: { ...told, veil },
    setting,
    aim,
    scratch,
    plan: file,
    local,
    stateArgs,
    home,
    secrets,
  };
  return ok({
    content,
    outputs,
    apply: (applying) => applyPlan(carried, applying),
    discard: () => closeSite(site),
  });
}

/** Previews an order; the place is kept for the apply, and goes at once where it failed. */
async function preview(
  home: string,
  tool: Tool,
  order: StackOrder,
  { aim, call }: { aim: Aim; call: Call },
): Promise<Result<Previewed>> {
  const site = await openSite(home, tool, order, call);
  if (!site.ok) return site;
  const made = await plan(site.value, aim, call);
  if (!made.ok) await closeSite(site.value);
  return made;
}

const saysInit = (answer: Result<unknown>): boolean =>
  !answer.ok &&
  answer.failures.some((one) => one.code === 'tool-failed' && /\b(terraform|tofu) init\b/.test(one.detail));

async function outputs(
  home: string,
  tool: Tool,
  order: StackOrder,
  call: Call,
): Promise<Result<Outputs | null>> {
  const opened = await openSite(home, tool, order, call);
  if (!opened.ok) return opened;
  const site = opened.value;
  const read = async (): Promise<Result<Outputs | null>> =>
    stateOutputs(
      { setting: site.setting, local: (await stateOf(site)).local, secrets: secretTexts(order.inputs) },
      call,
    );
  try {
    return await whenReady(site, call, read, saysInit);
  } finally {
    await closeSite(site);
  }
}

const engine = (name: string, tool: Tool, { home }: Parts): InfraEngine => ({
  name,
  tools: () => [tool],
  validate: ({ root, stack }, call) =>
    validate({ tool, home, within: { root, folder: stack.root }, file: stack.file }, call),
  preview: (order, aim, call) => preview(home, tool, order, { aim, call }),
  async drift(order, call) {
    const made = await preview(home, tool, order, { aim: 'apply', call });
    if (!made.ok) return made;
    await made.value.discard();
    return ok(made.value.content);
  },
  outputs: (order, call) => outputs(home, tool, order, call),
});

/** Terraform: its own plans, states and locks. */
export const createTerraform = (parts: Parts): InfraEngine => engine('terraform', TERRAFORM, parts);

/** OpenTofu, which has the command line of Terraform. */
export const createOpentofu = (parts: Parts): InfraEngine => engine('opentofu', OPENTOFU, parts);
