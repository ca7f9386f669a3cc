import {
  member,
  members,
  near,
  positionOfValue,
  scalar,
  scalars,
  sortFindings,
  type Failure,
  type Finding,
  type Position,
} from '@goldenthread/core';
import {
  intrinsic,
  isRewritten,
  references,
  section,
  startOf,
  type Template,
} from './cloudformation-template.ts';

/** The largest template that CloudFormation takes in a request, in bytes. */
export const MOST_BYTES = 51_200;

const SECTIONS = [
  'AWSTemplateFormatVersion',
  'Conditions',
  'Description',
  'Globals',
  'Hooks',
  'Mappings',
  'Metadata',
  'Outputs',
  'Parameters',
  'Resources',
  'Rules',
  'Transform',
];

const wrong = ({ file, line, column }: Position, message: string): Finding => ({
  file,
  line,
  column,
  message,
  rule: 'cloudformation template',
  level: 'error',
});

/** What makes a template unreadable, as findings; null where a failure says something else. */
export function syntaxFindings(failures: readonly Failure[]): readonly Finding[] | null {
  const found = failures.flatMap((failure) =>
    failure.code === 'source-unparsable'
      ? [wrong(failure.at, `this is not valid ${failure.language}: ${failure.detail}`)]
      : [],
  );
  return found.length === failures.length ? found : null;
}

const meant = (name: string, names: Iterable<string>): string => {
  const [best] = near(name, names);
  return best === undefined ? '' : `; did you mean ${best}?`;
};

function sections({ value }: Template): readonly Finding[] {
  return members(value)
    .filter(({ key }) => !SECTIONS.includes(key))
    .map(({ key, keyAt }) => wrong(keyAt, `a template has no section ${key}${meant(key, SECTIONS)}`));
}

function resources(template: Template): readonly Finding[] {
  const declared = section(template, 'Resources');
  if (declared.length === 0) {
    const empty = member(template.value, 'Resources');
    return [wrong(empty ? positionOfValue(empty) : startOf(template), 'it has no Resources')];
  }
  return declared
    .filter(({ key, value }) => !key.startsWith('Fn::') && (scalar(member(value, 'Type')) ?? '') === '')
    .map(({ key, keyAt }) => wrong(keyAt, `the resource ${key} has no Type`));
}

const lacking = (template: Template, kind: string, key: string, what: string): readonly Finding[] =>
  section(template, kind)
    .filter((one) => !one.key.startsWith('Fn::') && member(one.value, key) === null)
    .map((one) => wrong(one.keyAt, `the ${what} ${one.key} has no ${key}`));

/** Names that nothing in the template has. */
function unknownNames(template: Template): readonly Finding[] {
  const made = section(template, 'Resources').map(({ key }) => key);
  const given = [...template.parameters.keys()];
  const both = [...made, ...given];
  const places = ['Resources', 'Outputs', 'Conditions'].flatMap((kind) => section(template, kind));
  return places
    .flatMap(({ value }) => references(value))
    .filter(({ name, attribute }) => !name.startsWith('AWS::') && !(attribute ? made : both).includes(name))
    .map(({ name, attribute, at }) =>
      wrong(
        at,
        `there is no ${attribute ? 'resource' : 'resource or parameter'} ${name}${meant(name, attribute ? made : both)}`,
      ),
    );
}

function unknownConditions(template: Template): readonly Finding[] {
  const names = section(template, 'Conditions').map(({ key }) => key);
  const used = ['Resources', 'Outputs'].flatMap((kind) =>
    section(template, kind).flatMap(({ value }) => scalars(member(value, 'Condition'))),
  );
  return used
    .filter(({ text }) => !names.includes(text))
    .map(({ text, at }) => wrong(at, `there is no condition ${text}${meant(text, names)}`));
}

function unknownOrder(template: Template): readonly Finding[] {
  const names = section(template, 'Resources').map(({ key }) => key);
  return section(template, 'Resources')
    .flatMap(({ value }) => {
      const after = member(value, 'DependsOn');
      return after && !intrinsic(after) ? scalars(after) : [];
    })
    .filter(({ text }) => !names.includes(text))
    .map(({ text, at }) => wrong(at, `DependsOn names no resource: ${text}${meant(text, names)}`));
}

/** How many bytes CloudFormation gets; it takes no more than `MOST_BYTES` of them. */
export const sizeOf = ({ body }: Template): number => Buffer.byteLength(body);

/** What to do about a template that is too large, completing "expected …". */
export const TOO_LARGE = `at most ${MOST_BYTES} bytes, all that CloudFormation takes in a request: move parts of it into stacks of their own or into nested stacks`;

/** Everything that can be seen to be wrong with a template without asking AWS. */
export function checkTemplate(template: Template): readonly Finding[] {
  const size = sizeOf(template);
  const large =
    size > MOST_BYTES ? [wrong(startOf(template), `it has ${size} bytes; expected ${TOO_LARGE}`)] : [];
  // A macro may bring what the names mean, and take away what looks wrong.
  const named = isRewritten(template)
    ? []
    : [...unknownNames(template), ...unknownConditions(template), ...unknownOrder(template)];
  return sortFindings([
    ...large,
    ...sections(template),
    ...resources(template),
    ...lacking(template, 'Parameters', 'Type', 'parameter'),
    ...lacking(template, 'Outputs', 'Value', 'output'),
    ...named,
  ]);
}
