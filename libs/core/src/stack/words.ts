import { place } from '../position.ts';
import type { Violation } from './policy.ts';
import {
  countActions,
  type Action,
  type AttributeChange,
  type Preview,
  type ResourceChange,
  type Shown,
} from './plan.ts';

/** What became of planning one stack in one environment. */
export interface PlanReport {
  readonly stack: string;
  readonly environment: string;
  /** `current`: nothing about it has changed, so it was not planned. */
  readonly state: 'planned' | 'deferred' | 'current' | 'failed';
  /** Why it was planned, deferred or failed; in words. */
  readonly reasons: readonly string[];
  readonly plan: Preview | null;
  readonly violations: readonly Violation[];
  /** It is not declared any more, so the plan destroys it; and whether the environment allows that. */
  readonly removed: { readonly allowed: boolean; readonly hint: string } | null;
}

const SIGNS: Readonly<Record<Action, string>> = {
  create: '+',
  update: '~',
  replace: '±',
  delete: '-',
  forget: '-',
  read: '?',
};

const MAX_VALUE = 120;

// What comes from engines must not steer a terminal.
const printable = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A value in one line, cut where it is long. */
export function shownText(value: Shown): string {
  if (value.is === 'absent') return '(none)';
  if (value.is !== 'value') return value.is === 'sensitive' ? '(sensitive)' : '(known after apply)';
  // A whole digest says no more to people than its beginning.
  const text = JSON.stringify(value.value).replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…');
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

const attributeText = ({ path, before, after, forces }: AttributeChange): string =>
  printable(
    `${path}: ${before.is === 'absent' ? '' : `${shownText(before)} -> `}${shownText(after)}${forces ? ' (forces replacement)' : ''}`,
  );

// In parentheses stands the engine's own word for why.
const reasonText = ({ path, after }: AttributeChange): string =>
  path === '(reason)' && after.is === 'value' && typeof after.value === 'string' ? after.value : path;

/** A resource in one line: `± module.fleet.machine (replaced because image differs)`. */
export function changeText({ address, action, attributes }: ResourceChange): string {
  const forcing = attributes.filter(({ forces }) => forces).map(reasonText);
  const why = action === 'replace' && forcing.length > 0 ? ` (because of ${forcing.join(', ')})` : '';
  return printable(`${SIGNS[action]} ${action} ${address}${why}`);
}

/** A resource with everything that changes about it. */
const changeLines = (change: ResourceChange): readonly string[] => [
  changeText(change),
  ...change.attributes.map((attribute) => `    ${attributeText(attribute)}`),
];

const violationLine = ({ level, rule, resource, message, at }: Violation): string =>
  printable(
    `${level === 'deny' ? '✘' : '!'} ${resource === null ? '' : `${resource}: `}${message} (${rule}, ${place(at)})`,
  );

const digestText = ({ digest }: Preview): string => digest.slice(0, 19);

const countText = (count: number): string => (count === 0 ? '-' : String(count));

const isChange = ({ plan }: PlanReport): boolean =>
  plan !== null && (plan.changes.length > 0 || plan.changedOutputs.length > 0);

/** What happens to one place in a few words, for the last column. */
function outcome(report: PlanReport): string {
  const { state, plan, violations, removed, reasons } = report;
  if (state === 'deferred') return `deferred: ${reasons.join('; ')}`;
  if (state === 'failed') return `failed: ${reasons.join('; ')}`;
  if (state === 'current' || plan === null) return 'what runs is what is declared';
  const denied = violations.filter(({ level }) => level === 'deny').length;
  const against = denied > 0 ? `, breaks ${denied === 1 ? 'a rule' : `${denied} rules`}` : '';
  const gone = removed ? `, to be destroyed${removed.allowed ? '' : ' (not allowed yet)'}` : '';
  if (!isChange(report)) return `no changes${gone}`;
  return `${digestText(plan)}${gone}${against}`;
}

const HEADINGS = ['STACK', 'ENVIRONMENT', 'CREATE', 'UPDATE', 'REPLACE', 'DELETE', 'PLAN'] as const;

/** The rows of one table over all places, its headings first. */
export function planRows(reports: readonly PlanReport[]): readonly (readonly string[])[] {
  return [
    HEADINGS,
    ...reports.map((report) => {
      const counts = countActions(report.plan?.changes ?? []);
      const gone = counts.delete + counts.forget;
      const numbers = [counts.create, counts.update, counts.replace, gone].map(countText);
      return [report.stack, report.environment, ...numbers, outcome(report)];
    }),
  ];
}

function detailLines(report: PlanReport): readonly string[] {
  const { plan, violations, removed, reasons } = report;
  const because = reasons.length > 0 ? `: ${reasons.join('; ')}` : '';
  const outputs = (plan?.changedOutputs ?? []).map(
    (name) => `~ output ${name}: ${shownText(plan?.outputs[name] ?? { is: 'absent' })}`,
  );
  return [
    `${report.stack} in ${report.environment}${because}`,
    ...(plan?.changes ?? []).flatMap(changeLines).map((line) => `  ${line}`),
    ...outputs.map((line) => `  ${line}`),
    ...violations.map((one) => `  ${violationLine(one)}`),
    ...(removed && !removed.allowed ? [`  ✘ ${removed.hint}`] : []),
  ].map(printable);
}

const hasDetails = (report: PlanReport): boolean =>
  report.state === 'planned' && (isChange(report) || report.violations.length > 0 || report.removed !== null);

/** What there is to say about each place beyond its row. */
export const planDetails = (reports: readonly PlanReport[]): readonly string[] =>
  reports.flatMap((report) => (hasDetails(report) ? ['', ...detailLines(report)] : []));

/** Text that stands in a cell of a Markdown table. */
const cell = (text: string): string =>
  text.replace(/\s+/g, ' ').replace(/[^\w .,:;/+-]/gu, (found) => `&#${found.codePointAt(0)};`);

/** The same as Markdown, for a pull request: one table, and what changes below it, folded. */
export function planMarkdown(reports: readonly PlanReport[]): string {
  const [head = [], ...rows] = planRows(reports);
  const details = reports.filter(hasDetails).map((report) => {
    const [title = '', ...indented] = detailLines(report);
    // Signs at the start of a line are what colours it.
    const lines = indented.map((line) => line.slice(2));
    // A fence longer than any run of backticks inside, so that no value can end it.
    const ticks = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map((run) => run.length)));
    const fence = '`'.repeat(ticks + 1);
    return `<details><summary>${cell(title)}</summary>\n\n${fence}diff\n${lines.join('\n')}\n${fence}\n\nplan \`${report.plan?.digest ?? ''}\`\n\n</details>`;
  });
  return [
    `| ${head.map((one) => one.toLowerCase()).join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
    ...details.map((text) => `\n${text}`),
  ].join('\n');
}
