import type { Environment, PolicyRule } from '../declaration/used-stack.ts';
import { place, type Position } from '../position.ts';
import { at, parseYaml, positionOfValue } from '../yaml.ts';
import { positionAt } from '../position.ts';
import type { PolicyFinding } from './engine.ts';
import type { Action, Preview, ResourceChange } from './plan.ts';

/** A rule that a plan breaks: which rule, which resource, and where the rule is declared. */
export interface Violation {
  /** Such as "protect aws_db_*". */
  readonly rule: string;
  readonly level: 'deny' | 'warn';
  /** Null where it is about the whole plan. */
  readonly resource: string | null;
  readonly message: string;
  readonly at: Position;
}

/** A violation in one line, with the place of the declaration. */
export const violationText = ({ rule, resource, message, at: where }: Violation): string =>
  `${resource === null ? '' : `${resource}: `}${message} (${rule}, ${place(where)})`;

const matches = (type: string, patterns: readonly string[]): boolean =>
  patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 'is').test(type);
  });

const ends = ({ action }: ResourceChange): boolean =>
  action === 'delete' || action === 'replace' || action === 'forget';
const makes = ({ action }: ResourceChange): boolean =>
  action === 'create' || action === 'update' || action === 'replace';

const VERBS = {
  create: 'created',
  update: 'changed',
  replace: 'replaced',
  delete: 'deleted',
  forget: 'forgotten',
  read: 'read',
} as const;

function tooMany(of: readonly ResourceChange[], done: string, most: number): readonly PolicyFinding[] {
  if (of.length <= most) return [];
  const names = of.map(({ address }) => address).join(', ');
  const would = of.length === 1 ? '1 resource would be' : `${of.length} resources would be`;
  return [{ resource: null, message: `${would} ${done} (${names}), ${most} may be` }];
}

function untagged({ address, tags }: ResourceChange, required: readonly string[]): readonly PolicyFinding[] {
  if (tags === null) return [];
  const missing = required.filter((name) => !Object.hasOwn(tags, name) || tags[name] === '');
  return missing.length === 0
    ? []
    : [{ resource: address, message: `it has no ${missing.join(' and no ')} among its tags` }];
}

/** What a built-in rule says against a plan; null for a rule that lies in a file. */
export function judge(rule: PolicyRule, { changes }: Preview): readonly PolicyFinding[] | null {
  if ('protect' in rule)
    return changes
      .filter((change) => ends(change) && matches(change.type, rule.protect))
      .map(({ address, type, action }) => ({
        resource: address,
        message: `it would be ${VERBS[action]}, and ${type} is protected`,
      }));
  const of = (...actions: readonly Action[]): readonly ResourceChange[] =>
    changes.filter(({ action }) => actions.includes(action));
  if ('max_replaced' in rule) return tooMany(of('replace'), 'replaced', rule.max_replaced);
  if ('max_deleted' in rule)
    return tooMany(
      of('delete', 'forget'),
      of('forget').length > 0 ? 'deleted or forgotten' : 'deleted',
      rule.max_deleted,
    );
  if ('required_tags' in rule)
    return changes.filter(makes).flatMap((change) => untagged(change, rule.required_tags));
  if ('allowed_regions' in rule)
    return changes
      .filter(
        (change) => makes(change) && change.region !== null && !matches(change.region, rule.allowed_regions),
      )
      .map(({ address, region }) => ({ resource: address, message: `it would lie in ${region}` }));
  return null;
}

/** A rule in words, as it is declared. */
export function ruleWords(rule: PolicyRule): string {
  const { level: _level, stacks: _stacks, ...said } = rule;
  const [[name, value] = ['', '']] = Object.entries(said);
  return `${name} ${Array.isArray(value) ? value.join(', ') : value}`;
}

/** Where a rule of an environment stands; `text` is the text of its declaration. */
function rulePosition({ file }: Environment, text: string, index: number): Position {
  const parsed = parseYaml(file, text);
  return parsed.ok ? positionOfValue(at(parsed.value, ['policy', index])) : positionAt(file, text, 0);
}

/** The rules of an environment that are for this stack, with their place in the list. */
export const rulesFor = (
  { policy }: Environment,
  stack: string,
): readonly { readonly rule: PolicyRule; readonly index: number }[] =>
  policy.map((rule, index) => ({ rule, index })).filter(({ rule }) => rule.stacks?.includes(stack) ?? true);

/** What was found against a plan by the rule at this place in the list. */
export interface Judged {
  readonly rule: PolicyRule;
  readonly index: number;
  readonly findings: readonly PolicyFinding[];
}

/** Findings as violations that name their rule and where it is declared; `text` is the text of the environment's declaration. */
export const violations = (
  environment: Environment,
  text: string,
  judged: readonly Judged[],
): readonly Violation[] =>
  judged.flatMap(({ rule, index, findings }) =>
    findings.map((finding): Violation => ({
      ...finding,
      rule: ruleWords(rule),
      level: rule.level,
      at: rulePosition(environment, text, index),
    })),
  );
