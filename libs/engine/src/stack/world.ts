import {
  ok,
  placeName,
  stackIn,
  type Call,
  type Environment,
  type FactSource,
  type Graph,
  type InfraEngine,
  type LedgerState,
  type Place,
  type Ports,
  type Project,
  type Result,
  type Stack,
  type StackRecord,
  type Workspace,
} from '@goldenthread/core';
import { IMAGE_PATHS, ledgerState } from '@goldenthread/core/release';
import { STACK_PATHS, stackRecords } from '@goldenthread/core/stack';
import { projectNamed } from '../load.ts';

/** One run over the stacks of a workspace. */
export interface StackWorld {
  readonly ports: Ports;
  readonly graph: Graph;
  readonly call: Call;
}

/** What the ledger says, of one revision. */
export interface StackLedger {
  readonly images: LedgerState;
  readonly records: readonly StackRecord[];
}

/** Reads all that the ledger says of images and stacks. */
export async function readLedger({ ports, call }: StackWorld): Promise<Result<StackLedger>> {
  const ledger = await ports.ledger();
  if (!ledger.ok) return ledger;
  const { name } = ledger.value;
  const snapshot = await ledger.value.read([...IMAGE_PATHS, ...STACK_PATHS], call);
  if (!snapshot.ok) return snapshot;
  const images = ledgerState(snapshot.value, name, ports.hash);
  const records = stackRecords(snapshot.value, name, ports.hash);
  if (!images.ok) return images;
  return records.ok ? ok({ images: images.value, records: records.value }) : records;
}

/** The record of what was applied last to a place. */
export const recordOf = ({ records }: StackLedger, { stack, environment }: Place): StackRecord | null =>
  records.find((record) => record.stack === stack && record.environment === environment) ?? null;

/** The records of all other places. */
export const recordsBut = ({ records }: StackLedger, place: Place): readonly StackRecord[] =>
  records.filter(({ stack, environment }) => stack !== place.stack || environment !== place.environment);

/** A place with everything that is declared about it, in the work tree or in an older one. */
export interface Site {
  readonly place: Place;
  readonly project: Project;
  /** As it is in the environment. */
  readonly stack: Stack;
  readonly graph: Graph;
  readonly workspace: Workspace;
}

/** A tree of the workspace that is read: the work tree, or that of an older commit. */
export interface Reading {
  readonly workspace: Workspace;
  readonly facts: FactSource;
  readonly graph: Graph;
}

/** The declared stack of a place; `project-unknown` where there is none. */
export function siteOf(
  { graph, workspace }: Pick<Reading, 'graph' | 'workspace'>,
  place: Place,
): Result<Site> {
  const project = projectNamed(graph, place.stack, 'stack');
  if (!project.ok) return project;
  const { stack } = project.value;
  if (!stack) throw new Error(`${place.stack} is no stack`);
  return ok({ place, project: project.value, stack: stackIn(stack, place.environment), graph, workspace });
}

/** The environment of a name, or `project-unknown`. */
export function environmentNamed(graph: Graph, name: string): Result<Environment> {
  const project = projectNamed(graph, name, 'environment');
  if (!project.ok) return project;
  if (!project.value.environment) throw new Error(`${name} is no environment`);
  return ok(project.value.environment);
}

/** The environment of a name; null where it is declared no more. */
export function environmentOrNull(graph: Graph, name: string): Environment | null {
  const found = environmentNamed(graph, name);
  return found.ok ? found.value : null;
}

/** Begins the work for a place once in a run, however many ask for it. */
export function onceAt<T>(
  started: Map<string, Promise<T>>,
  place: Place,
  work: () => Promise<T>,
): Promise<T> {
  const name = placeName(place);
  const known = started.get(name);
  if (known) return known;
  const begun = work();
  started.set(name, begun);
  return begun;
}

/** The engine of a stack; one of the user's own is named relative to the stack's folder. */
export const engineOf = ({ ports }: StackWorld, { engine, root }: Stack): Promise<Result<InfraEngine>> =>
  ports.infra(engine.startsWith('.') ? `${root}/${engine}` : engine);

/** Holds a stack in an environment for itself, on this machine: engines write working files beside its sources. */
export async function alone<T>(
  { ports, call }: StackWorld,
  place: Place,
  work: () => Promise<Result<T>>,
): Promise<Result<T>> {
  const lock = await ports.locks.hold(`stack ${place.stack} ${place.environment}`, place.stack, call);
  if (!lock.ok) return lock;
  try {
    return await work();
  } finally {
    await lock.value();
  }
}

/** Works when one of the machine's cores is free. */
export async function inSlot<T>(
  { ports, call }: StackWorld,
  { stack }: Place,
  work: () => Promise<Result<T>>,
): Promise<Result<T>> {
  const slot = await ports.locks.slot(stack, call);
  if (!slot.ok) return slot;
  try {
    return await work();
  } finally {
    await slot.value();
  }
}

/** Says that something begins for a place, and how it ended; answers its value and how long it took. */
export async function announced<T>(
  { call }: StackWorld,
  { stack: project, environment }: Place,
  verb: string,
  work: () => Promise<{ readonly value: T; readonly failed: boolean }>,
): Promise<{ readonly value: T; readonly seconds: number }> {
  const step = `${verb} in ${environment}`;
  const started = performance.now();
  call.emit({ type: 'step', project, step, state: 'started' });
  const { value, failed } = await work();
  const seconds = (performance.now() - started) / 1000;
  call.emit({ type: 'step', project, step, state: failed ? 'failed' : 'done', seconds });
  return { value, seconds };
}
