import { Command } from 'commander';
import { ok, versionName, type LineageNode, type ReleaseRecord } from '@goldenthread/core';
import { withPorts } from '../context.ts';
import type { Program } from './program.ts';

/** One release, indented by how far it stands above the lowest base. */
const line = (release: ReleaseRecord, depth: number, mark: string): string =>
  `${'  '.repeat(depth)}${versionName(release)} ${release.digest.slice(0, 19)} ${release.reason}${mark}`;

/** A release and, below it, all that stands on it. */
const tree = ({ release, revoked, children }: LineageNode, depth: number): readonly string[] => [
  line(release, depth, revoked ? ` REVOKED with ${versionName(revoked)}` : ''),
  ...children.flatMap((child) => tree(child, depth + 1)),
];

/** `goldenthread lineage`: what a release was made on, and what was made on it. */
export function lineageCommand({ signal, finish }: Program): Command {
  return new Command('lineage')
    .description('what an image was made on and what was made on it, version by version')
    .argument('<image[@version]>', 'an image (its newest release), or one release')
    .action(async (name: string, _: object, command: Command) =>
      finish(
        await withPorts(command, signal, async ({ ports, call, output }) => {
          const { lineageOf } = await import('@goldenthread/engine/release');
          const found = await lineageOf(ports, name, call);
          if (!found.ok) return found;
          const bases = found.value.bases.toReversed();
          output.result(
            [...bases.map((base, depth) => line(base, depth, '')), ...tree(found.value.tree, bases.length)],
            { ok: true, ...found.value },
          );
          return ok(undefined);
        }),
      ),
    );
}
