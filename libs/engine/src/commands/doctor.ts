import type { Call, FoundTool, Tool, Tools } from '@goldenthread/core';

/** A tool as found, with everything it is needed for. */
export interface Diagnosis extends FoundTool {
  readonly purposes: readonly string[];
}

/** Which of the tools are here, in which versions, and what each is needed for. */
export async function doctor(
  tools: Tools,
  wanted: readonly Tool[],
  call: Call,
): Promise<readonly Diagnosis[]> {
  const byName = new Map<string, Tool[]>();
  for (const tool of wanted) byName.set(tool.name, [...(byName.get(tool.name) ?? []), tool]);
  const found = await Promise.all(
    [...byName.values()].flatMap(([first, ...rest]) =>
      first
        ? [
            tools.find(first, call).then((one): Diagnosis => ({
              ...one,
              purposes: [...new Set([first, ...rest].map((tool) => tool.purpose))],
            })),
          ]
        : [],
    ),
  );
  return found.toSorted((a, b) => (a.tool.name < b.tool.name ? -1 : 1));
}
