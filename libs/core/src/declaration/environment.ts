import { z } from 'zod';
import { Name, Path, Uses } from './shared.ts';

const Patterns = z.array(z.string().min(1)).min(1);

const Common = {
  level: z.enum(['deny', 'warn']).default('deny').describe('deny: no apply; warn: it is only said'),
  stacks: z.array(Name).min(1).optional().describe('The stacks it is for; all by default'),
};

const Rule = z.union([
  z
    .strictObject({ protect: Patterns.describe('Types such as aws_db_*'), ...Common })
    .describe('Nothing of these types is deleted or replaced'),
  z
    .strictObject({ max_replaced: z.int().min(0), ...Common })
    .describe('One plan replaces no more resources than this'),
  z
    .strictObject({ max_deleted: z.int().min(0), ...Common })
    .describe('One plan deletes no more resources than this'),
  z
    .strictObject({ required_tags: Patterns, ...Common })
    .describe('What is made or changed has these tags, where its type can have tags'),
  z
    .strictObject({ allowed_regions: Patterns, ...Common })
    .describe('What is made or changed lies in these regions, where it lies in one'),
  z
    .strictObject({ rule: Path, ...Common })
    .describe('A rule of your own: a module with a function `rule` that takes a plan'),
  z
    .strictObject({ rego: Path, ...Common })
    .describe('A folder of Rego policies for conftest or opa, which get the plan as their input'),
]);

/** environment.yaml as people write it. */
export const WrittenEnvironment = z
  .strictObject({
    $schema: z.string().optional().describe('Read by editors only'),
    name: Name.optional().describe("The project's name; the folder's name by default"),
    description: z.string().optional().describe('What it is, for people'),
    stage: z.int().min(0).max(99).describe('Its place in the order of promotion, from 0'),
    stacks: z.array(Name).default([]).describe('Stacks that make it'),
    services: z.array(Name).default([]).describe('Services that run in it'),
    channel: Name.default('default').describe('The channel of images that its stacks follow'),
    pins: z
      .record(Name, z.string().regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, 'a version such as 1.4.1'))
      .default({})
      .describe('Images of which it uses this version, whatever the channel says: image: version'),
    policy: z.array(Rule).default([]).describe('Rules that every plan for it must keep'),
    retire: z
      .array(Name)
      .default([])
      .describe('Stacks that are gone from the workspace and may be destroyed here'),
    drift: z
      .enum(['report', 'request', 'repair'])
      .default('report')
      .describe('What happens to drift: say it, make a plan that awaits approval, or put it right'),
    uses: Uses,
  })
  .describe('An environment');

/** environment.yaml as people write it. */
export type WrittenEnvironment = z.infer<typeof WrittenEnvironment>;
