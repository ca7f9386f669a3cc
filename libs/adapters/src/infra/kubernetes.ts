import {
  fail,
  ok,
  type Aim,
  type Call,
  type Failure,
  type Finding,
  type InfraEngine,
  type Input,
  type PlanContent,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { carryOut } from './kubernetes-apply.ts';
import { connect } from './kubernetes-client.ts';
import { duplicates } from './kubernetes-documents.ts';
import { readInventory } from './kubernetes-inventory.ts';
import { look, sources } from './kubernetes-look.ts';
import { plan, type Plan } from './kubernetes-plan.ts';
import { heldTexts, redacted, secretTexts } from './kubernetes-secrets.ts';
import { declaredObjects, toolsOf } from './kubernetes-sources.ts';

/** For specs. */
export interface KubernetesOptions {
  /** Milliseconds between two looks at what a cluster does by itself. */
  readonly interval?: number;
}

function finding(failure: Failure): Finding | null {
  const rule = 'kubernetes manifest';
  if (failure.code === 'declaration-invalid') {
    const { file, line, column } = failure.at;
    return {
      file,
      line,
      column,
      message: `found ${failure.found}, expected ${failure.expected}`,
      rule,
      level: 'error',
    };
  }
  if (failure.code === 'source-unparsable') {
    const { file, line, column } = failure.at;
    return { file, line, column, message: failure.detail, rule: 'kubernetes syntax', level: 'error' };
  }
  if (failure.code !== 'reference-missing') return null;
  const { file, line, column } = failure.at;
  return { file, line, column, message: `there is no ${failure.name}`, rule, level: 'error' };
}

/** What is wrong with the sources as findings; what is wrong with anything else stays a failure. */
function asFindings(failures: readonly Failure[]): Result<readonly Finding[]> {
  const others = failures.filter((failure) => finding(failure) === null);
  if (others.length > 0) return { ok: false, failures: others };
  return ok(failures.flatMap((failure) => finding(failure) ?? []));
}

/** With a text for each variable that the stack declares and whose value is not known here: manifests are checked without any. */
function withNames(order: StackOrder): StackOrder {
  const { images, inputs, variables } = order.stack;
  const names = [...images, ...inputs].map(({ variable }) => variable);
  const texts = [...names, ...Object.keys(variables)].map((name): [string, Input] => [
    name,
    { value: name.toLowerCase().replaceAll('_', '-'), from: 'its name' },
  ]);
  return { ...order, inputs: new Map([...texts, ...order.inputs]) };
}

async function validated(order: StackOrder, call: Call): Promise<Result<readonly Finding[]>> {
  const read = await declaredObjects(withNames(order), call);
  if (!read.ok) return asFindings(read.failures);
  return asFindings(duplicates(read.value, order.stack.kubernetes.namespace ?? 'default'));
}

async function planned(order: StackOrder, aim: Aim, call: Call): Promise<Result<Plan>> {
  const manifests = await sources(order, aim, call);
  if (!manifests.ok) return fail(...manifests.failures.map(redacted(secretTexts(order))));
  const world = await look(order, manifests.value, call);
  const made = world.ok ? await plan(order, manifests.value, world.value, call) : world;
  if (made.ok) return ok({ ...made.value, aim });
  return fail(...made.failures.map(redacted([...secretTexts(order), ...heldTexts(manifests.value)])));
}

/**
 * Objects of Kubernetes by its own server-side apply, tried by its dry run. What a stack owns stands in a ConfigMap beside it
 * (`goldenthread-<stack>-<environment>-…`) and in the labels of the objects; nothing else is ever deleted. It has no outputs.
 */
export function createKubernetes(_parts: Parts, { interval = 1000 }: KubernetesOptions = {}): InfraEngine {
  return {
    name: 'kubernetes',
    tools: toolsOf,
    validate: validated,
    async preview(order, aim, call) {
      const made = await planned(order, aim, call);
      if (!made.ok) return made;
      return ok({
        content: made.value.content,
        outputs: new Map(),
        apply: (applying: Call) => carryOut(order, made.value, interval, applying),
        // Nothing of it is kept on this machine.
        discard: async () => undefined,
      });
    },
    async drift(order, call): Promise<Result<PlanContent>> {
      const made = await planned(order, 'apply', call);
      return made.ok ? ok(made.value.content) : made;
    },
    async outputs(order, call) {
      const kube = await connect(order);
      if (!kube.ok) return kube;
      const namespace = order.stack.kubernetes.namespace ?? kube.value.namespace;
      const inventory = await readInventory(kube.value, order, namespace, call);
      return inventory.ok ? ok(inventory.value === null ? null : new Map()) : inventory;
    },
  };
}
