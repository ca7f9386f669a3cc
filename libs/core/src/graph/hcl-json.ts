/** A source whose text a parser of HCL or JSON has read. */
export interface JsonSource {
  /** Path relative to the workspace root. */
  readonly path: string;
  readonly text: string;
  /** What `@cdktf/hcl2json` gives for HCL, or the JSON itself. */
  readonly json: unknown;
}

/** A block as the parser gives it. */
export type Block = Readonly<Record<string, unknown>>;

const isBlock = (value: unknown): value is Block =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** A value as a block; an empty one for anything else. */
export const block = (value: unknown): Block => (isBlock(value) ? value : {});

/** The blocks that a key holds: HCL gives a list, JSON a list or the block itself. */
export function blocks(value: unknown): readonly Block[] {
  if (Array.isArray(value)) return value.flatMap(blocks);
  return isBlock(value) ? [value] : [];
}

/** Blocks with one label, such as `provisioner "shell"`, in no particular order of labels. */
export const labelled = (value: unknown): readonly { readonly label: string; readonly body: Block }[] =>
  blocks(value).flatMap((one) =>
    Object.entries(one).flatMap(([label, bodies]) => blocks(bodies).map((body) => ({ label, body }))),
  );

/** Blocks with two labels, such as `source "docker" "edge"`. */
export const twiceLabelled = (
  value: unknown,
): readonly { readonly type: string; readonly name: string; readonly body: Block }[] =>
  labelled(value).flatMap(({ label, body }) =>
    Object.entries(body).flatMap(([name, bodies]) =>
      blocks(bodies).map((inner) => ({ type: label, name, body: inner })),
    ),
  );

/** Every text below a value with the key it stands under (that of the list for items of a list), depth first. */
export function strings(
  value: unknown,
  key = '',
): readonly { readonly key: string; readonly text: string }[] {
  if (typeof value === 'string') return [{ key, text: value }];
  if (Array.isArray(value)) return value.flatMap((item) => strings(item, key));
  if (!isBlock(value)) return [];
  return Object.entries(value).flatMap(([inner, member]) => strings(member, inner));
}

const isLeaf = (value: unknown): boolean =>
  !isBlock(value) &&
  !(Array.isArray(value) && value.some((item) => item !== null && typeof item === 'object'));

/** The plain values and lists of plain values below a value with their keys, depth first: some keys mean the same anywhere. */
export function leafEntries(value: unknown): readonly { readonly key: string; readonly value: unknown }[] {
  if (Array.isArray(value)) return value.flatMap(leafEntries);
  if (!isBlock(value)) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    isLeaf(member) ? [{ key, value: member }] : leafEntries(member),
  );
}
