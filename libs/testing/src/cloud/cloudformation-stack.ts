import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stackIn, usedStack, yamlText, type Json, type Secret, type StackOrder } from '@goldenthread/core';
import { WrittenStack } from '@goldenthread/core/schemas';
import { startCloudformation, type FakeCloudformation } from './cloudformation.ts';

/** A stack `net` in a folder of its own, and a small CloudFormation for it. */
export interface CfnStack {
  readonly aws: FakeCloudformation;
  readonly root: string;
  /** Settings of a client of it that does not wait long. */
  readonly options: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: FakeCloudformation['credentials'];
    readonly attempts: number;
    readonly pace: { readonly interval: number; readonly patience: number };
  };
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Writes the declaration and says what an engine is told, in the environment `test`. */
  order(
    inputs?: Readonly<Record<string, Json | Secret>>,
    cloudformation?: Readonly<Record<string, Json>>,
  ): Promise<StackOrder>;
  dispose(): Promise<void>;
}

/** Its name there. */
export const CFN_NAME = 'net-test';

/** Makes one, with nothing in it. */
export async function cfnStack(): Promise<CfnStack> {
  const root = await mkdtemp(join(tmpdir(), 'goldenthread-spec-'));
  const aws = await startCloudformation();
  const write: CfnStack['write'] = async (files) => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
  };
  const { endpoint, credentials } = aws;
  return {
    aws,
    root,
    options: { endpoint, credentials, region: 'eu-west-1', attempts: 3, pace: { interval: 2, patience: 20 } },
    write,
    async order(inputs = {}, cloudformation = {}) {
      const plain = Object.entries(inputs).filter(([, value]) => typeof value !== 'object' || value === null);
      const declared = {
        cloudformation,
        variables: Object.fromEntries(plain) as Readonly<Record<string, Json>>,
      };
      await write({ 'infra/net/stack.yaml': yamlText(declared) });
      const used = usedStack(WrittenStack.parse(declared), 'infra/net', 'infra/net/stack.yaml');
      return {
        stack: stackIn(used, 'test'),
        environment: 'test',
        root,
        home: root,
        inputs: new Map(Object.entries(inputs).map(([name, value]) => [name, { value, from: 'declared' }])),
      };
    },
    async dispose() {
      await aws.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
