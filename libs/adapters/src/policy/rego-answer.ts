import type { Json, PolicyFinding } from '@goldenthread/core';

/** What Rego policies say: their findings, and how many rules there were to say something. */
export interface RegoAnswer {
  readonly findings: readonly PolicyFinding[];
  readonly rules: number;
}

type Fields = Readonly<Record<string, Json | undefined>>;

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

const isMap = (value: Json | undefined): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

const resourceOf = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);

/** A finding of conftest: `{ msg, metadata }`. One without words is told all the same. */
function conftestFinding(said: Json): PolicyFinding {
  const { msg, metadata } = isMap(said) ? said : {};
  return {
    resource: resourceOf(isMap(metadata) ? metadata['resource'] : undefined),
    message: typeof msg === 'string' && msg !== '' ? msg : JSON.stringify(said),
  };
}

/** What `conftest test --output json` prints: for each namespace how many rules were content, and what the others said. Null for anything else. */
export function conftestAnswer(text: string): RegoAnswer | null {
  const results = parsed(text);
  if (
    !Array.isArray(results) ||
    !results.every((one: Json) => isMap(one) && typeof one['successes'] === 'number')
  )
    return null;
  const all = results as readonly Fields[];
  const findings = all.flatMap(({ failures, warnings }) =>
    [...listOf(failures), ...listOf(warnings)].map(conftestFinding),
  );
  const content = all.reduce(
    (sum, { successes, exceptions }) => sum + Number(successes) + listOf(exceptions).length,
    0,
  );
  return { findings, rules: content + findings.length };
}

/** Rules that refuse or warn, as conftest knows them. */
const RULE = /^(deny|violation|warn)(_[a-zA-Z0-9]+)*$/;

/** One thing that a rule said in Rego: a text, or a map with `msg`. */
function opaFinding(said: Json): PolicyFinding {
  if (!isMap(said))
    return { resource: null, message: typeof said === 'string' && said !== '' ? said : JSON.stringify(said) };
  const { msg, resource } = said;
  return {
    resource: resourceOf(resource),
    message: typeof msg === 'string' && msg !== '' ? msg : JSON.stringify(said),
  };
}

/** What a rule's value says: each member of a set; a bare `true` is a finding without words. */
function ruleFindings(name: string, value: Json): readonly PolicyFinding[] {
  if (Array.isArray(value)) return value.map(opaFinding);
  if (value === false || value === null) return [];
  return [value === true ? { resource: null, message: `${name} is true` } : opaFinding(value)];
}

/** What `opa eval --format json data.main` prints: the value of every rule of the package. Null for anything else, also for errors. */
export function opaAnswer(text: string): RegoAnswer | null {
  const answer = parsed(text);
  if (!isMap(answer) || answer['errors'] !== undefined) return null;
  // Without such a package there is no result at all.
  if (answer['result'] === undefined) return { findings: [], rules: 0 };
  const [first] = listOf(answer['result']);
  const [expression] = listOf(isMap(first) ? first['expressions'] : undefined);
  const value = isMap(expression) ? expression['value'] : undefined;
  if (!isMap(value)) return null;
  const rules = Object.entries(value).filter(([name]) => RULE.test(name));
  return { findings: rules.flatMap(([name, said]) => ruleFindings(name, said ?? null)), rules: rules.length };
}
