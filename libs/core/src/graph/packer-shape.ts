import { block, blocks, labelled, twiceLabelled, type Block } from './hcl-json.ts';

/** A post-processor of a template, and the file it writes, if it says so. */
export interface PostProcessor {
  readonly type: string;
  readonly output?: string;
}

/** What a template declares, as far as a caller of Packer needs it. */
export interface PackerShape {
  /** Names of the variables that may be passed in. */
  readonly variables: readonly string[];
  /** Names of sources as `-only` knows them: `docker.edge`; in an old template the builder's name. */
  readonly sources: readonly string[];
  /** Names of builds that have one. */
  readonly builds: readonly string[];
  /** Types of provisioners, such as `ansible`. */
  readonly provisioners: readonly string[];
  readonly postProcessors: readonly PostProcessor[];
}

const textAt = (value: Block, key: string): string | undefined =>
  typeof value[key] === 'string' ? value[key] : undefined;

const processor = (type: string, body: Block): PostProcessor => {
  const output = textAt(body, 'output');
  return { type, ...(output === undefined ? {} : { output }) };
};

/** In an old template: names, maps with `type`, and lists of both. */
function oldProcessors(value: unknown): readonly PostProcessor[] {
  if (typeof value === 'string') return [{ type: value }];
  if (Array.isArray(value)) return value.flatMap(oldProcessors);
  const type = textAt(block(value), 'type');
  return type === undefined ? [] : [processor(type, block(value))];
}

function newProcessors(build: Block): readonly PostProcessor[] {
  const chains = [build, ...blocks(build['post-processors'])];
  return chains
    .flatMap((chain) => labelled(chain['post-processor']))
    .map(({ label, body }) => processor(label, body));
}

/** What a template declares: the JSON of an HCL template (of several files, one call each), or an old JSON template. */
export function packerShape(json: unknown): PackerShape {
  const top = block(json);
  const build = blocks(top['build']);
  const oldBuilders = blocks(top['builders']).flatMap(
    (one) => textAt(one, 'name') ?? textAt(one, 'type') ?? [],
  );
  const oldVariables = blocks(top['variables']).flatMap((one) => Object.keys(one));
  return {
    variables: [...labelled(top['variable']).map(({ label }) => label), ...oldVariables],
    sources: [...twiceLabelled(top['source']).map(({ type, name }) => `${type}.${name}`), ...oldBuilders],
    builds: build.flatMap((one) => textAt(one, 'name') ?? []),
    provisioners: [
      ...build.flatMap((one) => labelled(one['provisioner']).map(({ label }) => label)),
      ...blocks(top['provisioners']).flatMap((one) => textAt(one, 'type') ?? []),
    ],
    postProcessors: [...build.flatMap(newProcessors), ...oldProcessors(top['post-processors'])],
  };
}
