import { posix } from 'node:path';
import { fail, ok, type Json, type PolicyChecker, type PolicyFinding } from '@goldenthread/core';
import { askOwn } from '../own-thread.ts';
import type { Parts } from '../parts.ts';

const SECONDS = 30;

const HINT =
  'Export `rule`: a function that takes a plan and answers a list of { resource, message }, an empty one where nothing is wrong.';

/** One thing that a rule said; null where it is no finding. */
function finding(said: Json): PolicyFinding | null {
  if (said === null || typeof said !== 'object' || !('message' in said)) return null;
  const { resource = null, message } = said as Readonly<Record<string, Json>>;
  if (typeof message !== 'string' || message === '') return null;
  return resource === null || typeof resource === 'string' ? { resource, message } : null;
}

/** Rules of a user's own: modules, JavaScript or TypeScript, with a function `rule`. Anything but a list of findings is a failure. */
export function createFunctionPolicy({ root }: Parts, seconds = SECONDS): PolicyChecker {
  return {
    name: 'rule',
    tools: [],
    async check(path, plan, call) {
      // A plan is made of JSON throughout, which an interface cannot say of itself.
      const input = plan as unknown as Json;
      const answer = await askOwn({ root, path, name: 'rule', input, hint: HINT, seconds }, call);
      if (!answer.ok) return answer;
      const findings = Array.isArray(answer.value) ? answer.value.map(finding) : [null];
      if (findings.every((one) => one !== null)) return ok(findings);
      const said = JSON.stringify(answer.value).slice(0, 200);
      return fail({
        code: 'usage',
        detail: `\`rule\` of ${posix.normalize(path)} answers ${said}, which are no findings`,
        hint: HINT,
      });
    },
  };
}
