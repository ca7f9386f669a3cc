import type { Stack as There } from '@aws-sdk/client-cloudformation';
import { ok, type Call, type Previewed, type Result } from '@goldenthread/core';
import type { Pace } from '../cloud/wait.ts';
import { apply } from './cloudformation-apply.ts';
import { changeSetName, make, type ChangeSet, type Said, type Wanted } from './cloudformation-change-set.ts';
import { isUnborn, regionOf, type Target } from './cloudformation-client.ts';
import { declaredTags, planned, untouched, type Known } from './cloudformation-content.ts';
import { deployed } from './cloudformation-deployed.ts';
import { cleaned, parametersOf, type Parameters } from './cloudformation-parameters.ts';
import { ready } from './cloudformation-ready.ts';
import { retire } from './cloudformation-retire.ts';
import { fit, readSource, type Source } from './cloudformation-source.ts';

const isNesting = ({ template }: Source): boolean => template.body.includes('AWS::CloudFormation::Stack');

const wantedOf = (target: Target, source: Source, { given }: Parameters, there: There | null): Wanted => {
  const { capabilities } = target.order.stack.cloudformation;
  const tags = declaredTags(target, source);
  const parameters = Array.from(given, ([ParameterKey, ParameterValue]) => ({
    ParameterKey,
    ParameterValue,
  }));
  return {
    TemplateBody: source.template.body,
    Description: `goldenthread: ${target.order.stack.name} in ${target.order.environment}`,
    IncludeNestedStacks: isNesting(source),
    ...(parameters.length === 0 ? {} : { Parameters: parameters }),
    // What nobody declares stays as it is there.
    ...(tags === null ? {} : { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }),
    ...(capabilities === undefined ? {} : { Capabilities: capabilities }),
    // Else it would compare with what it once made, and never put right what was seen to be another now.
    ...(there?.DriftInformation?.StackDriftStatus === 'DRIFTED'
      ? { DeploymentMode: 'REVERT_DRIFT' as const }
      : {}),
  };
};

/** A change set and what it would do, before it is put into the neutral form. */
interface Made {
  readonly set: ChangeSet;
  readonly said: Said;
}

async function ask(
  target: Target,
  wanted: Wanted,
  { there, pace }: { readonly there: There | null; readonly pace: Pace },
  call: Call,
): Promise<Result<Made>> {
  const set: ChangeSet = { name: changeSetName(), type: !there || isUnborn(there) ? 'CREATE' : 'UPDATE' };
  const said = await make(target, set, { wanted, pace }, call);
  // What has nothing to do, or cannot be used, is not left lying there.
  if (!said.ok || said.value.is === 'none') await retire(target, set, pace);
  return said.ok ? ok({ set, said: said.value }) : said;
}

/** Says aloud where a secret goes into a parameter that CloudFormation shows. */
function warn({ template }: Source, { hidden, given }: Parameters, say: (text: string) => void): void {
  for (const name of given.keys())
    if (hidden.names.has(name) && template.parameters.get(name)?.hidden === false)
      say(
        `the parameter ${name} gets a secret and has no NoEcho in ${template.file}: CloudFormation shows it to everybody who may look at the stack`,
      );
}

/** What the files say, before anybody is asked. */
async function local(
  target: Target,
  call: Call,
): Promise<Result<{ readonly source: Source; readonly parameters: Parameters }>> {
  const source = await readSource(target.order, call);
  if (!source.ok) return source;
  const sized = fit(source.value.template);
  if (!sized.ok) return sized;
  const parameters = await parametersOf(target.order, source.value.template);
  return parameters.ok ? ok({ source: source.value, parameters: parameters.value }) : parameters;
}

/** What is there of a stack, and where. */
async function around(
  target: Target,
  there: There | null,
  call: Call,
): Promise<Result<Pick<Known, 'region' | 'now'>>> {
  const region = await regionOf(target, call);
  if (!region.ok) return region;
  const now = there && !isUnborn(there) ? await deployed(target, there, call) : ok(null);
  return now.ok ? ok({ region: region.value, now: now.value }) : now;
}

/** What an apply would do, as a change set that CloudFormation keeps until it is carried out or discarded. */
export async function previewApply(target: Target, pace: Pace, call: Call): Promise<Result<Previewed>> {
  const files = await local(target, call);
  if (!files.ok) return files;
  const { source, parameters } = files.value;
  const there = await ready(target, call);
  if (!there.ok) return there;
  const state = await around(target, there.value, call);
  if (!state.ok) return state;
  const known: Known = { ...files.value, ...state.value };
  warn(source, parameters, (text) => call.emit({ type: 'note', project: target.order.stack.name, text }));
  const wanted = wantedOf(target, source, parameters, there.value);
  const asked = await ask(target, wanted, { there: there.value, pace }, call);
  const made = cleaned(asked, parameters.hidden);
  if (!made.ok) return made;
  const { set, said } = made.value;
  const { content, outputs } =
    said.is === 'none' ? untouched(known.now, parameters) : planned(target, said.changes, known, call);
  const changeSet = said.is === 'none' ? null : said.id;
  let done = changeSet === null;
  const plan = { revision: content.state, changeSet, hidden: parameters.hidden, pace };
  return ok({
    content,
    outputs,
    async apply(applying) {
      const applied = cleaned(await apply(target, plan, applying), parameters.hidden);
      // One that was carried out stays with the stack, as its history.
      done ||= applied.ok;
      return applied;
    },
    async discard() {
      if (!done) await retire(target, set, pace);
      done = true;
    },
  });
}
