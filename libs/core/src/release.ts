// What releases need: the ledger's files with their schemas, and every decision about versions, channels and revocations.
export * from './ledger/files.ts';
export * from './release/accounts.ts';
export * from './release/channel.ts';
export * from './release/plan.ts';
export * from './release/reason.ts';
export * from './release/record.ts';
export * from './release/revoke.ts';
export * from './release/shares.ts';
export * from './release/version.ts';
