import type { Stack as There } from '@aws-sdk/client-cloudformation';
import { ok, Secret, type Call, type Outputs, type Result, type Shown } from '@goldenthread/core';
import { codeOf, describe, isUnborn, type Target } from './cloudformation-client.ts';
import { hiding, MASKED, secretsAmong, textsOf, type Hidden } from './cloudformation-parameters.ts';
import { readTemplate, references, section, type Template } from './cloudformation-template.ts';

/** A stack as it is, with what of it must not be shown. */
export interface Deployed {
  readonly there: There;
  /** The template that it was made from; null where nothing needs it, or it cannot be had. */
  readonly template: Template | null;
  readonly hidden: Hidden;
}

/** The template that a stack was made from; null where it cannot be read. */
async function templateOf(target: Target, there: There, call: Call): Promise<Result<Template | null>> {
  const got = await target.ask(
    `reading the template of ${target.name}`,
    async (client, options) => {
      try {
        return (
          (await client.getTemplate({ StackName: there.StackId, TemplateStage: 'Original' }, options))
            .TemplateBody ?? null
        );
      } catch (error) {
        if (codeOf(error) === 'ValidationError') return null;
        throw error;
      }
    },
    call,
  );
  if (!got.ok || got.value === null) return got.ok ? ok(null) : got;
  const read = readTemplate(`the template of ${target.name}`, got.value);
  return ok(read.ok ? read.value : null);
}

/** What is hidden of a stack that is there: what its parameters hide, and what we know to be secret. */
export async function deployed(target: Target, there: There, call: Call): Promise<Result<Deployed>> {
  const { inputs } = target.order;
  const parameters = there.Parameters ?? [];
  const masked = parameters.flatMap(({ ParameterKey: name = '', ParameterValue: value }) =>
    value === MASKED ? [name] : [],
  );
  const template = await templateOf(target, there, call);
  if (!template.ok) return template;
  const hidden = hiding(new Set([...masked, ...secretsAmong(inputs)]), textsOf(inputs));
  return ok({ there, template: template.value, hidden });
}

/** Outputs whose value must not be shown. */
function hiddenOutputs({ there, template, hidden }: Deployed): ReadonlySet<string> {
  const outputs = there.Outputs ?? [];
  const all = outputs.flatMap(({ OutputKey: name = '' }) => name);
  // Without the template nobody knows which of them show a hidden parameter.
  if (hidden.names.size > 0 && !template) return new Set(all);
  const declared = template ? section(template, 'Outputs') : [];
  const named = declared.filter(({ value }) => references(value).some(({ name }) => hidden.names.has(name)));
  const told = outputs.flatMap(({ OutputKey: name = '', OutputValue: value = '' }) =>
    hidden.holds(value) ? [name] : [],
  );
  return new Set([...named.map(({ key }) => key), ...told]);
}

/** The outputs that a stack has. */
export function outputsThere(now: Deployed): Outputs {
  const secret = hiddenOutputs(now);
  return new Map(
    (now.there.Outputs ?? []).map(({ OutputKey: name = '', OutputValue: value = '' }) => [
      name,
      secret.has(name) ? new Secret(value) : value,
    ]),
  );
}

/** Outputs as they are now; null where there is no stack, or one that was never finished. */
export async function outputsNow(target: Target, call: Call): Promise<Result<Outputs | null>> {
  const there = await describe(target, target.name, call);
  if (!there.ok) return there;
  if (!there.value || isUnborn(there.value) || there.value.StackStatus === 'ROLLBACK_COMPLETE')
    return ok(null);
  const now = await deployed(target, there.value, call);
  return now.ok ? ok(outputsThere(now.value)) : now;
}

/** Known outputs as they may be shown. */
export const shownOutputs = (outputs: Outputs): Readonly<Record<string, Shown>> =>
  Object.fromEntries(
    Array.from(outputs, ([name, value]) => [
      name,
      value instanceof Secret ? { is: 'sensitive' } : { is: 'value', value },
    ]),
  );
