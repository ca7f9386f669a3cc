import { z } from 'zod';
import { Name, Path, Uses } from './shared.ts';

/** stack.yaml as people write it. Its engines and targets come with the infrastructure thread; the graph knows it now. */
export const WrittenStack = z
  .strictObject({
    $schema: z.string().optional().describe('Read by editors only'),
    name: Name.optional().describe("The project's name; the folder's name by default"),
    description: z.string().optional().describe('What it is, for people'),
    engine: z
      .string()
      .min(1)
      .default('terraform')
      .describe('terraform, opentofu, ansible, or the path of an own engine'),
    images: z.record(z.string(), Name).default({}).describe('Variables fed by an image: variable: image'),
    playbook: Path.optional().describe('Playbook of a stack whose engine is ansible'),
    uses: Uses,
  })
  .describe('A stack of infrastructure');

/** stack.yaml as people write it. */
export type WrittenStack = z.infer<typeof WrittenStack>;
