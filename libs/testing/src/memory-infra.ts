import {
  canonical,
  difference,
  fail,
  ok,
  Secret,
  sortChanges,
  type Call,
  type InfraEngine,
  type Input,
  type Json,
  type Outputs,
  type PlanContent,
  type Previewed,
  type ResourceChange,
  type Result,
  type Shown,
  type StackOrder,
} from '@goldenthread/core';
import { sha256 } from './memory-sources.ts';

/** A resource that a stack in memory declares, or that is there. A value `$name` is that of an input. */
export interface MemoryResource {
  readonly value: Json;
  readonly type?: string;
  /** Another value makes it another resource. */
  readonly forces?: boolean;
  readonly region?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** What stands in `things.json` beside a stack's declaration. An output is `$input`, `@resource` (its id: unknown before it is there) or a value. */
export interface MemoryStack {
  readonly things?: Readonly<Record<string, MemoryResource>>;
  readonly outputs?: Readonly<Record<string, Json>>;
}

/** What is there of one stack in one environment. */
export interface MemoryState {
  serial: number;
  readonly things: Map<string, MemoryResource & { readonly id: string }>;
  outputs: ReadonlyMap<string, Json | Secret>;
}

/** Infrastructure in memory: what is there, and what steers it. */
export interface MemoryInfra {
  /** By `<stack> <environment>`. */
  readonly states: Map<string, MemoryState>;
  /** What the engine was asked, such as "preview network production". */
  readonly calls: string[];
  /** The text of a file below a root; the world's own files below `root` of the workspace. */
  read: (root: string, path: string) => string | null;
  /** What happens when a resource is made, changed or taken away; it may fail or wait. */
  touch: (address: string, call: Call) => Promise<Result<void>>;
}

/** Infrastructure with nothing in it. */
export const memoryInfra = (read: MemoryInfra['read']): MemoryInfra => ({
  states: new Map(),
  calls: [],
  read,
  touch: async () => ok(undefined),
});

const keyOf = ({ stack, environment }: StackOrder): string => `${stack.name} ${environment}`;

interface Given {
  readonly order: StackOrder;
  readonly declared: MemoryStack;
  readonly state: MemoryState | undefined;
}

const inputOf = ({ order }: Given, value: Json): Input | null =>
  typeof value === 'string' && value.startsWith('$') ? (order.inputs.get(value.slice(1)) ?? null) : null;

/** A declared value as it is: its plain form, and whether it may be shown. */
function resolved(given: Given, value: Json): { readonly plain: Json; readonly sensitive: boolean } {
  const input = inputOf(given, value);
  if (!input) return { plain: value, sensitive: false };
  return input.value instanceof Secret
    ? { plain: input.value.reveal(), sensitive: true }
    : { plain: input.value, sensitive: false };
}

function changeOf(given: Given, name: string, aim: 'apply' | 'destroy'): ResourceChange | null {
  const wanted = aim === 'destroy' ? undefined : given.declared.things?.[name];
  const there = given.state?.things.get(name);
  const resource = wanted ?? there;
  if (!resource) return null;
  const { plain, sensitive } = wanted
    ? resolved(given, wanted.value)
    : { plain: undefined, sensitive: false };
  const hidden = sensitive ? { sensitive: true as const } : {};
  const attributes = difference(
    { value: there ? { value: there.value } : undefined, sensitive: sensitive ? { value: true } : {} },
    {
      value: plain === undefined ? undefined : { value: plain },
      sensitive: hidden.sensitive ? { value: true } : {},
    },
    () => (resource.forces ?? false) && there !== undefined,
  );
  if (wanted && there && attributes.length === 0) return null;
  const replaced = wanted?.forces === true ? 'replace' : 'update';
  const action = !there ? 'create' : !wanted ? 'delete' : replaced;
  return {
    address: name,
    type: resource.type ?? 'thing',
    action,
    attributes: action === 'delete' ? [] : attributes,
    region: resource.region ?? null,
    tags: resource.tags ?? null,
  };
}

function outputsOf(
  given: Given,
  changes: readonly ResourceChange[],
): { shown: Record<string, Shown>; known: Map<string, Json | Secret> } {
  const shown: Record<string, Shown> = {};
  const known = new Map<string, Json | Secret>();
  for (const [name, value] of Object.entries(given.declared.outputs ?? {})) {
    const of = typeof value === 'string' && value.startsWith('@') ? value.slice(1) : null;
    const fresh = changes.some(
      ({ address, action }) => address === of && (action === 'create' || action === 'replace'),
    );
    if (of !== null && fresh) {
      shown[name] = { is: 'unknown' };
      continue;
    }
    const { plain, sensitive } =
      of === null
        ? resolved(given, value)
        : { plain: given.state?.things.get(of)?.id ?? null, sensitive: false };
    shown[name] = sensitive ? { is: 'sensitive' } : { is: 'value', value: plain };
    known.set(name, sensitive ? new Secret(typeof plain === 'string' ? plain : canonical(plain)) : plain);
  }
  return { shown, known };
}

const revealed = (value: Json | Secret | undefined): Json =>
  value instanceof Secret ? value.reveal() : (value ?? null);

/** Which state, and its revision. */
const stateName = ({ order, state }: Pick<Given, 'order' | 'state'>): string | null =>
  state ? `${order.stack.name}/${order.environment} serial ${state.serial}` : null;

function planOf(given: Given, aim: 'apply' | 'destroy'): { content: PlanContent; outputs: Outputs } {
  const names = [
    ...new Set([...Object.keys(given.declared.things ?? {}), ...(given.state?.things.keys() ?? [])]),
  ];
  const changes = names.flatMap((name) => changeOf(given, name, aim) ?? []);
  const { shown, known } =
    aim === 'destroy' ? { shown: {}, known: new Map<string, Json | Secret>() } : outputsOf(given, changes);
  const before = given.state?.outputs ?? new Map<string, Json | Secret>();
  const changedOutputs = [...new Set([...Object.keys(shown), ...before.keys()])].filter(
    (name) =>
      !known.has(name) ||
      !before.has(name) ||
      canonical(revealed(known.get(name))) !== canonical(revealed(before.get(name))),
  );
  const secrets = Object.values(given.declared.things ?? {}).flatMap(({ value }) => {
    const { plain, sensitive } = resolved(given, value);
    return sensitive ? [plain] : [];
  });
  return {
    content: {
      changes: sortChanges(changes),
      outputs: shown,
      changedOutputs: changedOutputs.sort(),
      state: stateName(given),
      values: null,
      secrets: secrets.length > 0 ? sha256(canonical(secrets)) : null,
    },
    outputs: known,
  };
}

async function carryOut(
  infra: MemoryInfra,
  given: Given,
  { content, aim }: { readonly content: PlanContent; readonly aim: 'apply' | 'destroy' },
  call: Call,
): Promise<Result<Outputs>> {
  const { order, declared } = given;
  const at = { stack: order.stack.name, environment: order.environment };
  const found = infra.states.get(keyOf(order));
  if (stateName({ order, state: found }) !== content.state)
    return fail({ code: 'plan-outdated', ...at, moved: ['its state has moved'] });
  const state: MemoryState = found ?? { serial: 0, things: new Map(), outputs: new Map() };
  infra.states.set(keyOf(order), state);
  for (const { address, action } of content.changes) {
    const touched = call.signal.aborted ? fail({ code: 'cancelled' }) : await infra.touch(address, call);
    if (!touched.ok) return touched;
    state.serial += 1;
    const thing = declared.things?.[address];
    if (action === 'delete' || !thing) state.things.delete(address);
    else {
      const id =
        action === 'update' ? (state.things.get(address)?.id ?? '') : `id-of-${address}-${state.serial}`;
      state.things.set(address, { ...thing, value: resolved(given, thing.value).plain, id });
    }
  }
  if (aim === 'destroy') infra.states.delete(keyOf(order));
  const { known } = outputsOf({ ...given, state }, []);
  state.outputs = aim === 'destroy' ? new Map() : known;
  return ok(state.outputs);
}

/** An engine that keeps its infrastructure in memory and reads `things.json` beside a stack's declaration. */
export function memoryEngine(infra: MemoryInfra, name = 'memory'): InfraEngine {
  const given = (order: StackOrder): Given => ({
    order,
    declared: JSON.parse(infra.read(order.root, `${order.stack.root}/things.json`) ?? '{}') as MemoryStack,
    state: infra.states.get(keyOf(order)),
  });
  const said = (verb: string, order: StackOrder): void => void infra.calls.push(`${verb} ${keyOf(order)}`);
  return {
    name,
    tools: () => [],
    async validate(order) {
      said('validate', order);
      const file = `${order.stack.root}/things.json`;
      const text = infra.read(order.root, file) ?? '{}';
      const wrong = {
        file,
        line: 1,
        column: 1,
        message: 'it is no JSON',
        rule: 'memory syntax',
        level: 'error',
      } as const;
      try {
        JSON.parse(text);
        return ok([]);
      } catch {
        return ok([wrong]);
      }
    },
    async preview(order, aim, call) {
      said(aim === 'apply' ? 'preview' : 'preview-destroy', order);
      if (call.signal.aborted) return fail({ code: 'cancelled' });
      const now = given(order);
      const { content, outputs } = planOf(now, aim);
      const previewed: Previewed = {
        content,
        outputs,
        apply: (applying) => {
          said(aim, order);
          return carryOut(infra, now, { content, aim }, applying);
        },
        discard: async () => undefined,
      };
      return ok(previewed);
    },
    async drift(order) {
      said('drift', order);
      return ok(planOf(given(order), 'apply').content);
    },
    outputs: async (order) => ok(infra.states.get(keyOf(order))?.outputs ?? null),
  };
}
