// Commands over releases: loaded when one of them is called, as they bring schemas along.
export * from './commands/channel.ts';
export * from './commands/check.ts';
export * from './commands/gc.ts';
export * from './commands/lineage.ts';
export * from './commands/publish.ts';
export * from './commands/release.ts';
export * from './commands/revoke.ts';
export type { ReleaseWorld } from './release/observe.ts';
