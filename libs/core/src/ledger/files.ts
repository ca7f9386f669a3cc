import type { z } from 'zod';
import type { Hash } from '../bake/fingerprint.ts';
import { canonical, type Json } from '../canonical.ts';
import { declaredAt, parseDeclaration } from '../declaration/parse.ts';
import type { Failure } from '../failure.ts';
import { groupBy } from '../group.ts';
import { fail, ok, type Result } from '../result.ts';
import { compareVersions } from '../release/version.ts';
import { yamlText } from '../yaml.ts';
import type { LedgerSnapshot } from './ledger.ts';
import { ChannelFile, ReleaseRecord, RevocationRecord, ShareFile } from './schema.ts';
import { versionName, type LedgerState } from './state.ts';

/** All that is known of images: what `ledgerState` reads. */
export const IMAGE_PATHS: readonly string[] = ['releases', 'channels', 'revocations', 'shares'];

const sealOf = (content: object, hash: Hash): string => hash(canonical(content as Json));

/** The record by which the ledger is written, and read: what reading would refuse is never written. */
interface Kind<T> {
  readonly schema: z.ZodType<T & { readonly seal: string }>;
  readonly path: (record: T) => string;
}

const RELEASE: Kind<ReleaseRecord> = {
  schema: ReleaseRecord,
  path: ({ image, version }) => `releases/${image}/${version}.yaml`,
};
const CHANNELS: Kind<ChannelFile> = { schema: ChannelFile, path: ({ image }) => `channels/${image}.yaml` };
const REVOCATION: Kind<RevocationRecord> = {
  schema: RevocationRecord,
  path: ({ image, version }) => `revocations/${image}/${version}.yaml`,
};
const SHARES: Kind<ShareFile> = { schema: ShareFile, path: ({ image }) => `shares/${image}.yaml` };

/** A file to write: its path and its text, sealed. Throws where the record is not what its schema says: that would be our bug. */
const written =
  <T extends object>({ schema, path }: Kind<T>) =>
  (record: T, hash: Hash): readonly [string, string] => {
    const sealed = { ...record, seal: sealOf(record, hash) };
    return [path(record), yamlText(schema.parse(sealed))];
  };

/** The file of a release. */
export const releaseFile = written(RELEASE);
/** The file of an image's channels. */
export const channelFile = written(CHANNELS);
/** The file of a revocation. */
export const revocationFile = written(REVOCATION);
/** The file of who was given what. */
export const shareFile = written(SHARES);

/** How a file of the ledger is refused. */
const corrupt = (failure: Failure): Failure => {
  if (failure.code === 'declaration-invalid') return { ...failure, code: 'ledger-corrupt' };
  if (failure.code === 'source-unparsable')
    return { code: 'ledger-corrupt', at: failure.at, found: failure.detail, expected: 'YAML' };
  return failure;
};

/** Reads one file: its schema, its seal, and that it stands under the name that its content asks for. */
function read<T extends object>(
  { schema, path }: Kind<T>,
  file: { readonly path: string; readonly text: string; readonly ledger: string },
  hash: Hash,
): Result<T> {
  const parsed = parseDeclaration(schema, `${file.ledger}:${file.path}`, file.text);
  if (!parsed.ok) return fail(...parsed.failures.map(corrupt));
  const { seal, ...rest } = parsed.value.written;
  // Without its seal a record is what it was before it was sealed.
  const content = rest as unknown as T;
  const refuse = (key: string, found: string, expected: string): Result<never> =>
    fail({ code: 'ledger-corrupt', at: declaredAt(parsed.value, [key]), found, expected });
  if (sealOf(content, hash) !== seal)
    return refuse('seal', 'content that was edited by hand', 'the content that was sealed');
  return path(content) === file.path
    ? ok(content)
    : refuse('image', `what belongs to ${path(content)}`, `what belongs to ${file.path}`);
}

/** All that the ledger says of images, checked; every file that is refused, at once. */
export function ledgerState(snapshot: LedgerSnapshot, ledger: string, hash: Hash): Result<LedgerState> {
  const failures: Failure[] = [];
  const all = <T extends object>(folder: string, kind: Kind<T>): readonly T[] =>
    [...snapshot.files].flatMap(([path, text]) => {
      if (!path.startsWith(`${folder}/`)) return [];
      const record = read(kind, { path, text, ledger }, hash);
      if (record.ok) return [record.value];
      failures.push(...record.failures);
      return [];
    });
  const releases = all('releases', RELEASE);
  const channels = all('channels', CHANNELS);
  const revocations = all('revocations', REVOCATION);
  const shares = all('shares', SHARES);
  if (failures.length > 0) return fail(...failures);
  const sorted = releases.toSorted((a, b) => compareVersions(a.version, b.version));
  return ok({
    releases: groupBy(sorted, (release) => release.image),
    channels: new Map(channels.map((file) => [file.image, file])),
    revocations: new Map(revocations.map((one) => [versionName(one), one])),
    shares: new Map(shares.map((file) => [file.image, file])),
  });
}
