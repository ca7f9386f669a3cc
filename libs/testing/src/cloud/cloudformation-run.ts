import { randomUUID } from 'node:crypto';
import type { Json } from '@goldenthread/core';
import { evaluate, parseTemplate, type FakeTemplate } from './cloudformation-template.ts';
import { changesOf, scopeOf } from './cloudformation-plan.ts';
import {
  addStack,
  findStack,
  record,
  tick,
  type CfnWorld,
  type FakeChange,
  type FakeEvent,
  type FakeStack,
  type FakeWanted,
} from './cloudformation-world.ts';

const NONE = { fresh: new Set<string>() };

const physicalOf = (stack: FakeStack, resource: string): string =>
  `${stack.name}-${resource}-${randomUUID().slice(0, 8)}`;

const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

function finishOutputs(stack: FakeStack, template: FakeTemplate): void {
  const scope = scopeOf(stack, template, stack.parameters, { ...NONE, hide: false });
  stack.outputs = new Map(
    Array.from(template.outputs, ([name, value]) => [name, textOf(evaluate(value, scope))]),
  );
}

/** What a nested stack is given, by its resource's properties. */
function innerOf(world: CfnWorld, wanted: FakeWanted, properties: Json): FakeWanted | null {
  const { TemplateURL: url = '', Parameters: given = {} } = properties as {
    readonly TemplateURL?: string;
    readonly Parameters?: Readonly<Record<string, string>>;
  };
  const template = world.templates.get(url);
  return template === undefined ? null : { ...wanted, template, parameters: new Map(Object.entries(given)) };
}

interface Running {
  readonly world: CfnWorld;
  readonly stack: FakeStack;
  readonly template: FakeTemplate;
  readonly wanted: FakeWanted;
  readonly token: string;
}

/** Makes or changes one resource; a nested stack at once with all that is in it. */
function make(running: Running, change: FakeChange): void {
  const { world, stack, template, wanted, token } = running;
  const declared = template.resources.get(change.resource);
  if (!declared) return;
  const scope = (hide: boolean) => scopeOf(stack, template, wanted.parameters, { ...NONE, hide });
  const properties = evaluate(declared.properties, scope(false));
  const there = stack.resources.get(change.resource);
  const inner = declared.type === 'AWS::CloudFormation::Stack' ? innerOf(world, wanted, properties) : null;
  let physical =
    there && change.action === 'Modify' && change.replacement === 'False'
      ? there.physical
      : physicalOf(stack, change.resource);
  if (inner) {
    const child =
      findStack(world, there?.physical ?? '') ??
      addStack(world, physicalOf(stack, change.resource), 'CREATE_COMPLETE');
    physical = child.id;
    for (const step of stepsOf({ ...running, stack: child, wanted: inner })) step();
  }
  stack.resources.set(change.resource, {
    type: declared.type,
    physical,
    properties,
    shown: evaluate(declared.properties, scope(true)),
    live: properties,
  });
  const verb = change.action === 'Add' ? 'CREATE' : 'UPDATE';
  record(world, stack, token, {
    status: `${verb}_COMPLETE`,
    resource: change.resource,
    physical,
    type: declared.type,
  });
}

/** The steps that make of a stack what is wanted: resources one by one, then what is not wanted any more. */
function stepsOf(running: Running): (() => void)[] {
  const { world, stack, wanted, token } = running;
  const template = parseTemplate(wanted.template) ?? running.template;
  const own = { ...running, template };
  const changes = changesOf(world, stack, wanted);
  const made = changes.filter(({ action }) => action !== 'Remove');
  const removed = changes.filter(({ action }) => action === 'Remove');
  return [
    ...made.map((change) => (): void => {
      const why = world.failing.get(change.resource);
      if (why !== undefined) throw new Failed(change, why);
      make(own, change);
    }),
    ...removed.map(({ resource, type }) => (): void => {
      const physical = stack.resources.get(resource)?.physical ?? '';
      stack.resources.delete(resource);
      record(world, stack, token, { status: 'DELETE_COMPLETE', resource, physical, type });
    }),
    (): void => {
      stack.template = wanted.template;
      stack.parameters = wanted.parameters;
      stack.tags = wanted.tags ?? stack.tags;
      finishOutputs(stack, template);
    },
  ];
}

