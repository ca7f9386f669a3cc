import { randomUUID } from 'node:crypto';
import { AwsRefusal, type Parameters } from './aws-wire.ts';
import { needed, readWanted } from './cloudformation-request.ts';
import { changesOf, scopeOf } from './cloudformation-plan.ts';
import { begin, beginDelete, rollBack } from './cloudformation-run.ts';
import { evaluate, type FakeTemplate } from './cloudformation-template.ts';
import {
  addStack,
  arn,
  findStack,
  stackIn,
  type CfnWorld,
  type FakeChangeSet,
  type FakeStack,
  type FakeWanted,
} from './cloudformation-world.ts';
import type { Xml } from './aws-wire.ts';

/** What an action of the small CloudFormation does. */
export type CfnAction = (world: CfnWorld, form: Parameters) => Readonly<Record<string, Xml>>;

function allowed(form: Parameters, template: FakeTemplate): void {
  const types = [...template.resources.values()].map(({ type }) => type);
  if (types.some((type) => type.startsWith('AWS::IAM::')) && form.list('Capabilities.member').length === 0)
    throw new AwsRefusal('InsufficientCapabilitiesException', 'Requires capabilities : [CAPABILITY_IAM]');
}

const FREE = /^(REVIEW_IN_PROGRESS|(CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT)_COMPLETE)$/;

/** The stack that a change set is for: a new one, or one that can be changed. */
function subject(world: CfnWorld, form: Parameters): FakeStack {
  const [name, type] = [needed(form, 'StackName'), form.get('ChangeSetType') ?? 'UPDATE'];
  const there = findStack(world, name);
  if (type === 'CREATE') {
    if (there && there.status !== 'REVIEW_IN_PROGRESS')
      throw new AwsRefusal(
        'ValidationError',
        `Stack [${name}] already exists and cannot be created again with the changeSet [${form.get('ChangeSetName')}].`,
      );
    return there ?? addStack(world, name, 'REVIEW_IN_PROGRESS');
  }
  if (!there || there.status === 'REVIEW_IN_PROGRESS')
    throw new AwsRefusal('ValidationError', `Stack [${name}] does not exist`);
  if (!FREE.test(there.status))
    throw new AwsRefusal(
      'ValidationError',
      `Stack:${there.id} is in ${there.status} state and can not be updated.`,
    );
  return there;
}

function outputsMove(stack: FakeStack, wanted: FakeWanted, template: FakeTemplate): boolean {
  const scope = scopeOf(stack, template, wanted.parameters, { fresh: new Set(), hide: false });
  const after = Array.from(template.outputs, ([name, value]) => [name, evaluate(value, scope)]);
  return JSON.stringify(after) !== JSON.stringify([...stack.outputs]);
}

const NOTHING =
  "The submitted information didn't contain changes. Submit different information to create a change set.";

const createChangeSet: CfnAction = (world, form) => {
  const { wanted, template } = readWanted(form);
  allowed(form, template);
  const name = needed(form, 'ChangeSetName');
  if (!/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/.test(name))
    throw new AwsRefusal('ValidationError', `ChangeSetName ${name} is malformed`);
  const stack = subject(world, form);
  const token = form.get('ClientToken') ?? '';
  const again = [...world.changeSets.values()].find((one) => one.stack === stack.id && one.name === name);
  if (again && token !== '' && again.token === token) return { Id: again.id, StackId: stack.id };
  if (again) throw new AwsRefusal('AlreadyExistsException', `ChangeSet ${name} already exists`);
  const changes = changesOf(world, stack, wanted);
  const isNothing = changes.length === 0 && !outputsMove(stack, wanted, template);
  const id = arn('changeSet', name);
  world.changeSets.set(id, {
    id,
    name,
    stack: stack.id,
    token,
    wanted,
    changes,
    fails: isNothing ? NOTHING : null,
    execution: isNothing ? 'UNAVAILABLE' : 'AVAILABLE',
    looks: world.looks,
  });
  return { Id: id, StackId: stack.id };
};

