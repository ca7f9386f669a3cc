import { z } from 'zod';
import { Name, Uses } from './shared.ts';

/** service.yaml as people write it. Packaging and release come with the service thread; the graph knows it now. */
export const WrittenService = z
  .strictObject({
    $schema: z.string().optional().describe('Read by editors only'),
    name: Name.optional().describe("The project's name; the folder's name by default"),
    description: z.string().optional().describe('What it is, for people'),
    base: z.strictObject({ image: Name }).optional().describe('The image of this workspace it runs on'),
    stacks: z.array(Name).default([]).describe('The stacks it is deployed to'),
    uses: Uses,
  })
  .describe('A microservice');

/** service.yaml as people write it. */
export type WrittenService = z.infer<typeof WrittenService>;
