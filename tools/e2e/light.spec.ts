import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clone, createWorkspace, missingTools, type TestWorkspace } from '@goldenthread/testing';

const missing = missingTools('mmdebstrap', 'ansible-playbook');

let workspace: TestWorkspace;
beforeAll(async () => {
  const image = 'base: { mmdebstrap: { suite: bookworm } }\nroles: [one]\n';
  workspace = await createWorkspace({
    'images/base/image.yaml': image,
    'libs/roles/one/tasks/main.yml': '[]\n',
  });
});
afterAll(() => workspace.dispose());

interface Coverage {
  readonly result: readonly { readonly url: string }[];
}

/** The files of our own and of libraries that a command loads: what V8 saw, says it. */
async function loaded(...args: readonly string[]): Promise<readonly string[]> {
  const folder = join(workspace.home, 'seen');
  const argv = [process.execPath, join(clone, 'apps/cli/bin/goldenthread.js'), ...args];
  const ended = await workspace.run(argv, { NODE_V8_COVERAGE: folder });
  expect(ended.code, ended.stderr).toBe(0);
  return readdirSync(folder).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Coverage;
    return result.filter(({ url }) => url.startsWith(`file://${clone}`)).map(({ url }) => fileURLToPath(url));
  });
}

it.skipIf(missing.length > 0)(
  'a bake that may have nothing to do loads no client of registries and no schemas',
  async () => {
    // Declarations are read by their schemas once, and remembered.
    await workspace.goldenthread('bake', 'base', '--dry-run');
    const files = await loaded('bake', 'base', '--dry-run');
    expect(files.length).toBeGreaterThan(10);
    const heavy = files.filter(
      (file) => file.includes('/zod/') || readFileSync(file, 'utf8').includes('UND_ERR_CONNECT_TIMEOUT'),
    );
    expect(heavy).toEqual([]);
  },
);
