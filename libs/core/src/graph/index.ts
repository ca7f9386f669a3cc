// What is needed to assemble a graph from facts that are already known: no schema or YAML library is loaded by it.
export * from '../failure.ts';
export * from '../near.ts';
export * from '../paths.ts';
export * from '../position.ts';
export * from '../result.ts';
export * from '../words.ts';
export * from './affected.ts';
export * from './facts.ts';
export * from './find.ts';
export * from './graph.ts';
