import { z } from 'zod';
import { Name, Uses } from './shared.ts';

/** environment.yaml as people write it. Gates and policy come with promotion; the graph knows it now. */
export const WrittenEnvironment = z
  .strictObject({
    $schema: z.string().optional().describe('Read by editors only'),
    name: Name.optional().describe("The project's name; the folder's name by default"),
    description: z.string().optional().describe('What it is, for people'),
    stage: z.int().min(0).max(99).describe('Its place in the order of promotion, from 0'),
    stacks: z.array(Name).default([]).describe('Stacks that make it'),
    services: z.array(Name).default([]).describe('Services that run in it'),
    uses: Uses,
  })
  .describe('An environment');

/** environment.yaml as people write it. */
export type WrittenEnvironment = z.infer<typeof WrittenEnvironment>;