/** The change set that a request names. */
export function changeSetIn(world: CfnWorld, form: Parameters): FakeChangeSet {
  const name = needed(form, 'ChangeSetName');
  const stack = form.get('StackName');
  const own = stack === undefined ? null : stackIn(world, stack);
  const found =
    world.changeSets.get(name) ??
    [...world.changeSets.values()].find((one) => one.name === name && one.stack === own?.id);
  if (!found) throw new AwsRefusal('ChangeSetNotFound', `ChangeSet [${name}] does not exist`, 404);
  return found;
}

const deleteChangeSet: CfnAction = (world, form) => {
  const found = changeSetIn(world, form);
  if (found.looks > 0) {
    found.looks -= 1;
    throw new AwsRefusal(
      'InvalidChangeSetStatus',
      `ChangeSet [${found.id}] cannot be deleted in the status CREATE_IN_PROGRESS`,
    );
  }
  world.changeSets.delete(found.id);
  return {};
};

const executeChangeSet: CfnAction = (world, form) => {
  const found = changeSetIn(world, form);
  const token = form.get('ClientRequestToken') ?? '';
  // Sent again, as its answer was lost.
  if (token !== '' && world.stacks.get(found.stack)?.events.at(-1)?.token === token) return {};
  if (found.looks > 0 || found.execution !== 'AVAILABLE')
    throw new AwsRefusal(
      'InvalidChangeSetStatus',
      `ChangeSet [${found.id}] cannot be executed in its current execution status of [${found.execution}]`,
    );
  const stack = stackIn(world, found.stack);
  if (!FREE.test(stack.status))
    throw new AwsRefusal(
      'ValidationError',
      `Stack:${stack.id} is in ${stack.status} state and can not be updated.`,
    );
  for (const [id, other] of world.changeSets)
    if (other.stack === stack.id && other !== found) world.changeSets.delete(id);
  found.execution = 'EXECUTE_COMPLETE';
  stack.changeSet = found.id;
  begin(world, stack, found.wanted, token);
  return {};
};

const cancelUpdateStack: CfnAction = (world, form) => {
  const stack = stackIn(world, needed(form, 'StackName'));
  if (stack.status !== 'UPDATE_IN_PROGRESS')
    throw new AwsRefusal('ValidationError', 'CancelUpdateStack cannot be called from current stack status');
  rollBack(world, stack, form.get('ClientRequestToken') ?? '', 'User Initiated');
  return {};
};

const deleteStack: CfnAction = (world, form) => {
  const stack = findStack(world, needed(form, 'StackName'));
  if (!stack) return {};
  if (stack.isProtected)
    throw new AwsRefusal(
      'ValidationError',
      `Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`,
    );
  for (const [id, one] of world.changeSets) if (one.stack === stack.id) world.changeSets.delete(id);
  beginDelete(world, stack, form.get('ClientRequestToken') ?? '');
  return {};
};

const detectStackDrift: CfnAction = (world, form) => {
  const stack = stackIn(world, needed(form, 'StackName'));
  if (!FREE.test(stack.status))
    throw new AwsRefusal(
      'ValidationError',
      `Drift detection cannot be performed on stack [${stack.id}] while it is in ${stack.status} state.`,
    );
  const id = randomUUID();
  world.looking.set(id, { stack: stack.id, looks: world.looks });
  return { StackDriftDetectionId: id };
};

/** What changes the small CloudFormation, by the action's name. */
export const CFN_ACTIONS: Readonly<Record<string, CfnAction>> = {
  CreateChangeSet: createChangeSet,
  DeleteChangeSet: deleteChangeSet,
  ExecuteChangeSet: executeChangeSet,
  CancelUpdateStack: cancelUpdateStack,
  DeleteStack: deleteStack,
  DetectStackDrift: detectStackDrift,
};
