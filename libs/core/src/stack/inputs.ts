import type { Environment, Stack } from '../declaration/used-stack.ts';
import type { ReleaseRecord } from '../ledger/schema.ts';
import { DEFAULT_CHANNEL, releaseNamed, versionName, type LedgerState } from '../ledger/state.ts';
import { channelVersion } from '../release/channel.ts';
import { revocationOf, revokedFailure } from '../release/lineage.ts';
import type { Failure } from '../failure.ts';
import { near } from '../near.ts';
import { positionAt } from '../position.ts';
import { fail, ok, type Result } from '../result.ts';
import { at, parseYaml, positionOfValue } from '../yaml.ts';
import type { Input, Inputs, Outputs, Preview } from './plan.ts';

/** The version of an image that an environment uses, and how that came in words. */
export interface ImageChoice {
  readonly version: string;
  readonly digest: string;
  /** "edge 1.4.1, the default" or "edge 1.4.0, pinned". */
  readonly from: string;
}

const choiceOf = ({ version, digest, image }: ReleaseRecord, how: string): ImageChoice => ({
  version,
  digest,
  from: `${image} ${version}, ${how}`,
});

/** The version of an image in an environment: its pin, or what its channel points to; null where that is nothing. Fails with `revoked`. */
export function imageChoice(
  { pins, channel }: Pick<Environment, 'pins' | 'channel'>,
  image: string,
  state: LedgerState,
): Result<ImageChoice | null> {
  const pin = Object.hasOwn(pins, image) ? pins[image] : undefined;
  const version = pin ?? channelVersion(state, image, channel);
  if (version === null) return ok(null);
  const release = releaseNamed(state, image, version);
  if (!release.ok) return release;
  const revoked = revocationOf(state, release.value);
  if (revoked) return fail(revokedFailure(versionName(release.value), revoked));
  const how = channel === DEFAULT_CHANNEL ? 'the default' : `the channel ${channel}`;
  return ok(choiceOf(release.value, pin === undefined ? how : 'pinned'));
}

/** Where inputs come from; null where it is not known yet. */
export interface Sources {
  readonly image: (image: string) => ImageChoice | null;
  /** Outputs of a stack, as far as they are known. */
  readonly outputs: (stack: string) => Outputs | null;
}

/** What a stack is given, or why that is not known yet. */
export interface Given {
  readonly inputs: Inputs;
  readonly images: Preview['images'];
  /** In words; nothing is planned where there is any. */
  readonly missing: readonly string[];
}

/** Resolves the inputs of a stack as it is in an environment: never with an invented value. */
export function giveInputs(stack: Stack, sources: Sources): Given {
  const inputs = new Map<string, Input>();
  const images: Record<string, { readonly version: string; readonly digest: string }> = {};
  const missing: string[] = [];
  for (const [name, value] of Object.entries(stack.variables)) inputs.set(name, { value, from: 'declared' });
  for (const { variable, image, as } of stack.images) {
    const choice = sources.image(image);
    if (!choice) missing.push(`${image} has no version here yet, which ${variable} is to get`);
    else {
      images[image] = { version: choice.version, digest: choice.digest };
      inputs.set(variable, { value: choice[as], from: choice.from });
    }
  }
  for (const { variable, stack: upstream, output } of stack.inputs) {
    const value = sources.outputs(upstream)?.get(output);
    if (value === undefined)
      missing.push(`${output} of ${upstream} is known only when ${upstream} has been applied`);
    else inputs.set(variable, { value, from: `${output} of ${upstream}` });
  }
  return { inputs: new Map([...inputs].toSorted(([a], [b]) => (a < b ? -1 : 1))), images, missing };
}

/** Outputs that a stack takes and another does not have; `text` is the text of the stack's declaration. */
export function lackingOutputs(
  stack: Stack,
  of: { readonly stack: string; readonly names: Iterable<string> },
  text: string,
): readonly Failure[] {
  const names = [...of.names];
  const parsed = parseYaml(stack.file, text);
  return stack.inputs
    .filter((input) => input.stack === of.stack && !names.includes(input.output))
    .map(({ variable, output }): Failure => ({
      code: 'reference-missing',
      at: parsed.ok
        ? positionOfValue(at(parsed.value, ['inputs', variable, 'output']))
        : positionAt(stack.file, text, 0),
      kind: `output of ${of.stack} (it has ${names.length > 0 ? names.join(', ') : 'none'})`,
      name: output,
      near: near(output, names),
    }));
}
