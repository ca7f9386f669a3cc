import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { createHash } from 'node:crypto';

/** A process that owns containers: number and start time, which together no later process repeats. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks between the machine's start and the process's; 0 where the system does not say. */
  readonly started: number;
  /** Where the number means this process: a daemon may serve several machines and several PID namespaces. */
  readonly scope: string;
}

const PREFIX = 'goldenthread';
const NAME = /^\/?goldenthread-(\d+)-(\d+)-([0-9a-f]{8})-/;

/** The label that says `<pid>:<starttime>` of a container's owner. */
export const OWNER_LABEL = 'goldenthread.owner';
/** The label that says in which scope the owner's number counts. */
export const SCOPE_LABEL = 'goldenthread.scope';
/** What the names of containers begin with that outlive their owner by its will. */
export const KEPT = `${PREFIX}-kept-`;

/** Field 22 of /proc/<pid>/stat, counted after the name, which may itself hold spaces and brackets. */
function startOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return null;
  }
}

function currentScope(): string {
  const space = existsSync('/proc/self/ns/pid') ? readlinkSync('/proc/self/ns/pid') : '';
  return createHash('sha256').update(`${hostname()}\n${space}`).digest('hex').slice(0, 8);
}

let remembered: Owner | null = null;

/** This process as an owner. */
export const owner = (): Owner =>
  (remembered ??= { pid: process.pid, started: startOf(process.pid) ?? 0, scope: currentScope() });

/** Labels of what this process owns. */
export const ownerLabels = (): Record<string, string> => ({
  [OWNER_LABEL]: `${owner().pid}:${owner().started}`,
  [SCOPE_LABEL]: owner().scope,
});

/** A name that says whose it is: `goldenthread-<pid>-<starttime>-<scope>-<what>`. */
export const ownedName = (what: string): string =>
  `${PREFIX}-${owner().pid}-${owner().started}-${owner().scope}-${what.replace(/[^a-zA-Z0-9_.-]/g, '-')}`;

/** The owner that a name, or a path made of such names, speaks of. */
export function ownerInName(name: string): Owner | null {
  const found = NAME.exec(name);
  return found ? { pid: Number(found[1]), started: Number(found[2]), scope: found[3] ?? '' } : null;
}

/** The owner that labels speak of. */
export function ownerInLabels(labels: Readonly<Record<string, string>>): Owner | null {
  const [pid, started] = (labels[OWNER_LABEL] ?? '').split(':').map(Number);
  if (!pid || started === undefined || Number.isNaN(started)) return null;
  return { pid, started, scope: labels[SCOPE_LABEL] ?? '' };
}

/** Whether an owner has certainly ended; of owners elsewhere nothing is known. */
export function isDead(who: Owner): boolean {
  if (who.scope !== owner().scope) return false;
  try {
    process.kill(who.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const started = startOf(who.pid);
  return started !== null && who.started !== 0 && started !== who.started;
}
