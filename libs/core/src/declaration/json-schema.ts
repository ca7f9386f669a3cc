import { z } from 'zod';
import { Artifact, Evidence } from '../artifact.ts';
import type { Json } from '../canonical.ts';
import { WrittenEnvironment } from './environment.ts';
import { WrittenImage } from './image.ts';
import { WrittenService } from './service.ts';
import { WrittenSettings } from './settings.ts';
import { WrittenStack } from './stack.ts';
import { PreviewRecord } from '../stack/preview.ts';

/** A JSON Schema, draft-7. */
export type JsonSchema = { readonly [key: string]: Json };

/** What is described for editors and for Nx, by the name of its file. Declarations as people write them, records as they are kept. */
const SOURCES: Readonly<
  Record<string, { readonly schema: z.ZodType; readonly title: string; readonly io: 'input' | 'output' }>
> = {
  image: { schema: WrittenImage, title: 'image.yaml', io: 'input' },
  stack: { schema: WrittenStack, title: 'stack.yaml', io: 'input' },
  service: { schema: WrittenService, title: 'service.yaml', io: 'input' },
  environment: { schema: WrittenEnvironment, title: 'environment.yaml', io: 'input' },
  settings: { schema: WrittenSettings, title: '.goldenthread.yaml', io: 'input' },
  artifact: { schema: Artifact, title: 'artifact.json', io: 'output' },
  plan: { schema: PreviewRecord, title: 'plan.<environment>.json', io: 'output' },
  evidence: { schema: Evidence, title: 'evidence.json', io: 'output' },
};

const DEFINITION = '#/definitions/';

/** What the library says of every whole number, and what holds for any key: words without content. */
function isNoise(key: string, value: Json): boolean {
  if (key === 'maximum') return value === Number.MAX_SAFE_INTEGER;
  return key === 'propertyNames' && JSON.stringify(value) === '{"type":"string"}';
}

/** Takes out what helps nobody; `any` are references to "any JSON", which the library spells out in a definition of its own. */
function clean(schema: Json, any: ReadonlySet<string>): Json {
  if (Array.isArray(schema)) return (schema as readonly Json[]).map((item) => clean(item, any));
  if (schema === null || typeof schema !== 'object') return schema;
  const { $ref, ...rest } = schema as JsonSchema;
  if (typeof $ref === 'string' && any.has($ref)) return clean(rest, any);
  const members = Object.entries(schema as JsonSchema).filter(([key, value]) => !isNoise(key, value));
  // A format says the same as its pattern, and can be read.
  const kept = members.filter(([key]) => key !== 'pattern' || !('format' in schema));
  return Object.fromEntries(kept.map(([key, value]) => [key, clean(value, any)]));
}

/** Definitions that refer to themselves: the only such schema here is "any JSON". */
const recursive = (definitions: JsonSchema): readonly string[] =>
  Object.entries(definitions).flatMap(([name, body]) =>
    JSON.stringify(body).includes(`${DEFINITION}${name}`) ? [`${DEFINITION}${name}`] : [],
  );

function generate(schema: z.ZodType, title: string, io: 'input' | 'output'): JsonSchema {
  const { $schema, definitions, ...body } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io,
  }) as unknown as JsonSchema;
  const any = new Set(recursive((definitions ?? {}) as JsonSchema));
  const unknown = Object.keys((definitions ?? {}) as JsonSchema).filter(
    (name) => !any.has(`${DEFINITION}${name}`),
  );
  if (unknown.length > 0)
    throw new Error(`${title} has definitions that are not understood: ${unknown.join(', ')}`);
  return { $schema: $schema ?? null, title, ...(clean(body, any) as JsonSchema) };
}

/** All schemas by the name of their file, without its ending. The same on every machine. */
export const jsonSchemas = (): Readonly<Record<string, JsonSchema>> =>
  Object.fromEntries(
    Object.entries(SOURCES).map(([name, { schema, title, io }]) => [name, generate(schema, title, io)]),
  );

/** A schema as the text of its file. */
export const schemaText = (schema: JsonSchema): string => `${JSON.stringify(schema, null, 2)}\n`;
