import type { Account } from './account.ts';

/** The file of the settings, in the workspace root. */
export const SETTINGS_FILE = '.goldenthread.yaml';

/** Settings of the workspace with every default filled in. */
export interface Settings {
  /** A remote of null: `origin` where there is one, otherwise the repository itself. */
  readonly ledger: { readonly remote: string | null; readonly branch: string };
  /** Where artifacts are published; null: this machine's own folder. */
  readonly store: Extract<Account, { kind: 'oci' | 'directory' }> | null;
  readonly accounts: readonly Account[];
  /** Files of public keys whose signatures count; null: the key of this machine alone. */
  readonly trusted: readonly string[] | null;
}

/** What holds where there is no file. */
export const DEFAULT_SETTINGS: Settings = {
  ledger: { remote: null, branch: 'deployments' },
  store: null,
  accounts: [],
  trusted: null,
};
