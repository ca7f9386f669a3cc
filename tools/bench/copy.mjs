// Sharing an image from one registry with another: ours beside skopeo, cold and when everything is there already.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
// By path: the library's index brings Vitest along, which runs only under itself.
import { startRegistry } from '../../libs/testing/dist/docker-registry.js';
import { median, table, time } from './workspace.mjs';

const LAYERS = [120, 60, 30, 10];
const dist = fileURLToPath(new URL('../../libs', import.meta.url));
const sha = (digit) => `sha256:${digit.repeat(64)}`;

/** A process of its own that shares the image with an account, and says what that moved and how long it took once all modules were loaded. */
const share = ({ root, home, artifact, account }) => `
import { assemblePorts } from '${dist}/adapters/dist/index.js';
import '${dist}/adapters/dist/store/oci.js';
import '${dist}/core/dist/schemas.js';
const started = performance.now();
const call = { signal: new AbortController().signal, emit: () => undefined };
const store = await assemblePorts(${JSON.stringify({ root, home })}).store();
const release = { version: '1.0.0', artifact: ${JSON.stringify(artifact)} };
const shared = await store.value.share(release, ${JSON.stringify(account)}, call);
if (!shared.ok) throw new Error(JSON.stringify(shared.failures));
console.log(JSON.stringify({ ...shared.value, ms: performance.now() - started }));
process.exit(0);`;

/** Publishes an image of random layers to a registry; answers its record. */
async function publish(root, home) {
  const { assemblePorts } = await import('../../libs/adapters/dist/index.js');
  const { createBlobs } = await import('../../libs/adapters/dist/store/blobs.js');
  const call = { signal: new AbortController().signal, emit: () => undefined };
  const blobs = createBlobs(home);
  const must = (result) => {
    if (!result.ok) throw new Error(JSON.stringify(result.failures));
    return result.value;
  };
  const layers = [];
  for (const megabytes of LAYERS) {
    const content = (async function* () {
      for (let at = 0; at < megabytes; at++) yield randomBytes(1 << 20);
    })();
    layers.push({ ...must(await blobs.write(content, call)), step: `${megabytes} MiB` });
  }
  const { digest, size } = must(await blobs.image(layers, {}, call));
  const time = '2026-01-01T00:00:00.000Z';
  const common = { schema: 1, image: 'big', time, seconds: 1, tools: {} };
  const artifact = {
    ...common,
    role: 'big',
    fingerprint: sha('1'),
    digest,
    base: null,
    builder: { name: 'layered' },
    commit: null,
    size,
    layers,
    external: [],
  };
  const cases = [{ name: 'works', outcome: 'passed', seconds: 1 }];
  const suites = [{ name: 'script', verifier: 'script', on: 'files', seconds: 1, cases }];
  const evidence = { ...common, artifact: digest, tests: sha('2'), passed: true, suites };
  const store = must(await assemblePorts({ root, home }).store());
  must(await store.put(artifact, [evidence], call));
  must(await store.label({ version: '1.0.0', artifact }, call));
  return artifact;
}

/** Measures and answers the table and the figures. */
export async function copyBench({ runs = 3 } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'goldenthread-bench-copy-'));
  const home = join(root, 'home');
  const from = await startRegistry();
  const figures = {
    cold: { ours: [], inside: [], skopeo: [] },
    again: { ours: [], inside: [], skopeo: [] },
    bytes: [],
  };
  try {
    writeFileSync(join(root, '.goldenthread.yaml'), `store: { oci: ${from.host}/golden }\n`);
    const artifact = await publish(root, home);
    const run = $({ quiet: true, cwd: root });
    for (let turn = 0; turn < runs; turn++) {
      const [ours, theirs] = [await startRegistry(), await startRegistry()];
      try {
        const account = { kind: 'oci', name: 'account', registry: `${ours.host}/images`, ca: null };
        const code = share({ root, home, artifact, account });
        const options = ['--src-tls-verify=false', '--dest-tls-verify=false'];
        const source = `docker://${from.host}/golden/big:1.0.0`;
        const target = `docker://${theirs.host}/images/big:1.0.0`;
        let said = '';
        const mine = () => run`node --input-type=module -e ${code}`.then(({ stdout }) => (said = stdout));
        const skopeo = () => run`skopeo copy ${options} ${source} ${target}`;
        for (const what of ['cold', 'again']) {
          figures[what].ours.push(await time(mine));
          figures[what].inside.push(JSON.parse(said).ms);
          figures[what].skopeo.push(await time(skopeo));
        }
        figures.bytes.push(JSON.parse(said).bytes);
      } finally {
        await Promise.all([ours.stop(), theirs.stop()]);
      }
      process.stderr.write(`copy: turn ${turn + 1} of ${runs} measured\n`);
    }
    const s = (ms) => (ms / 1000).toFixed(2);
    const row = (name, { ours, inside, skopeo }) => [
      name,
      s(median(skopeo)),
      s(median(ours)),
      s(median(inside)),
      `${(median(skopeo) / median(ours)).toFixed(1)}x`,
    ];
    const total = LAYERS.reduce((sum, one) => sum + one, 0);
    const rows = [
      row(`${total} MiB, nothing there yet`, figures.cold),
      row(`everything there already (${Math.max(...figures.bytes)} bytes of blobs moved)`, figures.again),
    ];
    return {
      text: table(
        [
          'registry to registry',
          'skopeo, s',
          'ours, s',
          'of which the copy itself, without starting Node, s',
          'ratio',
        ],
        rows,
      ),
      figures,
    };
  } finally {
    await from.stop();
    rmSync(root, { recursive: true, force: true });
  }
}
