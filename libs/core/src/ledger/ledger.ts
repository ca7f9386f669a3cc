/** Files of the ledger as one revision has them. */
export interface LedgerSnapshot {
  /** The commit; null where the ledger does not exist yet. */
  readonly revision: string | null;
  /** Text by path, of the files that were asked for. */
  readonly files: ReadonlyMap<string, string>;
}

/** What a change of the ledger says about itself, in the commit that makes it. */
export interface LedgerMessage {
  /** What, in one line: "release edge 1.4.1". */
  readonly what: string;
  /** Why, in words. */
  readonly why: string;
  /** Projects that it is about. */
  readonly nodes: readonly string[];
  /** Environments that it is about. */
  readonly environments: readonly string[];
}

/** What a change decides on a snapshot: files to write (null: to remove), and what to say about it. */
export interface LedgerEdit {
  readonly write: ReadonlyMap<string, string | null>;
  readonly message: LedgerMessage;
}

/** One entry of the audit trail, newest first in lists. */
export interface LedgerEntry extends LedgerMessage {
  readonly revision: string;
  readonly time: string;
  /** Name and address of whoever made it. */
  readonly by: string;
  /** The run that made it. */
  readonly run: string;
}

/** Which entries are asked for; what is not said does not narrow. */
export interface LedgerFilter {
  readonly node?: string;
  readonly environment?: string;
  /** ISO time, inclusive. */
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
}

/** Folders whose files are written once and never changed: what happened, happened. */
const RECORD_FOLDERS: readonly string[] = ['releases', 'revocations'];

/** The files of an edit that would change a record which stands. */
export const rewritten = (
  before: ReadonlyMap<string, string>,
  write: LedgerEdit['write'],
): readonly string[] =>
  [...write].flatMap(([path, text]) =>
    RECORD_FOLDERS.some((folder) => path.startsWith(`${folder}/`)) &&
    before.has(path) &&
    before.get(path) !== text
      ? [path]
      : [],
  );

/** Who works, in which run. */
export interface Run {
  /** Name and address, as git writes them. */
  readonly by: string;
  /** Where to look for more: the URL of a CI job, or user and machine. */
  readonly id: string;
}
