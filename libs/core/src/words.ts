import type { Failure } from './failure.ts';
import { findingText } from './lint.ts';
import { place, underline } from './position.ts';
import { violationText } from './stack/policy.ts';

/** A failure in words: what happened (first line says where), details to show below it, and what to do next. */
export interface Words {
  readonly what: string;
  readonly detail?: string;
  readonly next: string;
}

const didYouMean = (near: readonly string[]): string =>
  near.length > 0 ? `Did you mean ${near.map((name) => `"${name}"`).join(' or ')}?` : '';

const logged = (log: string | undefined): string => (log === undefined ? '' : ` The whole log: ${log}`);

/** A stack in one of its environments. */
interface Placed {
  readonly stack: string;
  readonly environment: string;
}

const stackIn = ({ stack, environment }: Placed): string => `${stack} in ${environment}`;

const run = (verb: string, { stack, environment }: Placed): string =>
  `goldenthread ${verb} ${stack} --environment ${environment}`;

const listed = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

type Wording = { readonly [Code in Failure['code']]: (failure: Extract<Failure, { code: Code }>) => Words };

const WORDING: Wording = {
  'declaration-invalid': (f) => ({
    what: `${place(f.at)}: found ${f.found}, expected ${f.expected}`,
    detail: underline(f.at),
    next: 'Correct the declaration; `goldenthread graph` checks all of them.',
  }),
  'source-unparsable': (f) => ({
    what: `${place(f.at)}: this is not valid ${f.language}: ${f.detail}`,
    detail: underline(f.at),
    next: 'Correct the file. A file that is no source of the project can be put on the ignore list of the plugin in nx.json.',
  }),
  'project-duplicate': (f) => ({
    what: `two projects are called "${f.name}"`,
    detail: f.files.map((file) => `  ${file}`).join('\n'),
    next: 'Give one of them another `name:` (a role: another folder).',
  }),
  'folder-shared': (f) => ({
    what: `${f.folder === '' ? 'the root' : f.folder} holds more than one project`,
    detail: f.files.map((file) => `  ${file}`).join('\n'),
    next: 'Give each its own folder: for Nx a folder is one project, and the others would be lost.',
  }),
  'reference-missing': (f) => ({
    what: `${place(f.at)}: there is no ${f.kind} "${f.name}"`,
    detail: underline(f.at),
    next: didYouMean(f.near) || `Add the ${f.kind}, or correct the name.`,
  }),
  cycle: (f) => ({
    what: `${place(f.at)}: these need each other: ${f.path.join(' -> ')}`,
    detail: underline(f.at),
    next: 'Take one of these edges out; nothing can be made before itself.',
  }),
  'project-unknown': (f) => ({
    what: `there is no ${f.kind} "${f.name}" in this workspace`,
    next: didYouMean(f.near) || '`goldenthread graph` lists all projects.',
  }),
  'workspace-missing': (f) => ({
    what: `${f.folder} is not inside a Goldenthread workspace (no nx.json here or above)`,
    next: 'Run the command inside a workspace, or name one with --workspace.',
  }),
  usage: (f) => ({ what: f.detail, next: f.hint }),
  'tool-missing': (f) => ({
    what: `${f.tool} is not installed; it is needed for ${f.purpose}`,
    next: `${f.install} (\`goldenthread doctor\` shows all tools)`,
  }),
  'tool-failed': (f) => ({
    what: `${f.tool} failed`,
    detail: f.detail,
    next: `Correct what it says and run the same command again.${logged(f.log)}`,
  }),
  'step-failed': (f) => ({
    what: `${f.image}: ${f.step} failed at the task "${f.task}"`,
    detail: f.detail,
    next: `Correct it and bake again: layers before it are kept.${logged(f.log)}`,
  }),
  'tests-failed': (f) => ({
    what: `${f.image}: ${f.failed.length} of ${f.total} tests failed`,
    detail: f.failed
      .map((test) => `  ${test.name}\n    ${test.message.split('\n').join('\n    ')}`)
      .join('\n'),
    next: f.next ?? `\`goldenthread verify ${f.image} --keep\` keeps the machine, to look around in it.`,
  }),
  'tests-missing': (f) =>
    f.skipped === undefined
      ? {
          what: `${f.image} declares no tests, so there is no evidence for it`,
          next: `Add \`tests:\` to ${f.file}, or tests/ to one of its roles.`,
        }
      : {
          what: `${f.image}: ${f.skipped === 0 ? 'its test files hold no tests' : `all ${f.skipped} tests were skipped`}, so there is no evidence for it`,
          next: `Add a test that runs (${f.file} names the files), or see why they skip themselves.`,
        },
  'lint-failed': (f) => ({
    what: `${f.project}: ${f.findings.length === 1 ? 'one finding' : `${f.findings.length} findings`}`,
    detail: f.findings.map((finding) => `  ${findingText(finding)}`).join('\n'),
    next: `Correct ${f.findings.length === 1 ? 'it' : 'them'}, or say in the linter's own settings why the rule does not hold here.`,
  }),
  'artifact-missing': (f) => ({
    what: `${f.image} has not been baked from what is declared now`,
    next: `\`nx run ${f.image}:bake\` bakes it.`,
  }),
  'disk-full': (f) => ({
    what: `no space is left on the disk of ${f.folder}`,
    next: 'Free some space or point GOLDENTHREAD_HOME to another disk; what was half done has been removed.',
  }),
  'not-permitted': (f) => ({ what: `not permitted here: ${f.what}`, next: f.hint }),
  'content-corrupt': (f) => ({
    what: `${f.what} is not what its name says: expected ${f.expected}, found ${f.found}`,
    next: 'Remove it and run again: it is made or fetched anew.',
  }),
  unreachable: (f) => ({
    what: `${f.what} cannot be reached: ${f.detail}`,
    next: 'Start it or correct its address, then try again.',
  }),
  timeout: (f) => ({
    what: `${f.what} was stopped after ${f.seconds} s`,
    next: 'Find out what it waits for, or raise its timeout.',
  }),
  cancelled: () => ({
    what: 'cancelled',
    next: 'Nothing is left running; run the same command again when you like, it goes on from there.',
  }),
  'evidence-missing': (f) => ({
    what: `${f.image} ${f.artifact.slice(0, 19)} must not leave this machine: ${f.why}`,
    next: `\`nx run ${f.image}:verify\` tests it; only what passed its tests is published.`,
  }),
  'version-taken': (f) => ({
    what: `${f.version} names something else in ${f.where}: expected ${f.expected}, found ${f.found}`,
    next: 'A version names one artifact for ever. Find out who set it, remove it there, and run again.',
  }),
  'version-unknown': (f) => ({
    what: `${f.version} has not been released`,
    next: didYouMean(f.near) || '`goldenthread log` shows what was released.',
  }),
  revoked: (f) => ({
    what:
      f.by === f.version
        ? `${f.version} is revoked: ${f.reason}`
        : `${f.version} stands on ${f.by}, which is revoked: ${f.reason}`,
    next:
      f.by === f.version
        ? 'Use another version. To release the image again, change what it is made of: the same content stays refused.'
        : 'Use another version, or bake it again on a base that is not revoked.',
  }),
  'not-shared': (f) => ({
    what: `${f.version} is not where it should be yet`,
    detail: f.accounts.map(({ name, detail }) => `  ${name}: ${detail}`).join('\n'),
    next: 'Run the same command again: it goes on with what is missing, and moves the channel when all have it.',
  }),
  'account-unfit': (f) => ({
    what: `${f.image} cannot be shared with the account ${f.account}: ${f.why}`,
    next: `Take ${f.account} out of \`share:\`, or bake the image in a way that the account can use.`,
  }),
  'channel-empty': (f) => ({
    what: `the channel ${f.channel} of ${f.image} ${f.detail}`,
    next: `\`goldenthread log ${f.image}\` shows what happened to it; \`goldenthread release ${f.image}\` releases it.`,
  }),
  untrusted: (f) => ({
    what: `${f.what} is not trusted: ${f.why}`,
    next: 'GOLDENTHREAD_SIGNING_KEY names the key that signs; `signing.trusted` in .goldenthread.yaml lists the public keys that count.',
  }),
  'ledger-corrupt': (f) => ({
    what: `${place(f.at)}: found ${f.found}, expected ${f.expected}`,
    detail: underline(f.at),
    next: 'The ledger is written by goldenthread alone. Take the edit back by `git revert` on that branch.',
  }),
  'ledger-lost': (f) => ({
    what: `${f.ledger} is gone, of which this clone has seen ${f.seen}`,
    next: `Give it back: git push <remote> refs/goldenthread/${f.branch}:refs/heads/${f.branch}. To begin anew on purpose: git update-ref -d refs/goldenthread/${f.branch}.`,
  }),
  'ledger-contended': (f) => ({
    what: `the branch ${f.branch} was moved by others ${f.tries} times in a row`,
    next: 'Nothing is lost; run the same command again.',
  }),
  'store-refused': (f) => ({
    what: `${f.store} refused ${f.doing} (HTTP ${f.status})`,
    detail: f.detail,
    next: 'See what it says; then run again: it goes on with what is missing.',
  }),
  'plan-outdated': (f) => ({
    what: `${stackIn(f)}: the approved plan does not hold any more, the world moved`,
    detail: listed(f.moved),
    next: `Plan again (\`${run('plan', f)}\`) and approve that.`,
  }),
  'plan-missing': (f) => ({
    what: `${stackIn(f)} would change, and no plan of it was approved`,
    next: `\`${run('plan', f)}\` shows it; \`apply --plan .goldenthread\` takes what plan wrote, on a terminal apply asks, and --auto-approve approves it unseen.`,
  }),
  'state-other': (f) => ({
    what: `${stackIn(f)} is not what was applied there: ${f.why}`,
    next: `Plan it where its state can be seen, as it was. Where it was moved on purpose: \`${run('destroy', f)} --forget\` drops the record and touches nothing.`,
  }),
  'plan-deferred': (f) => ({
    what: `${stackIn(f)} cannot be planned yet: ${f.why}`,
    next: 'Nothing is invented for it; plan it again after that.',
  }),
  'policy-violated': (f) => ({
    what: `${stackIn(f)}: the plan breaks ${f.violations.length === 1 ? 'a rule' : `${f.violations.length} rules`} of the environment`,
    detail: listed(f.violations.map(violationText)),
    next: 'Change the stack, or the rule where it stands.',
  }),
  'state-locked': (f) => ({
    what: `the state of ${stackIn(f)} is locked by ${f.holder}`,
    next: f.wayOut,
  }),
  'apply-failed': (f) => ({
    what: `${stackIn(f)}: the apply failed`,
    detail: f.detail,
    next: `What was done is kept. Correct what it says and plan again: the plan shows what is left.${logged(f.log)}`,
  }),
  'not-settled': (f) => ({
    what: `${stackIn(f)} was applied, and yet a new plan would change it again`,
    detail: listed(f.changes),
    next: 'Make it say what it means: whatever changes at every run can be told from drift by nobody.',
  }),
  drifted: (f) => ({
    what: `${stackIn(f)} is not what was applied`,
    detail: listed(f.changes),
    next: f.next,
  }),
  'repair-waits': (f) => ({
    what: `${stackIn(f)} is not what was applied, and the plan that puts it right waits for approval`,
    detail: listed(f.changes),
    next: f.next,
  }),
  'destroy-refused': (f) => ({
    what: `${stackIn(f)} is not destroyed: ${f.why}`,
    next: f.next,
  }),
};

/** Words for a failure: the only place where failures become text. */
export function words(failure: Failure): Words {
  // The table is indexed by the very code of its argument, which the type system cannot see through a union.
  const wording = WORDING[failure.code] as (failure: Failure) => Words;
  return wording(failure);
}

/** A failure as lines of plain text: what, detail, next. */
export function text(failure: Failure): string {
  const { what, detail, next } = words(failure);
  return [what, ...(detail === undefined || detail === '' ? [] : [detail]), `-> ${next}`].join('\n');
}
