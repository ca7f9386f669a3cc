import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { run } from '../host.ts';
import { isRootless, notPermitted, openNamespace } from './namespace.ts';
import { makeWork, removeTree } from './work.ts';

// Everything that a bake needs of the kernel, at the place where it will need it.
const TRY = `set -eu
cd "$1"
mkdir lower upper overlay root
echo there >lower/file
mount -t overlay overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=overlay root
rm root/file
test -c upper/file
mkdir root/proc
mount -t proc proc root/proc`;

/** What the answer holds for: this user on this boot of this kernel. */
function here(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${process.getuid?.() ?? ''}`;
  } catch {
    // Not Linux: the attempt says so.
    return '';
  }
}

function remembered(file: string): boolean {
  try {
    return readFileSync(file, 'utf8') === here();
  } catch {
    return false;
  }
}

/**
 * Whether images can be baked in namespaces on overlayfs here. A yes is remembered in `home` until the next boot, as trying
 * takes longer than all else that an unchanged bake does; should it have become wrong, the bake itself says so.
 */
export async function overlaySupported(home: string, call: Call): Promise<Result<void>> {
  const file = `${home}/overlay-${process.getuid?.() ?? 0}`;
  if (remembered(file)) return ok(undefined);
  const answer = await attempt(home, call);
  // Only a memory: where it cannot be written, the next process tries again.
  if (answer.ok) await writeFile(file, here()).catch(() => undefined);
  return answer;
}

async function attempt(home: string, call: Call): Promise<Result<void>> {
  if (process.platform !== 'linux')
    return fail({
      code: 'not-permitted',
      what: 'namespaces, which only Linux has',
      hint: 'Use the docker back end.',
    });
  await mkdir(home, { recursive: true });
  const space = await openNamespace({ net: false, rootless: isRootless(), name: 'goldenthread' }, call);
  if (!space.ok) return space;
  const work = await makeWork(home);
  const done = await run({ argv: [...space.value.enter, 'sh', '-c', TRY, 'try', work] }, call);
  await space.value.close();
  await removeTree(work);
  if (!done.ok) return done;
  return done.value.code === 0 ? ok(undefined) : fail(notPermitted(done.value.stderr));
}
