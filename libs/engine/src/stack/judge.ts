import {
  judge,
  ok,
  rulesFor,
  violations,
  type Environment,
  type Judged,
  type Preview,
  type Result,
  type Violation,
} from '@goldenthread/core';
import type { StackWorld } from './world.ts';

/** Judges a plan by every rule of its environment that is for its stack; a rule that cannot be asked fails. */
export async function judgePlan(
  { ports, call }: StackWorld,
  environment: Environment,
  plan: Preview,
): Promise<Result<readonly Violation[]>> {
  const judged: Judged[] = [];
  for (const { rule, index } of rulesFor(environment, plan.stack)) {
    const found = judge(rule, plan);
    if (found) {
      judged.push({ rule, index, findings: found });
      continue;
    }
    const [kind, file] =
      'rego' in rule ? (['rego', rule.rego] as const) : (['rule', 'rule' in rule ? rule.rule : ''] as const);
    const checker = await ports.policy(kind);
    if (!checker.ok) return checker;
    const findings = await checker.value.check(`${environment.root}/${file}`, plan, call);
    if (!findings.ok) return findings;
    judged.push({ rule, index, findings: findings.value });
  }
  return ok(violations(environment, ports.workspace.read(environment.file) ?? '', judged));
}
