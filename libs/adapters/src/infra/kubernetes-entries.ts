import type { Entry, Inventory } from './kubernetes-inventory.ts';
import { shapeOfPath } from './kubernetes-dry-run.ts';
import type { Thing, World } from './kubernetes-look.ts';
import { address, identity, leaves } from './kubernetes-object.ts';
import type { Plan } from './kubernetes-plan.ts';

/** What is other than when the plan was made. */
export function movedSince({ inventory, revisions }: World, now: World): readonly string[] {
  const addresses = new Set([...revisions.keys(), ...now.revisions.keys()]);
  const words: Readonly<Record<string, string>> = { absent: 'is gone', leaving: 'is being deleted' };
  const objects = [...addresses].flatMap((one) => {
    const [before, after] = [revisions.get(one), now.revisions.get(one)];
    if (before === after) return [];
    if (before === 'absent') return [`${one} is there by now`];
    return [`${one} ${words[after ?? ''] ?? 'was changed by somebody else'}`];
  });
  const listed = ({ entries = [] }: Partial<Inventory>): string =>
    JSON.stringify(entries.map(({ ref }) => address(ref)));
  if (inventory?.uid === now.inventory?.uid && listed(inventory ?? {}) === listed(now.inventory ?? {}))
    return objects;
  return [inventory === null ? 'the stack was applied since' : 'what the stack owns has changed', ...objects];
}

/** What an inventory says of a thing. */
export const entryOf = ({ ref, manifest, entry }: Thing): Entry => ({
  ref,
  fields: manifest ? [...new Set(leaves(manifest.object).map(shapeOfPath))] : (entry?.fields ?? []),
  sensitive: manifest?.sensitive ?? entry?.sensitive ?? [],
});

/** Both what was owned and what is to be: whatever is half done afterwards, nothing of it is forgotten. */
export function bothEntries({ moves, world }: Plan): readonly Entry[] {
  const wanted = moves.filter(({ thing }) => thing.wanted).map(({ thing }) => entryOf(thing));
  const before = new Map((world.inventory?.entries ?? []).map((entry) => [identity(entry.ref), entry]));
  const merged = wanted.map((entry) => {
    const old = before.get(identity(entry.ref));
    before.delete(identity(entry.ref));
    return {
      ...entry,
      fields: [...new Set([...(old?.fields ?? []), ...entry.fields])],
      sensitive: [...(old?.sensitive ?? []), ...entry.sensitive],
    };
  });
  return [...merged, ...before.values()];
}
