import { execFileSync, spawnSync } from 'node:child_process';

/** Names of the containers that a process started, by the names that adapters give them. */
export const containersOf = (pid: number): readonly string[] =>
  execFileSync('docker', ['ps', '-a', '--format', '{{.Names}}'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => name.startsWith(`goldenthread-${pid}-`));

/** Takes images away from Docker by the names that adapters give them, as far as nothing stands on them. */
export function forgetImages(...images: readonly string[]): void {
  const references = images.flatMap((image) => ['--filter', `reference=goldenthread/${image}`]);
  const listed = execFileSync('docker', ['images', '--format', '{{.Repository}}:{{.Tag}}', ...references], {
    encoding: 'utf8',
  });
  const names = listed.split('\n').filter(Boolean);
  if (names.length > 0) spawnSync('docker', ['rmi', ...names], { stdio: 'ignore' });
}
