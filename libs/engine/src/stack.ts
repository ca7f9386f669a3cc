// Commands over stacks: loaded when one of them is called, as they bring the ledger's schemas along.
export * from './commands/apply.ts';
export * from './commands/destroy.ts';
export * from './commands/drift.ts';
export * from './commands/impact.ts';
export * from './commands/plan.ts';
export * from './commands/test-stack.ts';
export * from './commands/validate.ts';
export type { Approval, Approvals } from './stack/approval.ts';
export type { ApplyOptions } from './stack/carry-out.ts';
export type { DriftPolicy } from './stack/repair.ts';
export type { Selection } from './stack/selection.ts';
export type { StackWorld } from './stack/world.ts';
