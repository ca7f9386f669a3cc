import { realpathSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  canonical,
  fail,
  isEmpty,
  ok,
  type Aim,
  type Call,
  type InfraEngine,
  type Json,
  type Outputs,
  type PlanContent,
  type Previewed,
  type ResourceChange,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { addressed, type Addressed } from './ansible-change.ts';
import { contentOf, noteCheck, noteSurprises, outputsOf } from './ansible-content.ts';
import { failuresOf } from './ansible-failure.ts';
import { maskOf, type Mask } from './ansible-mask.ts';
import { ANSIBLE_PLAYBOOK, runPlaybook } from './ansible-run.ts';
import { validatePlaybooks } from './ansible-validate.ts';

/** A run that ended well. */
interface Ran {
  readonly tasks: readonly Addressed[];
  /** Knows also what Ansible decrypted. */
  readonly mask: Mask;
  readonly values: Readonly<Record<string, Json>>;
}

/** What is run for a stack, and where its log lies. */
interface Given {
  readonly home: string;
  readonly order: StackOrder;
  readonly aim: Aim;
  readonly mask: Mask;
}

const at = ({
  stack,
  environment,
}: StackOrder): { readonly stack: string; readonly environment: string } => ({
  stack: stack.name,
  environment,
});

/** The playbook for an aim, relative to the stack's folder. */
function playbookOf(order: StackOrder, aim: Aim): Result<string> {
  const { stack } = order;
  if (aim === 'apply')
    return stack.playbook === null
      ? fail({
          code: 'usage',
          detail: `${stack.file} names no playbook`,
          hint: 'Add `playbook: playbook.yml` to it.',
        })
      : ok(stack.playbook);
  return stack.ansible.destroy === undefined
    ? fail({
        code: 'destroy-refused',
        ...at(order),
        why: 'a playbook says how things are made, and none says how they are taken away',
        next: `Write a playbook that does, and name it in ${stack.file}: \`ansible: { destroy: destroy.yml }\`.`,
      })
    : ok(stack.ansible.destroy);
}

async function writeLog(path: string, lines: readonly string[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 });
}

/** Runs the playbook of an aim to a good end: what failed in it is a failure. */
async function ran(given: Given, how: 'check' | 'apply', call: Call): Promise<Result<Ran>> {
  const { home, order, aim } = given;
  const playbook = playbookOf(order, aim);
  if (!playbook.ok) return playbook;
  const played = await runPlaybook(order, { playbook: playbook.value, how, mask: given.mask }, call);
  if (!played.ok) return played;
  const { told } = played.value;
  const mask = maskOf(order.inputs, told.secrets);
  const root = realpathSync(order.root);
  const tasks = addressed(
    told.tasks.map((one) => ({ ...one, path: one.path?.replace(`${root}/`, '') ?? null })),
    mask,
  );
  const name = `${order.stack.name}-${order.environment}-${new Date().toISOString().replace(/[:.]/g, '-')}`;
  const log = join(home, 'logs', `${name}.log`);
  const failures = failuresOf(played.value, tasks, { order, root, how, mask, log });
  const words = failures.map((one) => ('detail' in one ? one.detail : one.code));
  if (how === 'apply' || failures.length > 0)
    await writeLog(log, [...played.value.lines, ...words].map(mask.clean));
  if (failures.length > 0) return fail(...failures);
  for (const play of told.nobody)
    call.emit({
      type: 'note',
      project: order.stack.name,
      text: `the inventory has no host for "${mask.clean(play)}"`,
    });
  return ok({ tasks, mask, values: told.outputs ?? {} });
}

async function check(
  given: Given,
  call: Call,
): Promise<Result<{ readonly content: PlanContent; readonly outputs: Outputs }>> {
  const { order, aim } = given;
  const looked = await ran(given, 'check', call);
  if (!looked.ok) return looked;
  const { tasks, mask, values } = looked.value;
  noteCheck({ tasks, project: order.stack.name, mask }, call);
  const outputs = aim === 'destroy' ? new Map() : outputsOf(values, mask);
  return ok({ content: contentOf(tasks, values, aim, mask), outputs });
}

const text = (value: PlanContent | ResourceChange): string => canonical(value as unknown as Json);

/** What has moved between two plans of the same sources, in words. */
function movedOf(before: PlanContent, now: PlanContent): readonly string[] {
  if (text(before) === text(now)) return [];
  const old = new Set(before.changes.map(text));
  const addresses = new Set(now.changes.map(({ address }) => address));
  const words = [
    ...now.changes
      .filter((change) => !old.has(text(change)))
      .map(({ action, address }) => `would now ${action} ${address}`),
    ...before.changes
      .filter(({ address }) => !addresses.has(address))
      .map(({ action, address }) => `would not ${action} ${address} any more`),
  ];
  return words.length > 0 ? words : ['its outputs would be others'];
}

async function apply(given: Given, content: PlanContent, call: Call): Promise<Result<Outputs>> {
  const { order, aim } = given;
  // What it has to say was said when the plan was made.
  const now = await check(given, { ...call, emit: () => undefined });
  if (!now.ok) return now;
  const moved = movedOf(content, now.value.content);
  if (moved.length > 0) return fail({ code: 'plan-outdated', ...at(order), moved });
  // A plan without a change is carried out by doing nothing.
  if (isEmpty(content)) return ok(now.value.outputs);
  const done = await ran(given, 'apply', call);
  if (!done.ok) return done;
  const { tasks, mask, values } = done.value;
  noteSurprises({ tasks, project: order.stack.name, mask }, content, call);
  return ok(aim === 'destroy' ? new Map() : outputsOf(values, mask));
}

async function preview(given: Given, call: Call): Promise<Result<Previewed>> {
  const checked = await check(given, call);
  if (!checked.ok) return checked;
  const { content, outputs } = checked.value;
  return ok({
    content,
    outputs,
    apply: (applying) => apply(given, content, applying),
    // Each run has a folder of its own, which is gone with it.
    discard: async () => undefined,
  });
}

/**
 * Ansible playbooks: check mode with differences is the plan. It keeps no state, so what a playbook does not mention any more
 * stays unless a task says `state: absent`.
 */
export function createAnsible({ home }: Parts): InfraEngine {
  const given = (order: StackOrder, aim: Aim): Given => ({ home, order, aim, mask: maskOf(order.inputs) });
  return {
    name: 'ansible',
    tools: () => [ANSIBLE_PLAYBOOK],
    validate: validatePlaybooks,
    preview: (order, aim, call) => preview(given(order, aim), call),
    async drift(order, call) {
      const checked = await check(given(order, 'apply'), call);
      return checked.ok ? ok(checked.value.content) : checked;
    },
    async outputs(order, call) {
      const checked = await check(given(order, 'apply'), call);
      if (!checked.ok) return checked;
      return ok(isEmpty(checked.value.content) ? checked.value.outputs : null);
    },
  };
}
