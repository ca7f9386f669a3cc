import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Json } from '../canonical.ts';
import { parseYaml, plain } from '../yaml.ts';
import { WrittenEnvironment } from './environment.ts';
import { WrittenImage } from './image.ts';
import { jsonSchemas, schemaText, type JsonSchema } from './json-schema.ts';
import { WrittenService } from './service.ts';
import { WrittenStack } from './stack.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const folder = join(root, 'libs/plugin/schemas');
const SCHEMAS = jsonSchemas();

const isMap = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isMap,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
};

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  uri: (text) => URL.canParse(text),
  'date-time': (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text),
};

const text = (rule: Json): string => (typeof rule === 'string' ? rule : '');

const count = (value: unknown): number =>
  typeof value === 'string' || Array.isArray(value) ? value.length : Infinity;

/** What each key that our schemas use asks of a value. A key that is not here fails the spec: nothing is taken for granted. */
const RULES: Readonly<Record<string, (rule: Json, value: unknown, schema: JsonSchema) => boolean>> = {
  type: (rule, value) => TYPES[text(rule)]?.(value) ?? false,
  enum: (rule, value) => (rule as readonly Json[]).includes(value as Json),
  const: (rule, value) => rule === value,
  pattern: (rule, value) => typeof value !== 'string' || new RegExp(text(rule), 'u').test(value),
  format: (rule, value) => typeof value !== 'string' || (FORMATS[text(rule)]?.(value) ?? false),
  minLength: (rule, value) => count(value) >= Number(rule),
  minItems: (rule, value) => !Array.isArray(value) || value.length >= Number(rule),
  minimum: (rule, value) => typeof value !== 'number' || value >= Number(rule),
  maximum: (rule, value) => typeof value !== 'number' || value <= Number(rule),
  required: (rule, value) =>
    !isMap(value) || (rule as readonly string[]).every((key) => Object.hasOwn(value, key)),
  items: (rule, value) => !Array.isArray(value) || value.every((item) => valid(rule, item)),
  anyOf: (rule, value) => (rule as readonly Json[]).some((branch) => valid(branch, value)),
  propertyNames: (rule, value) => !isMap(value) || Object.keys(value).every((key) => valid(rule, key)),
  properties: (rule, value) =>
    !isMap(value) ||
    Object.entries(rule as JsonSchema).every(
      ([key, inner]) => !Object.hasOwn(value, key) || valid(inner, value[key]),
    ),
  additionalProperties: (rule, value, { properties = {} }) =>
    !isMap(value) ||
    Object.entries(value).every(
      ([key, member]) => Object.hasOwn(properties as object, key) || valid(rule, member),
    ),
  ...Object.fromEntries(['$schema', 'title', 'description', 'default'].map((key) => [key, () => true])),
};

/** Whether a value satisfies a schema, by as much of JSON Schema as ours use. */
function valid(schema: Json | undefined, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema;
  return Object.entries(schema as JsonSchema).every(([key, rule]) => {
    const check = RULES[key];
    if (!check) throw new Error(`the specification does not know the key ${key}`);
    return check(rule, value, schema as JsonSchema);
  });
}

describe('the schemas in libs/plugin/schemas', () => {
  it('are those that core describes (`npm run schemas` writes them)', () => {
    const written = Object.fromEntries(
      readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
    );
    expect(written).toEqual(
      Object.fromEntries(
        Object.entries(SCHEMAS).map(([name, schema]) => [`${name}.json`, schemaText(schema)]),
      ),
    );
  });

  it.each(Object.entries(SCHEMAS))('%s is draft-7, by itself, with words for people', (_, schema) => {
    expect(schema).toMatchObject({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      additionalProperties: false,
    });
    expect(schema['title']).toMatch(/\.(yaml|json)$/);
    expect(schema['description']).toMatch(/^(An?|The) /);
    expect(JSON.stringify(schema)).not.toMatch(/\$ref|definitions|9007199254740991/);
  });

  it.each(['image', 'stack', 'service', 'environment'])('every key of %s is described', (name) => {
    const properties = SCHEMAS[name]?.['properties'] as Readonly<Record<string, JsonSchema>>;
    expect(
      Object.entries(properties).filter(([, { description }]) => typeof description !== 'string'),
    ).toEqual([]);
  });
});

/** The workspace's own declarations. */
const declarations = ['images', 'infra', 'apps'].flatMap((start) =>
  readdirSync(join(root, start), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^(image|stack|service|environment)\.yaml$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name))),
);

