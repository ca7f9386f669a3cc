import type { Suite } from '../artifact.ts';
import type { Stack } from '../declaration/used-stack.ts';
import type { Finding } from '../lint.ts';
import type { Call, Tool } from '../ports.ts';
import type { Result } from '../result.ts';
import type { Aim, Inputs, Outputs, PlanContent, Preview } from './plan.ts';

/** A stack in one environment, with everything decided that an engine needs to know. */
export interface StackOrder {
  /** As it is in this environment (see `stackIn`). */
  readonly stack: Stack;
  readonly environment: string;
  /** Absolute: the root of the tree in which the stack's files lie. Usually `home`; the tree of an older commit otherwise. */
  readonly root: string;
  /** Absolute: the root of the work tree, beside whose files a state may lie that git does not keep. */
  readonly home: string;
  readonly inputs: Inputs;
}

/** A plan that can be carried out in this process, exactly as it was made. */
export interface Previewed {
  readonly content: PlanContent;
  /** Outputs as they would be, as far as they are known: for the stacks that are planned after it. */
  readonly outputs: Outputs;
  /** Does just this. Fails with `plan-outdated` where the world has moved since, `state-locked` where somebody else is at it. */
  apply(call: Call): Promise<Result<Outputs>>;
  /** Removes what it keeps on this machine. Called once, whether or not it was applied. */
  discard(): Promise<void>;
}

/** Manages infrastructure: says what it would do, does it, and sees what is there. */
export interface InfraEngine {
  readonly name: string;
  /** What it needs for this stack. */
  tools(stack: Stack): readonly Tool[];
  /** What is wrong with the sources, seen without touching any infrastructure. */
  validate(order: StackOrder, call: Call): Promise<Result<readonly Finding[]>>;
  /** What would be done; changes nothing. */
  preview(order: StackOrder, aim: Aim, call: Call): Promise<Result<Previewed>>;
  /** What would have to be done to get back to what the order says, as far as the engine can see that. Changes nothing. */
  drift(order: StackOrder, call: Call): Promise<Result<PlanContent>>;
  /** The outputs as they are now; null where it was never applied. */
  outputs(order: StackOrder, call: Call): Promise<Result<Outputs | null>>;
}

/** Runs the tests that stand beside a stack. Failed tests are a suite with failed cases, not a failure. */
export interface StackTester {
  readonly name: string;
  readonly tools: readonly Tool[];
  /** The files of a stack that are its tests; none: it has nothing to do. */
  tests(files: readonly string[], stack: Stack): readonly string[];
  test(order: StackOrder, call: Call): Promise<Result<Suite>>;
}

/** What a rule of policy says against a plan. */
export interface PolicyFinding {
  /** The address of a resource; null where it is about the whole plan. */
  readonly resource: string | null;
  readonly message: string;
}

/** A rule of a user's own, as its module exports it under the name `rule`. */
export type Rule = (plan: Preview) => readonly PolicyFinding[] | Promise<readonly PolicyFinding[]>;

/** Judges plans by rules that lie in files. */
export interface PolicyChecker {
  readonly name: string;
  /** Programs of which one is enough. */
  readonly tools: readonly Tool[];
  /** `path` is relative to the workspace root. */
  check(path: string, plan: Preview, call: Call): Promise<Result<readonly PolicyFinding[]>>;
}
