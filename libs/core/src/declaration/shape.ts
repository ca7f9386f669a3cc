import type { z } from 'zod';

/** Any schema. */
export type Schema = z.core.$ZodType;

/** What a schema is made of, inside of its wrappers (optional, default). */
function defOf(schema: Schema): z.core.$ZodTypes['_zod']['def'] {
  // The library's own union of all kinds of schemas, by which their definitions can be told apart.
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'optional' || def.type === 'default' || def.type === 'nullable'
    ? defOf(def.innerType)
    : def;
}

// Set for keys that may be left out, be it for a default or for nothing.
const isOptional = (schema: Schema): boolean => schema._zod.optin !== undefined;

/** The branches of a union; none for any other schema. */
export function branches(schema: Schema): readonly Schema[] {
  const def = defOf(schema);
  return def.type === 'union' ? def.options : [];
}

/** Whether a schema describes a map with known keys. */
export const isMapSchema = (schema: Schema): boolean => defOf(schema).type === 'object';

/** Whether a schema describes whole numbers. */
export function isInteger(schema: Schema): boolean {
  const def = defOf(schema);
  return def.type === 'number' && 'format' in def;
}

/** The keys that a map may have (of a union: that one of its branches may have), but for the one that only editors read. */
export function keysOf(schema: Schema): readonly string[] {
  const def = defOf(schema);
  if (def.type === 'union') return [...new Set(def.options.flatMap(keysOf))];
  return def.type === 'object' ? Object.keys(def.shape).filter((key) => key !== '$schema') : [];
}

/** The keys that a map must have: in a union of maps they tell its branches apart. */
export function requiredKeys(schema: Schema): readonly string[] {
  const def = defOf(schema);
  if (def.type !== 'object') return [];
  return Object.entries(def.shape).flatMap(([key, member]) => (isOptional(member) ? [] : [key]));
}

function child(schema: Schema, key: PropertyKey): Schema | undefined {
  const def = defOf(schema);
  if (def.type === 'object') return def.shape[String(key)];
  if (def.type === 'array') return typeof key === 'number' ? def.element : undefined;
  if (def.type === 'record') return def.valueType;
  return def.type === 'union'
    ? def.options.map((option) => child(option, key)).find((found) => found !== undefined)
    : undefined;
}

/** The schema of what stands at a path. */
export function schemaAt(schema: Schema, path: readonly PropertyKey[]): Schema | undefined {
  return path.reduce<Schema | undefined>((here, key) => here && child(here, key), schema);
}
