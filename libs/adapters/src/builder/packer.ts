import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  fail,
  ok,
  type Artifact,
  type BakeOrder,
  type Built,
  type Call,
  type Image,
  type ImageBuilder,
  type Result,
  type Tool,
} from '@goldenthread/core';
import { createEngine, DOCKER, type Engine } from '../docker/engine.ts';
import { ownedName } from '../docker/owner.ts';
import { must, run, toolFailure, which, type Command } from '../host.ts';
import { makeWork, quiet, removeTree, sweep } from '../namespace/work.ts';
import type { Parts } from '../parts.ts';
import { MMDEBSTRAP } from '../rootfs/mmdebstrap.ts';
import { ANSIBLE } from './ansible.ts';
import { createLayered } from './layered.ts';
import { packerFailures } from './packer-failure.ts';
import { createPackerReader, type PackerReport } from './packer-output.ts';
import { packerResult } from './packer-result.ts';
import { runUnbroken } from './packer-run.ts';
import { manifestPath, readTemplate, usesAnsible, usesDocker, type Template } from './packer-template.ts';
import { packerEnvironment, packerVariables } from './packer-variables.ts';

/** Builds images from templates. */
export const PACKER: Tool = {
  name: 'packer',
  purpose: 'images that are made from a Packer template',
  version: ['version'],
  install: 'Install Packer (https://developer.hashicorp.com/packer/install).',
  debian: 'packer',
};

type Base = Pick<Artifact, 'digest' | 'layers'>;

/** One run of Packer. */
interface Bake {
  readonly parts: Parts;
  readonly engine: Engine;
  readonly order: BakeOrder;
  readonly template: Template;
  /** A folder of this run alone. */
  readonly work: string;
  readonly log: string;
  /** What containers of this run are called, and the folder they mount: both say whose they are. */
  readonly name: string;
}

/** Makes images from Packer templates, old and new; Docker images end up in the blob store. */
export function createPacker(parts: Parts): ImageBuilder {
  const engine = createEngine(parts.blobs);
  return {
    name: 'packer',
    // What the template uses decides which programs count.
    variant: async (image) => {
      const template = await readTemplate(parts.root, image);
      if (!template.ok) return template;
      const uses = [
        usesDocker(template.value) ? 'docker' : [],
        usesAnsible(template.value) ? 'ansible' : [],
      ].flat();
      return ok(['packer', ...uses].join('+'));
    },
    tools: (image, variant) => [PACKER, ...toolsOf(image, variant.split('+'))],
    build: async (order, call) => {
      const template = await readTemplate(parts.root, order.image);
      return template.ok ? bake({ parts, engine, order, template: template.value }, call) : template;
    },
  };
}

const toolsOf = (image: Image, uses: readonly string[]): readonly Tool[] => [
  ...(uses.includes('docker') ? [DOCKER] : []),
  ...(uses.includes('ansible') ? [ANSIBLE] : []),
  ...(image.base && 'mmdebstrap' in image.base ? [MMDEBSTRAP] : []),
];

async function bake(given: Omit<Bake, 'work' | 'log' | 'name'>, call: Call): Promise<Result<Built>> {
  const { parts, order, engine } = given;
  const { home } = parts;
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  if (which(PACKER.name) === null)
    return fail({
      code: 'tool-missing',
      tool: PACKER.name,
      purpose: PACKER.purpose,
      install: PACKER.install,
    });
  await sweep(home);
  if (usesDocker(given.template)) {
    const swept = await engine.sweep(call);
    if (!swept.ok) return swept;
  }
  await mkdir(join(home, 'logs'), { recursive: true });
  const log = join(home, 'logs', `${order.image.name}-${new Date().toISOString().replace(/[:.]/g, '-')}.log`);
  const name = ownedName(`${order.image.name}-${randomBytes(4).toString('hex')}`);
  const whole: Bake = { ...given, work: await makeWork(home), log, name };
  try {
    return await build(whole, call);
  } finally {
    await removeTree(whole.work);
  }
}

