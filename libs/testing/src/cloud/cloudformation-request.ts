import { AwsRefusal, type Parameters } from './aws-wire.ts';
import { parseTemplate, type FakeTemplate } from './cloudformation-template.ts';
import type { FakeWanted } from './cloudformation-world.ts';

/** A parameter that has to be there. */
export function needed(form: Parameters, name: string): string {
  const value = form.get(name);
  if (value === undefined || value === '')
    throw new AwsRefusal(
      'ValidationError',
      `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  return value;
}

const pairs = (form: Parameters, list: string, key: string, value: string): ReadonlyMap<string, string> =>
  new Map(form.each(`${list}.member`).map((one) => [needed(one, key), one.get(value) ?? '']));

const MOST_BYTES = 51_200;

/** What a request for a change set asks for. */
export function readWanted(form: Parameters): {
  readonly wanted: FakeWanted;
  readonly template: FakeTemplate;
} {
  const body = needed(form, 'TemplateBody');
  if (Buffer.byteLength(body) > MOST_BYTES)
    throw new AwsRefusal(
      'ValidationError',
      `1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to ${MOST_BYTES}`,
    );
  const template = parseTemplate(body);
  if (!template)
    throw new AwsRefusal(
      'ValidationError',
      'Template format error: At least one Resources member must be defined.',
    );
  const parameters = pairs(form, 'Parameters', 'ParameterKey', 'ParameterValue');
  const strange = [...parameters.keys()].filter((name) => !template.parameters.has(name));
  if (strange.length > 0)
    throw new AwsRefusal(
      'ValidationError',
      `Parameters: [${strange.join(', ')}] do not exist in the template`,
    );
  const missing = [...template.parameters].filter(
    ([name, { fallback }]) => fallback === null && !parameters.has(name),
  );
  if (missing.length > 0)
    throw new AwsRefusal(
      'ValidationError',
      `Parameters: [${missing.map(([name]) => name).join(', ')}] must have values`,
    );
  const tags = form.each('Tags.member').length === 0 ? null : pairs(form, 'Tags', 'Key', 'Value');
  const [revert, isNesting] = [
    form.get('DeploymentMode') === 'REVERT_DRIFT',
    form.get('IncludeNestedStacks') === 'true',
  ];
  return { wanted: { template: body, parameters, tags, revert, isNesting }, template };
}
