// Writes libs/plugin/schemas from core's compiled schemas; a spec beside them fails when somebody forgets it.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { jsonSchemas, schemaText } from '../libs/core/dist/declaration/json-schema.js';

const folder = fileURLToPath(new URL('../libs/plugin/schemas/', import.meta.url));
const schemas = jsonSchemas();
mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries(schemas))
  writeFileSync(`${folder}${name}.json`, schemaText(schema));
const stale = readdirSync(folder).filter((file) => !(file.replace(/\.json$/, '') in schemas));
for (const file of stale) rmSync(`${folder}${file}`);
console.log(`libs/plugin/schemas: ${Object.keys(schemas).join(', ')}`);
