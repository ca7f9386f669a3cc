// npm run bench [graph|bake|copy|plan]: every figure of the README, measured here and now, each beside its alternative.
import { bakeBench } from './bake.mjs';
import { copyBench } from './copy.mjs';
import { graphBench } from './graph.mjs';
import { planBench } from './plan.mjs';

const BENCHES = { graph: graphBench, bake: bakeBench, copy: copyBench, plan: planBench };
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in BENCHES));
if (unknown.length > 0 || asked.includes('--help')) {
  process.stderr.write(`usage: npm run bench [-- ${Object.keys(BENCHES).join(' | ')}]\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}
for (const name of asked.length > 0 ? asked : Object.keys(BENCHES)) {
  const { text } = await BENCHES[name]();
  process.stdout.write(`\n## ${name}\n\n${text}\n`);
}
// The HCL parser's worker would keep the process alive.
process.exit(0);
