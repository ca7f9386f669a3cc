export * from './commands/bake.ts';
export * from './commands/doctor.ts';
export * from './commands/lint.ts';
export * from './commands/verify.ts';
export * from './commands/why.ts';
export * from './ingredients.ts';
export * from './load.ts';
