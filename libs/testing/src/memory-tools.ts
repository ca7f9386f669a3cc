import {
  fail,
  ok,
  toolMissing,
  type Artifact,
  type Call,
  type Evidence,
  type Records,
  type Locks,
  type Result,
  type Tool,
  type Tools,
} from '@goldenthread/core';

/** A tool that only a name makes. */
export const memoryTool = (name: string): Tool => ({
  name,
  purpose: `what ${name} is for`,
  version: ['--version'],
  install: `Install ${name}.`,
});

/** Every tool is there in version 1.0, unless `versions` says another version, or null for a missing one. */
export function memoryTools(versions: ReadonlyMap<string, string | null>): Tools {
  const version = ({ name }: Tool): string | null =>
    versions.has(name) ? (versions.get(name) ?? null) : '1.0';
  return {
    find: async (tool) => ({
      tool,
      path: version(tool) === null ? null : `/bin/${tool.name}`,
      version: version(tool),
    }),
    versions: async (tools) => {
      const missing = tools.filter((tool) => version(tool) === null);
      if (missing.length > 0) return fail(...missing.map(toolMissing));
      return ok(Object.fromEntries(tools.map((tool) => [tool.name, version(tool) ?? ''])));
    },
  };
}

/** One door with a number of places: whoever comes too late waits for a place, or until the call is cancelled. */
function door(places: number): (call: Call, waits: () => void) => Promise<Result<() => Promise<void>>> {
  let free = places;
  const queue: (() => void)[] = [];
  const leave = async (): Promise<void> => {
    const next = queue.shift();
    if (next) next();
    else free += 1;
  };
  return async (call, waits) => {
    if (call.signal.aborted) return fail({ code: 'cancelled' });
    if (free > 0) {
      free -= 1;
      return ok(leave);
    }
    waits();
    return new Promise((resolve) => {
      const enter = (): void => resolve(ok(leave));
      queue.push(enter);
      const cancel = (): void => {
        const place = queue.indexOf(enter);
        if (place === -1) return;
        queue.splice(place, 1);
        resolve(fail({ code: 'cancelled' }));
      };
      call.signal.addEventListener('abort', cancel, { once: true });
    });
  };
}

/** Locks within this process. */
export function memoryLocks(slots: number): Locks {
  const doors = new Map<string, ReturnType<typeof door>>();
  const slot = door(slots);
  const named = (name: string): ReturnType<typeof door> => {
    const known = doors.get(name) ?? door(1);
    doors.set(name, known);
    return known;
  };
  return {
    hold: (name, project, call) =>
      named(name)(call, () => call.emit({ type: 'waiting', project, what: name })),
    slot: (project, call) => slot(call, () => call.emit({ type: 'waiting', project, what: 'a slot' })),
  };
}

/** What a store keeps, in the order in which it came. */
export interface MemoryRecords {
  readonly artifacts: Artifact[];
  readonly evidence: Evidence[];
}

/** Records in memory. */
export const memoryRecords = ({ artifacts, evidence }: MemoryRecords): Records => ({
  find: async (image, fingerprint) =>
    ok(artifacts.findLast((one) => one.image === image && one.fingerprint === fingerprint) ?? null),
  put: async (artifact) => ok(void artifacts.push(artifact)),
  evidence: async (artifact, tests) =>
    ok(evidence.findLast((one) => one.artifact === artifact && one.tests === tests) ?? null),
  prove: async (one) => ok(void evidence.push(one)),
  evidenceOf: async (artifact) => ok(evidence.filter((one) => one.artifact === artifact)),
});
