import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';
import { start, type Running } from '../host.ts';

/** A set of Linux namespaces with a process 1 of its own: mounts and processes in it end with it. */
export interface Namespace {
  /** Put before an argv to run it inside, as the root of the namespace. */
  readonly enter: readonly string[];
  /** Process 1, as the host numbers it. */
  readonly pid: number;
  /** Cuts the tie to this process: the namespace lives until its process 1 is killed. */
  keep(): Promise<void>;
  close(): Promise<void>;
}

/** Which namespace to open. */
export interface NamespaceOptions {
  /** A network of its own, with nothing but loopback; the host's otherwise. */
  readonly net: boolean;
  /** In a user namespace, as an ordinary user needs it. */
  readonly rootless: boolean;
  /** The name that the machine inside goes by, whatever the host is called. */
  readonly name: string;
}

// Process 1 reads a pipe that only we hold: when we end, however we end, it reads the end of file and everything in here
// ends with it. The word `keep` turns it into a process that waits for nobody.
const HOLD = `hostname "$1" 2>/dev/null || :
ip link set lo up 2>/dev/null || :
echo ready
if read -r word && [ "$word" = keep ]; then exec setpriv --pdeathsig clear sleep infinity </dev/null >/dev/null 2>&1; fi`;

const HINT =
  'As an ordinary user: install uidmap, give the user a line in /etc/subuid and /etc/subgid, and allow user namespaces ' +
  '(kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0). Or run as root, or use the docker back end.';

/** Whether this process needs a user namespace. */
export const isRootless = (): boolean => process.getuid?.() !== 0;

/** What is not permitted here, in the words of the tool that met it. */
export const notPermitted = (said: string): Failure => ({
  code: 'not-permitted',
  what: `making Linux namespaces and overlay mounts (${said.trim().split('\n').slice(-2).join('; ') || 'no reason given'})`,
  hint: HINT,
});

/** Opens a namespace; it ends with `close`, with the call's signal, and with this process. */
export async function openNamespace(options: NamespaceOptions, call: Call): Promise<Result<Namespace>> {
  const pipe = new PassThrough();
  const argv = [
    ...['unshare', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--mount-proc'],
    ...(options.net ? ['--net'] : []),
    ...(options.rootless ? ['--map-root-user', '--map-auto'] : []),
    ...['sh', '-c', HOLD, 'hold', options.name],
  ];
  const command = { argv, input: pipe, purpose: 'the embedded builder', install: 'Install util-linux.' };
  const running = start(command, call, true);
  const ready = await Promise.race([firstLine(running), running.done.then(() => null)]);
  const pid = ready === 'ready' && running.pid !== null ? (await childrenOf(running.pid))[0] : undefined;
  if (pid === undefined) {
    const ended = await running.done;
    return ended.ok ? fail(notPermitted(ended.value.stderr)) : ended;
  }
  const user = options.rootless ? ['-U', '-S', '0', '-G', '0'] : [];
  return ok({
    enter: ['nsenter', '-t', `${pid}`, ...user, '-m', '-p', '-i', '-u', ...(options.net ? ['-n'] : [])],
    pid,
    keep: () => new Promise((resolve) => pipe.end('keep\n', () => resolve())),
    close: () => running.stop(),
  });
}

async function firstLine(running: Running): Promise<string | null> {
  for await (const line of createInterface({ input: running.stdout })) return line;
  return null;
}

/** The processes that a process has started or was given, as the host numbers them. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children.split(' ').filter(Boolean).map(Number);
}
