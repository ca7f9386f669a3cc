import type { Finding } from './lint.ts';
import type { Position } from './position.ts';
import type { Violation } from './stack/policy.ts';

/** Everything that can go wrong and is foreseen. A new member does not compile until words.ts words it. */
export type Failure =
  | {
      readonly code: 'declaration-invalid';
      readonly at: Position;
      readonly found: string;
      readonly expected: string;
    }
  | {
      readonly code: 'source-unparsable';
      readonly at: Position;
      readonly language: string;
      readonly detail: string;
    }
  | { readonly code: 'project-duplicate'; readonly name: string; readonly files: readonly string[] }
  | { readonly code: 'folder-shared'; readonly folder: string; readonly files: readonly string[] }
  | {
      readonly code: 'reference-missing';
      readonly at: Position;
      readonly kind: string;
      readonly name: string;
      /** Names that exist and look alike, best first. */
      readonly near: readonly string[];
    }
  | { readonly code: 'cycle'; readonly path: readonly string[]; readonly at: Position }
  | {
      readonly code: 'project-unknown';
      readonly name: string;
      readonly kind: string;
      readonly near: readonly string[];
    }
  | { readonly code: 'workspace-missing'; readonly folder: string }
  | { readonly code: 'usage'; readonly detail: string; readonly hint: string }
  | {
      readonly code: 'tool-missing';
      readonly tool: string;
      readonly purpose: string;
      readonly install: string;
    }
  | { readonly code: 'tool-failed'; readonly tool: string; readonly detail: string; readonly log?: string }
  | {
      readonly code: 'step-failed';
      readonly image: string;
      readonly step: string;
      readonly task: string;
      readonly detail: string;
      readonly log: string;
    }
  | {
      readonly code: 'tests-failed';
      readonly image: string;
      readonly failed: readonly { readonly name: string; readonly message: string }[];
      readonly total: number;
      /** What to do, where the tests are not those of an image. */
      readonly next?: string;
    }
  | {
      readonly code: 'tests-missing';
      readonly image: string;
      readonly file: string;
      /** How many tests were skipped, where there are some and none of them ran. */
      readonly skipped?: number;
    }
  | { readonly code: 'lint-failed'; readonly project: string; readonly findings: readonly Finding[] }
  | { readonly code: 'artifact-missing'; readonly image: string }
  | { readonly code: 'disk-full'; readonly folder: string }
  | { readonly code: 'not-permitted'; readonly what: string; readonly hint: string }
  | {
      readonly code: 'content-corrupt';
      readonly what: string;
      readonly expected: string;
      readonly found: string;
    }
  | { readonly code: 'unreachable'; readonly what: string; readonly detail: string }
  | { readonly code: 'timeout'; readonly what: string; readonly seconds: number }
  | { readonly code: 'cancelled' }
  | {
      readonly code: 'evidence-missing';
      readonly image: string;
      readonly artifact: string;
      /** In words: none at all, of another artifact, with failed tests. */
      readonly why: string;
    }
  | {
      readonly code: 'version-taken';
      /** `edge@1.4.1` */
      readonly version: string;
      /** Where: git, a registry, an account. */
      readonly where: string;
      readonly expected: string;
      readonly found: string;
    }
  | { readonly code: 'version-unknown'; readonly version: string; readonly near: readonly string[] }
  | {
      readonly code: 'revoked';
      /** What was asked for, `edge@1.4.1`. */
      readonly version: string;
      /** What is revoked: itself, or what it was made on. */
      readonly by: string;
      readonly reason: string;
    }
  | {
      readonly code: 'not-shared';
      readonly version: string;
      readonly accounts: readonly { readonly name: string; readonly detail: string }[];
    }
  | { readonly code: 'account-unfit'; readonly account: string; readonly image: string; readonly why: string }
  | {
      readonly code: 'channel-empty';
      readonly image: string;
      readonly channel: string;
      readonly detail: string;
    }
  | { readonly code: 'untrusted'; readonly what: string; readonly why: string }
  | {
      readonly code: 'ledger-corrupt';
      readonly at: Position;
      readonly found: string;
      readonly expected: string;
    }
  | {
      /** The remote has no ledger any more, though this clone has seen one. */
      readonly code: 'ledger-lost';
      readonly ledger: string;
      readonly branch: string;
      /** The revision that was last seen. */
      readonly seen: string;
    }
  | { readonly code: 'ledger-contended'; readonly branch: string; readonly tries: number }
  | {
      /** A store answered, and refused: its status and its words. */
      readonly code: 'store-refused';
      readonly store: string;
      readonly doing: string;
      readonly status: number;
      readonly detail: string;
    }
  | {
      /** An approved plan that does not hold any more. */
      readonly code: 'plan-outdated';
      readonly stack: string;
      readonly environment: string;
      /** What moved, in words. */
      readonly moved: readonly string[];
    }
  | { readonly code: 'plan-missing'; readonly stack: string; readonly environment: string }
  | {
      /** What is planned is not what was applied there: another state, another engine. */
      readonly code: 'state-other';
      readonly stack: string;
      readonly environment: string;
      readonly why: string;
    }
  | {
      /** It cannot be planned before something else has happened. */
      readonly code: 'plan-deferred';
      readonly stack: string;
      readonly environment: string;
      readonly why: string;
    }
  | {
      readonly code: 'policy-violated';
      readonly stack: string;
      readonly environment: string;
      readonly violations: readonly Violation[];
    }
  | {
      /** Somebody else changes this state, or has died while changing it. */
      readonly code: 'state-locked';
      readonly stack: string;
      readonly environment: string;
      /** Who holds it since when, as far as the lock says. */
      readonly holder: string;
      /** How to free it where its holder is dead. */
      readonly wayOut: string;
    }
  | {
      readonly code: 'apply-failed';
      readonly stack: string;
      readonly environment: string;
      readonly detail: string;
      readonly log?: string;
    }
  | {
      /** It was applied, and yet a new plan would change something. */
      readonly code: 'not-settled';
      readonly stack: string;
      readonly environment: string;
      readonly changes: readonly string[];
    }
  | {
      readonly code: 'drifted';
      readonly stack: string;
      readonly environment: string;
      readonly changes: readonly string[];
      /** What happens to it, in words. */
      readonly next: string;
    }
  | {
      /** Drift that a plan would put right, once somebody approves it. */
      readonly code: 'repair-waits';
      readonly stack: string;
      readonly environment: string;
      readonly changes: readonly string[];
      readonly next: string;
    }
  | {
      readonly code: 'destroy-refused';
      readonly stack: string;
      readonly environment: string;
      readonly why: string;
      readonly next: string;
    };

