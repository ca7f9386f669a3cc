// What plans and applies of stacks need: the ledger's records of them with their schema, and every decision about them.
export * from './ledger/stack.ts';
export * from './stack/inputs.ts';
export * from './stack/preview.ts';
