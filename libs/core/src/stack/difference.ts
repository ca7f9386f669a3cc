import { canonical, type Json } from '../canonical.ts';
import type { AttributeChange, Shown } from './plan.ts';

/** Which parts of a value must not be shown, or are not known: the shape of the value with `true` where that holds. */
export type Mask = true | false | null | undefined | readonly Mask[] | { readonly [key: string]: Mask };

/** A value before or after, with what must not be shown of it and what is not known. */
export interface Masked {
  /** Undefined: there is none. */
  readonly value: Json | undefined;
  readonly sensitive?: Mask;
  readonly unknown?: Mask;
}

const isTrue = (mask: Mask): boolean => mask === true;

const below = (mask: Mask, key: string): Mask => {
  if (mask === true) return true;
  if (mask === null || typeof mask !== 'object' || !Object.hasOwn(mask, key)) return false;
  return (mask as Readonly<Record<string, Mask>>)[key];
};

const isContainer = (value: Json | undefined): value is { readonly [key: string]: Json | undefined } =>
  value !== null && typeof value === 'object';

const hasAny = (mask: Mask): boolean =>
  mask === true || (mask !== null && typeof mask === 'object' && Object.values(mask).some(hasAny));

/** A value as it may be shown; one that hides or lacks any part of itself is hidden or unknown as a whole. */
export function shownOf({ value, sensitive, unknown }: Masked): Shown {
  if (hasAny(sensitive)) return { is: 'sensitive' };
  if (hasAny(unknown)) return { is: 'unknown' };
  return value === undefined || value === null ? { is: 'absent' } : { is: 'value', value };
}

const keysOf = (value: Json | undefined, mask: Mask): readonly string[] => [
  ...(isContainer(value) ? Object.keys(value) : []),
  ...(mask !== null && typeof mask === 'object' ? Object.keys(mask) : []),
];

const child = ({ value, sensitive, unknown }: Masked, key: string): Masked => ({
  // A key such as `constructor` is one of every object, and of no value.
  value: isContainer(value) && Object.hasOwn(value, key) ? value[key] : undefined,
  sensitive: below(sensitive, key),
  unknown: below(unknown, key),
});

/** A value without the members that are nothing. */
function bare(value: Json | undefined): Json {
  if (Array.isArray(value)) return value.map(bare);
  if (!isContainer(value)) return value ?? null;
  const members = Object.entries(value).map(([key, one]) => [key, bare(one)] as const);
  return Object.fromEntries(members.filter(([, one]) => one !== null));
}

const same = (a: Masked, b: Masked): boolean =>
  !hasAny(b.unknown) && canonical(bare(a.value)) === canonical(bare(b.value));

/** Everything that differs between two values, leaf by leaf, in the order of the paths; a member that is null counts as none. `forces` says of a path whether it forces a replacement. */
export function difference(
  before: Masked,
  after: Masked,
  forces: (path: readonly string[]) => boolean = () => false,
): readonly AttributeChange[] {
  const found: AttributeChange[] = [];
  const visit = (a: Masked, b: Masked, path: readonly string[]): void => {
    if (same(a, b)) return;
    const hidden = isTrue(a.sensitive) || isTrue(b.sensitive);
    const keys =
      hidden || isTrue(b.unknown)
        ? []
        : [...new Set([...keysOf(a.value, a.unknown), ...keysOf(b.value, b.unknown)])].sort();
    const bothOpen = [a, b].every(
      (side) => side.value === undefined || side.value === null || isContainer(side.value),
    );
    const before = found.length;
    if (bothOpen) keys.forEach((key) => visit(child(a, key), child(b, key), [...path, key]));
    // Where none of their parts differ, they differ as a whole: nothing and an empty map, or the length of a list.
    if (found.length > before) return;
    const show = (side: Masked): Shown =>
      hidden && side.value !== undefined && side.value !== null ? { is: 'sensitive' } : shownOf(side);
    found.push({
      path: path.join('.'),
      before: show(a),
      after: hidden && hasAny(b.unknown) ? { is: 'sensitive' } : show(b),
      forces: forces(path),
    });
  };
  visit(before, after, []);
  return found;
}