describe("the workspace's own declarations", () => {
  it('are some', () => expect(declarations.length).toBeGreaterThan(5));

  it.each(declarations)('%s satisfies the schema that its first line names', (path) => {
    const content = readFileSync(join(root, path), 'utf8');
    const named = /^# yaml-language-server: \$schema=(\S+)\n/.exec(content)?.[1] ?? '';
    const kind = basename(path, '.yaml');
    expect(join(dirname(path), named)).toBe(`libs/plugin/schemas/${kind}.json`);
    expect(existsSync(join(root, dirname(path), named))).toBe(true);
    const parsed = parseYaml(path, content);
    expect(parsed.ok && valid(SCHEMAS[kind], plain(parsed.value))).toBe(true);
  });
});

const digest = `sha256:${'a'.repeat(64)}`;

/** A declaration of each kind in which everything is said that can be. */
const FULL: Readonly<Record<string, { readonly schema: z.ZodType; readonly written: readonly Json[] }>> = {
  image: {
    schema: WrittenImage,
    written: [
      {
        name: 'edge',
        role: 'edge',
        description: 'at the edge',
        base: {
          mmdebstrap: {
            suite: 'bookworm',
            variant: 'minbase',
            packages: ['python3'],
            mirror: 'https://deb.example.org',
            snapshot: '2026-01-01T00:00:00Z',
          },
        },
        builder: 'layered',
        roles: ['nginx', { role: 'app', vars: { port: 80, deep: [{ x: null }] } }],
        variables: { a_b: true },
        backend: 'overlay',
        packer: { template: 'a.pkr.hcl', only: ['x'], variables: { size: 1.5 }, var_files: ['v.json'] },
        config: {
          cmd: ['x'],
          entrypoint: ['y'],
          env: { A: 'b' },
          user: 'u',
          workdir: '/w',
          ports: ['80/tcp'],
          labels: { l: 'm' },
        },
        tests: [{ testinfra: 'tests' }, { script: 'a.sh', on: 'booted', timeout: 60 }],
        uses: [{ image: 'a' }, { role: 'b' }, { stack: 'c' }, { service: 'd' }, { file: 'e/f' }],
      },
      { base: { image: 'base' }, playbook: 'p.yml' },
      { base: { oci: `debian@${digest}` } },
    ],
  },
  stack: {
    schema: WrittenStack,
    written: [{ name: 'net', engine: 'ansible', images: { ami: 'edge' }, playbook: 'p.yml', uses: [] }, {}],
  },
  service: {
    schema: WrittenService,
    written: [{ base: { image: 'node' }, stacks: ['net'], description: 'x' }],
  },
  environment: { schema: WrittenEnvironment, written: [{ stage: 0, stacks: ['net'], services: ['shop'] }] },
};

/** The value with one change somewhere: a member taken out, replaced, or put in. */
function changed(value: Json, choices: readonly number[], by: Json): Json {
  const [choice = 0, ...rest] = choices;
  const entries = isMap(value)
    ? Object.entries(value)
    : Array.isArray(value)
      ? [...(value as readonly Json[]).entries()]
      : [];
  if (entries.length === 0 || rest.length === 0) return by;
  const [key, member] = entries[choice % entries.length] ?? ['', null];
  const inner = changed(member, rest, by);
  if (Array.isArray(value))
    return (value as readonly Json[]).map((item, index) => (index === key ? inner : item));
  const map = Object.fromEntries(entries.map(([name, old]) => [name, name === key ? inner : old])) as Record<
    string,
    Json
  >;
  // Now and then a key goes, or one comes that is not known.
  if (choice % 5 === 0) delete map[key];
  return choice % 7 === 0 ? { ...map, colour: by } : map;
}

const strange = fc.constantFrom<Json>(
  null,
  true,
  0,
  -1,
  1.5,
  4000,
  '',
  'x',
  'Edge',
  '/abs',
  '80/tcp',
  digest,
  [],
  ['a'],
  {},
  { image: 'a' },
  { script: 'a', on: 'files' },
);

describe('editors and the graph agree', () => {
  it.each(Object.entries(FULL))('on what %s says', (name, { schema, written }) => {
    for (const one of written) {
      expect(schema.safeParse(one).success).toBe(true);
      expect(valid(SCHEMAS[name], one)).toBe(true);
    }
  });

  it.each(Object.entries(FULL))('on what %s may not say', (name, { schema, written }) => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...written),
        fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }),
        strange,
        (start, choices, by) => {
          const value = changed(start, choices, by);
          const accepted = schema.safeParse(value).success;
          if (!accepted) refused += 1;
          expect([valid(SCHEMAS[name], value), value]).toEqual([accepted, value]);
        },
      ),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