/** What a caller should do about a failure: try again soon, wait for somebody, or stop until a person changes something. */
export type Disposition = 'retry' | 'wait' | 'stop';

const DISPOSITIONS: { readonly [Code in Failure['code']]: Disposition } = {
  'declaration-invalid': 'stop',
  'source-unparsable': 'stop',
  'project-duplicate': 'stop',
  'folder-shared': 'stop',
  'reference-missing': 'stop',
  cycle: 'stop',
  'project-unknown': 'stop',
  'workspace-missing': 'stop',
  usage: 'stop',
  'tool-missing': 'stop',
  'tool-failed': 'stop',
  'step-failed': 'stop',
  'tests-failed': 'stop',
  'tests-missing': 'stop',
  'lint-failed': 'stop',
  'artifact-missing': 'wait',
  'disk-full': 'stop',
  'not-permitted': 'stop',
  'content-corrupt': 'stop',
  unreachable: 'retry',
  timeout: 'retry',
  cancelled: 'stop',
  'evidence-missing': 'stop',
  'version-taken': 'stop',
  'version-unknown': 'stop',
  revoked: 'stop',
  'not-shared': 'wait',
  'account-unfit': 'stop',
  'channel-empty': 'stop',
  untrusted: 'stop',
  'ledger-corrupt': 'stop',
  'ledger-lost': 'stop',
  'ledger-contended': 'retry',
  'store-refused': 'stop',
  'plan-outdated': 'stop',
  'state-other': 'stop',
  'plan-missing': 'wait',
  'plan-deferred': 'wait',
  'policy-violated': 'stop',
  'state-locked': 'wait',
  'apply-failed': 'stop',
  'not-settled': 'stop',
  drifted: 'stop',
  'repair-waits': 'wait',
  'destroy-refused': 'wait',
};

/** The one table of what to do about each failure. */
export const disposition = (failure: Failure): Disposition => DISPOSITIONS[failure.code];

const INVALID: ReadonlySet<Failure['code']> = new Set([
  'declaration-invalid',
  'source-unparsable',
  'project-duplicate',
  'folder-shared',
  'reference-missing',
  'cycle',
  'project-unknown',
  'workspace-missing',
  'usage',
  'version-unknown',
  'account-unfit',
]);

/** 1 failed, 2 invalid declaration or call, 3 waiting; the gravest of the list wins (failed, invalid, waiting). */
export function exitCode(failures: readonly Failure[]): 0 | 1 | 2 | 3 {
  if (failures.length === 0) return 0;
  const stopped = failures.filter((failure) => disposition(failure) !== 'wait');
  if (stopped.length === 0) return 3;
  return stopped.every((failure) => INVALID.has(failure.code)) ? 2 : 1;
}