async function build(bake: Bake, call: Call): Promise<Result<Built>> {
  const { template, order, work, parts, engine } = bake;
  const base = await baseOf(bake, call);
  if (!base.ok) return base;
  const reference = base.value && usesDocker(template) ? await hand(bake, base.value, call) : ok(null);
  if (!reference.ok) return reference;
  const ours = join(work, 'manifest.json');
  const inputs = {
    root: parts.root,
    order,
    template,
    name: bake.name,
    base: reference.value,
    manifest: ours,
  };
  const variables = packerVariables(inputs);
  await writeFile(join(work, 'variables.json'), JSON.stringify(variables), { mode: 0o600 });
  await mkdir(join(work, bake.name));
  const ready = await initialise(bake, call);
  if (!ready.ok) return ready;
  const report = await runPacker(bake, call);
  if (!report.ok) return report;
  const manifest = manifestPath(template, variables['manifest']);
  return packerResult(
    {
      root: parts.root,
      blobs: parts.blobs,
      engine,
      order,
      template,
      manifest,
      report: report.value,
      base: base.value,
    },
    call,
  );
}

/** The base as an artifact; one that comes from a source is made (or taken from memory) by the layered builder. */
async function baseOf({ parts, order }: Bake, call: Call): Promise<Result<Base | null>> {
  if (order.base.kind === 'none') return ok(null);
  if (order.base.kind === 'artifact') return ok(order.base.artifact);
  return createLayered(parts).build({ ...order, image: { ...order.image, config: {} }, steps: [] }, call);
}

/** Has Docker hold the base, and answers what a template calls it. */
async function hand({ engine, order }: Bake, base: Base, call: Call): Promise<Result<string>> {
  const id = await engine.load(base, call);
  if (!id.ok) return id;
  const name =
    order.image.base && 'image' in order.image.base ? order.image.base.image : `${order.image.name}-base`;
  return engine.tag(id.value, name, base.digest, call);
}

const command = (bake: Bake, args: readonly string[]): Command => ({
  argv: [PACKER.name, ...args, bake.template.argument],
  cwd: bake.template.folder,
  env: packerEnvironment(bake.parts.root, bake.order, join(bake.work, bake.name)),
});

const atLeast = (version: string, wanted: readonly [number, number]): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
};

/** Fetches the plugins that a template names, for which Packer has a command since 1.7. */
async function initialise(bake: Bake, call: Call): Promise<Result<void>> {
  if (!bake.template.modern) return ok(undefined);
  let version = bake.order.tools['packer'];
  if (version === undefined) {
    const asked = await must(
      { argv: ['packer', 'version'], purpose: PACKER.purpose, install: PACKER.install },
      call,
    );
    if (!asked.ok) return asked;
    version = /\d+\.\d+/.exec(asked.value.stdout)?.[0] ?? '0.0';
  }
  if (!atLeast(version, [1, 7])) return ok(undefined);
  const done = await run({ ...command(bake, ['init']), log: bake.log }, call);
  if (!done.ok || done.value.code === 0) return done.ok ? ok(undefined) : done;
  return fail(toolFailure({ argv: ['packer init'], cwd: bake.parts.home, log: bake.log }, done.value));
}

function argumentsOf({ order, template, parts, work }: Bake): readonly string[] {
  const { only = [], var_files: files = [] } = order.image.packer ?? {};
  const named = files.map((file) => relative(template.folder, join(parts.root, order.image.root, file)));
  return [
    ...['build', '-machine-readable'],
    ...(order.force ? ['-force'] : []),
    ...(only.length > 0 ? [`-only=${only.join(',')}`] : []),
    ...[...named, join(work, 'variables.json')].map((file) => `-var-file=${file}`),
  ];
}

async function runPacker(bake: Bake, call: Call): Promise<Result<PackerReport>> {
  const { order, log, engine, template, parts, name, work } = bake;
  const reader = createPackerReader();
  const file = createWriteStream(log, { flags: 'a' }).on('error', () => undefined);
  const onLine = (line: string): void => {
    for (const said of reader.take(line)) {
      file.write(`${said}\n`);
      if (said !== '') call.emit({ type: 'output', project: order.image.name, line: said });
    }
  };
  const ended = await runUnbroken({ ...command(bake, argumentsOf(bake)), onLine }, join(work, 'said'), call);
  await new Promise<void>((resolve) => file.end(() => resolve()));
  // Packer takes its containers away itself, unless it was killed outright.
  if (usesDocker(template)) await engine.removeOf(name, quiet());
  if (!ended.ok) return ended;
  const report = reader.report();
  if (ended.value.code === 0) return ok(report);
  return fail(
    ...(await packerFailures(
      { root: parts.root, home: parts.home, image: order.image.name, template, log },
      report,
    )),
  );
}
