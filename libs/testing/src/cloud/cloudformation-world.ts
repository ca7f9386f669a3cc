import { randomUUID } from 'node:crypto';
import type { Json } from '@goldenthread/core';
import { AwsRefusal, type Xml } from './aws-wire.ts';

/** A resource of a stack. */
export interface FakeResource {
  readonly type: string;
  readonly physical: string;
  /** As it was made. */
  readonly properties: Json;
  /** As it was made, with what is hidden masked. */
  readonly shown: Json;
  /** As it is; null where somebody took it away. */
  live: Json;
}

/** What happened to a stack or in it. */
export interface FakeEvent {
  readonly id: string;
  readonly token: string;
  readonly resource: string;
  readonly physical: string;
  readonly type: string;
  readonly status: string;
  readonly reason: string | undefined;
  readonly time: string;
}

/** A stack. */
export interface FakeStack {
  readonly id: string;
  readonly name: string;
  status: string;
  readonly created: string;
  updated: string | null;
  template: string;
  parameters: ReadonlyMap<string, string>;
  tags: ReadonlyMap<string, string>;
  outputs: ReadonlyMap<string, string>;
  resources: Map<string, FakeResource>;
  readonly events: FakeEvent[];
  isProtected: boolean;
  changeSet: string | undefined;
  drift: string;
  /** What is still to be done, one step at each look. */
  work: (() => void)[];
  /** Takes back what the present operation has done. */
  undo: (() => void) | null;
}

/** One difference that a change set would make. */
export interface FakeChange {
  readonly resource: string;
  readonly type: string;
  readonly action: 'Add' | 'Modify' | 'Remove';
  readonly replacement: 'True' | 'False' | 'Conditional';
  /** As the API writes it. */
  readonly xml: Readonly<Record<string, Xml>>;
  /** The change set of a nested stack. */
  readonly nested: string | null;
}

/** What a change set would make of a stack. */
export interface FakeWanted {
  readonly template: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** Null: as they are. */
  readonly tags: ReadonlyMap<string, string> | null;
  readonly revert: boolean;
  readonly isNesting: boolean;
}

/** A change set. */
export interface FakeChangeSet {
  readonly id: string;
  readonly name: string;
  readonly stack: string;
  /** Tells a request that is sent again from another one. */
  readonly token: string;
  readonly wanted: FakeWanted;
  readonly changes: readonly FakeChange[];
  /** Why it fails in the end; null where it does not. */
  readonly fails: string | null;
  execution: string;
  /** How often it is looked at until it is ready. */
  looks: number;
}

/** All that the small CloudFormation has. */
export interface CfnWorld {
  /** By id. */
  readonly stacks: Map<string, FakeStack>;
  /** By id. */
  readonly changeSets: Map<string, FakeChangeSet>;
  /** Looks for drift by id: the stack, and how often they are looked at until they are done. */
  readonly looking: Map<string, { readonly stack: string; looks: number }>;
  /** Resources of which the next change fails, with the reason. */
  readonly failing: Map<string, string>;
  /** Templates of nested stacks, by URL. */
  readonly templates: Map<string, string>;
  /** How often something is looked at until it is done. */
  looks: number;
  /** How many things an answer has at most. */
  page: number;
  seconds: number;
}

/** A world with nothing in it. */
export const cfnWorld = (): CfnWorld => ({
  stacks: new Map(),
  changeSets: new Map(),
  looking: new Map(),
  failing: new Map(),
  templates: new Map(),
  looks: 2,
  page: 100,
  seconds: 0,
});

/** The next second: no two things happen at the same. */
export function tick(world: CfnWorld): string {
  world.seconds += 1;
  return new Date(Date.UTC(2026, 0, 1) + world.seconds * 1000).toISOString();
}

const ACCOUNT = '111122223333';

/** An id such as the cloud makes them. */
export const arn = (kind: 'stack' | 'changeSet', name: string): string =>
  `arn:aws:cloudformation:eu-west-1:${ACCOUNT}:${kind}/${name}/${randomUUID()}`;

/** The stack with this name or id; null where there is none. A deleted one is only found by its id. */
export function findStack(world: CfnWorld, name: string): FakeStack | null {
  const known = world.stacks.get(name);
  if (known) return known;
  return (
    [...world.stacks.values()].find((one) => one.name === name && one.status !== 'DELETE_COMPLETE') ?? null
  );
}

/** The stack with this name or id. */
export function stackIn(world: CfnWorld, name: string): FakeStack {
  const found = findStack(world, name);
  if (!found) throw new AwsRefusal('ValidationError', `Stack with id ${name} does not exist`);
  return found;
}

/** Makes a stack that has nothing in it yet. */
export function addStack(world: CfnWorld, name: string, status: string): FakeStack {
  const stack: FakeStack = {
    id: arn('stack', name),
    name,
    status,
    created: tick(world),
    updated: null,
    template: '',
    parameters: new Map(),
    tags: new Map(),
    outputs: new Map(),
    resources: new Map(),
    events: [],
    isProtected: false,
    changeSet: undefined,
    drift: 'NOT_CHECKED',
    work: [],
    undo: null,
  };
  world.stacks.set(stack.id, stack);
  return stack;
}

/** Writes down what happened, to the stack itself where no resource is named. */
export function record(
  world: CfnWorld,
  stack: FakeStack,
  token: string,
  event: Pick<FakeEvent, 'status'> & Partial<FakeEvent>,
): void {
  stack.events.push({
    id: randomUUID(),
    token,
    resource: stack.name,
    physical: stack.id,
    type: 'AWS::CloudFormation::Stack',
    reason: undefined,
    time: tick(world),
    ...event,
  });
}
