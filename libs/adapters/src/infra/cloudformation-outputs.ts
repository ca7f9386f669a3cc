import {
  canonical,
  items,
  member,
  members,
  scalar,
  Secret,
  type Json,
  type Outputs,
  type ResourceChange,
  type Shown,
  type YamlValue,
} from '@goldenthread/core';
import { outputsThere, type Deployed } from './cloudformation-deployed.ts';
import type { Parameters } from './cloudformation-parameters.ts';
import { expression, intrinsic, references, section, type Template } from './cloudformation-template.ts';

/** What is known before outputs are planned. */
export interface Planned {
  readonly template: Template;
  readonly parameters: Parameters;
  readonly changes: readonly ResourceChange[];
  /** Null where there is no stack yet. */
  readonly now: Deployed | null;
  /** Values of what `AWS::` stands before, as far as they are known. */
  readonly pseudo: ReadonlyMap<string, string>;
}

/** A value that needs no resource; null for one that does, or that only CloudFormation can work out. */
function worked(value: YamlValue, planned: Planned): string | null {
  const of = (name: string): string | null => {
    const type = planned.template.parameters.get(name)?.type ?? '';
    // Such a parameter stands for what lies in the parameter store under its value.
    return type.startsWith('AWS::SSM::')
      ? null
      : (planned.parameters.values.get(name) ?? planned.pseudo.get(name) ?? null);
  };
  const called = intrinsic(value);
  if (!called) return scalar(value);
  if (called.name === 'Ref') return of(scalar(called.argument) ?? '');
  const text = scalar(called.argument);
  if (called.name !== 'Sub' || text === null) return null;
  const names = Array.from(text.matchAll(/\$\{([^!}][^}]*)\}/g), ([, name = '']) => name.trim());
  if (names.some((name) => of(name) === null)) return null;
  return text.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) =>
    name.startsWith('!') ? `\${${name.slice(1)}}` : (of(name.trim()) ?? ''),
  );
}

const STEADY: ReadonlySet<string> = new Set(['Ref', 'GetAtt', 'Sub', 'Join', 'Select', 'Split']);

const steady = (value: YamlValue): boolean => {
  const called = intrinsic(value);
  if (called && !STEADY.has(called.name)) return false;
  return [...items(value), ...members(value).map((one) => one.value)].every(steady);
};

/** Whether nothing that an output is made of would change. */
function stays(name: string, output: YamlValue, { now, changes, parameters, pseudo }: Planned): boolean {
  const before = now?.template && section(now.template, 'Outputs').find(({ key }) => key === name)?.value;
  if (!now || !before || canonical(expression(before)) !== canonical(expression(output))) return false;
  const old = new Map(
    (now.there.Parameters ?? []).map(({ ParameterKey: key = '', ParameterValue: value }) => [key, value]),
  );
  return (
    member(output, 'Condition') === null &&
    steady(member(output, 'Value') ?? output) &&
    references(output).every(({ name: wanted, attribute }) => {
      if (wanted.startsWith('AWS::')) return pseudo.has(wanted);
      if (parameters.values.has(wanted)) return old.get(wanted) === parameters.values.get(wanted);
      const change = changes.find(({ address }) => address === wanted);
      return change === undefined || (change.action === 'update' && !attribute);
    })
  );
}

/** Whether an output is declared in other words than before, such as with another name for its export. */
function isReworded(name: string, output: YamlValue, { now }: Planned): boolean {
  const before = now?.template && section(now.template, 'Outputs').find(({ key }) => key === name)?.value;
  return (
    before !== null && before !== undefined && canonical(expression(before)) !== canonical(expression(output))
  );
}

/** Outputs as they would be, and which would be others than now. */
export interface PlannedOutputs {
  readonly shown: Readonly<Record<string, Shown>>;
  readonly known: Outputs;
  readonly changed: readonly string[];
}

const revealed = (value: Json | Secret | undefined): Json | undefined =>
  value instanceof Secret ? value.reveal() : value;

/** Outputs after these changes: those that are made of what does not change are known, and no others. */
export function plannedOutputs(planned: Planned): PlannedOutputs {
  const { template, parameters, now } = planned;
  const current = now ? outputsThere(now) : new Map<string, Json | Secret>();
  const known = new Map<string, Json | Secret>();
  const shown: Record<string, Shown> = {};
  for (const { key: name, value: output } of section(template, 'Outputs')) {
    const secret = references(output).some((one) => parameters.hidden.names.has(one.name));
    const value = member(output, 'Value');
    const plain = value && member(output, 'Condition') === null ? worked(value, planned) : null;
    const found = plain ?? (stays(name, output, planned) ? current.get(name) : undefined);
    const hide =
      secret || found instanceof Secret || (typeof found === 'string' && parameters.hidden.holds(found));
    if (found !== undefined) known.set(name, hide && typeof found === 'string' ? new Secret(found) : found);
    shown[name] = hide
      ? { is: 'sensitive' }
      : found === undefined
        ? { is: 'unknown' }
        : { is: 'value', value: revealed(found) ?? null };
  }
  const reworded = section(template, 'Outputs').flatMap(({ key, value }) =>
    isReworded(key, value, planned) ? [key] : [],
  );
  const changed = [...new Set([...changedOutputs(shown, known, current), ...reworded])];
  return { shown, known, changed: changed.sort() };
}

/** Names of outputs that are not known to stay as they are. */
const changedOutputs = (
  shown: Readonly<Record<string, Shown>>,
  known: Outputs,
  current: Outputs,
): readonly string[] =>
  [...new Set([...Object.keys(shown), ...current.keys()])].filter(
    (name) => !known.has(name) || revealed(known.get(name)) !== revealed(current.get(name)),
  );
