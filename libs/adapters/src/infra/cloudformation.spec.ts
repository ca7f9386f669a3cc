import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '@goldenthread/core';
import { CFN_NAME, cfnStack, infraContract, type CfnStack } from '@goldenthread/testing';
import type { Parts } from '../parts.ts';
import { createCloudformation } from './cloudformation.ts';

const HEAD = 'AWSTemplateFormatVersion: 2010-09-09\n';

/** A template with these things, in the short form of YAML. */
function templateOf(things: Readonly<Record<string, string>>, isSecret: boolean): string {
  const resources = Object.entries(things).map(
    ([name, value]) => `  ${name}:\n    Type: Fake::Thing\n    Properties:\n      Value: ${value}\n`,
  );
  const outputs = Object.keys(things).map((name) => `  ${name}:\n    Value: !GetAtt ${name}.Value\n`);
  const hidden = '  hidden:\n    Type: Fake::Thing\n    Properties:\n      Value: !Sub "x-${Token}"\n';
  return [
    HEAD,
    isSecret ? 'Parameters:\n  Token:\n    Type: String\n    NoEcho: true\n' : '',
    `Resources:\n${resources.join('')}${isSecret ? hidden : ''}`,
    `Outputs:\n  Where:\n    Value: !Sub "\${AWS::Region} \${AWS::StackName}"\n${outputs.join('')}`,
    isSecret ? '  Token:\n    Value: !Ref Token\n  Hidden:\n    Value: !GetAtt hidden.Value\n' : '',
  ].join('');
}

/** Makes a stack look as if somebody else were at it. */
function lock({ aws }: CfnStack) {
  const stack = aws.stack(CFN_NAME);
  const { status } = stack;
  stack.status = 'UPDATE_IN_PROGRESS';
  const free = async (): Promise<void> => void (stack.status = status);
  return { says: /UPDATE_IN_PROGRESS.*cancel-update-stack/s, free };
}

infraContract('cloudformation', async () => {
  const world = await cfnStack();
  const { aws, write, order } = world;
  const template = 'infra/net/template.yaml';
  const before = process.env['TMPDIR'];
  // A folder of its own for temporary folders: those of others are no business of this specification.
  await write({ 'tmp/.keep': '' });
  process.env['TMPDIR'] = join(world.root, 'tmp');
  return {
    engine: createCloudformation({} as Parts, world.options),
    async order(things, secret?: Secret) {
      await write({ [template]: templateOf(things, secret !== undefined) });
      return order(secret ? { Token: secret } : {});
    },
    address: (thing) => thing,
    real: async () => {
      const there = [...aws.world.stacks.values()].find(({ status }) => !status.startsWith('DELETE'));
      const all = Array.from(there?.resources ?? [], ([name, { live }]) => [name, live] as const);
      const own = all.filter(([name, live]) => name !== 'hidden' && live !== null);
      return Object.fromEntries(own.map(([name, live]) => [name, (live as { Value: string }).Value]));
    },
    tamper: async (thing) => aws.tamper(CFN_NAME, thing, null),
    async broken() {
      await write({ [template]: 'Resources:\n  one: {Type: [\n' });
      return { order: await order(), file: template, says: /not valid YAML/ };
    },
    lock: async () => lock(world),
    withoutTool: null,
    leftovers: async () => (await readdir(join(world.root, 'tmp'))).filter((name) => name !== '.keep'),
    async dispose() {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      await world.dispose();
    },
  };
});