class Failed extends Error {
  readonly change: FakeChange;
  constructor(change: FakeChange, why: string) {
    super(why);
    this.change = change;
  }
}

/** Looks at a stack once: one step of what is to be done is done. */
export function advance(world: CfnWorld, stack: FakeStack): void {
  const step = stack.work.shift();
  if (!step) return;
  try {
    step();
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    const { change, message: reason } = error;
    const token = stack.events.at(-1)?.token ?? '';
    const status = change.action === 'Add' ? 'CREATE_FAILED' : 'UPDATE_FAILED';
    record(world, stack, token, {
      status,
      resource: change.resource,
      type: change.type,
      physical: '',
      reason,
    });
    const other = 'Resource creation cancelled';
    record(world, stack, token, {
      status: 'CREATE_FAILED',
      resource: 'Bystander',
      type: change.type,
      physical: '',
      reason: other,
    });
    rollBack(world, stack, token, `The following resource(s) failed: [${change.resource}].`);
  }
}

function become(
  world: CfnWorld,
  stack: FakeStack,
  token: string,
  now: Pick<FakeEvent, 'status'> & Partial<FakeEvent>,
): void {
  stack.status = now.status;
  record(world, stack, token, now);
}

/** Takes back what the present operation has done. */
export function rollBack(world: CfnWorld, stack: FakeStack, token: string, reason: string): void {
  const prefix = stack.status.startsWith('CREATE') ? '' : 'UPDATE_';
  become(world, stack, token, { status: `${prefix}ROLLBACK_IN_PROGRESS`, reason });
  stack.work = [
    () => {
      stack.undo?.();
      become(world, stack, token, { status: `${prefix}ROLLBACK_COMPLETE` });
    },
  ];
}

function snapshot(stack: FakeStack): () => void {
  const { template, parameters, tags, outputs } = stack;
  const resources = new Map(Array.from(stack.resources, ([name, one]) => [name, { ...one }]));
  return () => void Object.assign(stack, { template, parameters, tags, outputs, resources });
}

/** Begins to make of a stack what is wanted. */
export function begin(world: CfnWorld, stack: FakeStack, wanted: FakeWanted, token: string): void {
  const verb = stack.status === 'REVIEW_IN_PROGRESS' ? 'CREATE' : 'UPDATE';
  const template = parseTemplate(wanted.template);
  if (!template) return;
  stack.undo = snapshot(stack);
  become(world, stack, token, { status: `${verb}_IN_PROGRESS`, reason: 'User Initiated' });
  stack.updated = tick(world);
  stack.work = [
    ...stepsOf({ world, stack, template, wanted, token }),
    () =>
      become(world, stack, token, {
        status: `${verb}_COMPLETE${verb === 'UPDATE' ? '_CLEANUP_IN_PROGRESS' : ''}`,
      }),
    ...(verb === 'UPDATE' ? [() => become(world, stack, token, { status: 'UPDATE_COMPLETE' })] : []),
  ];
}

/** Begins to delete a stack. */
export function beginDelete(world: CfnWorld, stack: FakeStack, token: string): void {
  if (stack.status === 'REVIEW_IN_PROGRESS') return void (stack.status = 'DELETE_COMPLETE');
  become(world, stack, token, { status: 'DELETE_IN_PROGRESS', reason: 'User Initiated' });
  stack.updated = tick(world);
  const kept: string[] = [];
  stack.work = [
    ...Array.from(stack.resources, ([resource, { type, physical }]) => () => {
      const reason = world.failing.get(resource);
      if (reason !== undefined) {
        kept.push(resource);
        return record(world, stack, token, { status: 'DELETE_FAILED', resource, type, physical, reason });
      }
      stack.resources.delete(resource);
      record(world, stack, token, { status: 'DELETE_COMPLETE', resource, type, physical });
    }),
    () => become(world, stack, token, { status: kept.length > 0 ? 'DELETE_FAILED' : 'DELETE_COMPLETE' }),
  ];
}
