import { fail, ok, type InfraEngine, type StackOrder } from '@goldenthread/core';
import type { AwsOptions } from '../cloud/aws-client.ts';
import type { Pace } from '../cloud/wait.ts';
import type { Parts } from '../parts.ts';
import { checkTemplate, syntaxFindings } from './cloudformation-check.ts';
import { createClients, type Target } from './cloudformation-client.ts';
import { outputsNow } from './cloudformation-deployed.ts';
import { previewDestroy } from './cloudformation-destroy.ts';
import { drift } from './cloudformation-drift.ts';
import { previewApply } from './cloudformation-preview.ts';
import { readSource, stackName, toolsOf } from './cloudformation-source.ts';

/** Databases and distributions take the better part of an hour. */
const PACE: Pace = { interval: 3_000, patience: 3 * 60 * 60 };

/** Manages stacks of AWS CloudFormation by change sets, whoever made the template: a person, the CDK, the Serverless Framework. */
export function createCloudformation(_parts: Parts, options: AwsOptions = {}): InfraEngine {
  const clients = createClients(options);
  const pace = options.pace ?? PACE;
  const target = (order: StackOrder): Target => ({
    order,
    name: stackName(order),
    ask: clients(order.stack.cloudformation.region ?? null),
  });
  return {
    name: 'cloudformation',
    tools: toolsOf,
    async validate(order, call) {
      if (call.signal.aborted) return fail({ code: 'cancelled' });
      const source = await readSource(order, call);
      if (source.ok) return ok(checkTemplate(source.value.template));
      const findings = syntaxFindings(source.failures);
      return findings ? ok(findings) : source;
    },
    preview: (order, aim, call) =>
      aim === 'apply' ? previewApply(target(order), pace, call) : previewDestroy(target(order), pace, call),
    drift: (order, call) => drift(target(order), pace, call),
    outputs: (order, call) => outputsNow(target(order), call),
  };
}
