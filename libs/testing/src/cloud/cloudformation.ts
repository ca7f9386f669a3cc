import type { Json } from '@goldenthread/core';
import { AwsRefusal, Parameters, signedRegion, xml, type AwsKeys, type Xml } from './aws-wire.ts';
import { CFN_ACTIONS } from './cloudformation-actions.ts';
import { CFN_READS } from './cloudformation-reads.ts';
import {
  cfnWorld,
  stackIn,
  tick,
  type CfnWorld,
  type FakeResource,
  type FakeStack,
} from './cloudformation-world.ts';
import { serve, type Answered, type Asked } from './serve.ts';

/** A small CloudFormation: what an engine asks of it, in the protocol of the real one. */
export interface FakeCloudformation {
  readonly endpoint: string;
  readonly credentials: AwsKeys;
  readonly world: CfnWorld;
  /** Every request that came, as `Action region`. */
  readonly asked: string[];
  /** What every request of an action said, in order. */
  readonly said: (action: string) => readonly URLSearchParams[];
  /** Answers instead of the service; null lets it answer. */
  interfere: (action: string, form: URLSearchParams) => Answered | null;
  /** The next request of this action is carried out, and its answer lost. */
  lose(action: string): void;
  /** The stack with this name or id. */
  stack(name: string): FakeStack;
  /** A resource as it is. */
  resource(stack: string, name: string): FakeResource;
  /** Changes what is there behind the service's back; null takes it away. */
  tamper(stack: string, name: string, live: Json): void;
  /** What somebody else's update leaves behind: another time, and change sets that hold no more. */
  overtake(stack: string): void;
  waiting(): number;
  stop(): Promise<void>;
}

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const SPACE = 'xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"';
const HEADERS = { 'content-type': 'text/xml' };

/** An error as CloudFormation writes it. */
export const cfnError = (code: string, message: string, status = 400): Answered => ({
  status,
  headers: HEADERS,
  body: `${HEAD}<ErrorResponse ${SPACE}><Error>${xml({ Type: 'Sender', Code: code, Message: message })}</Error><RequestId>r</RequestId></ErrorResponse>`,
});

// Its lists are of members, where those of EC2 are of items.
const list = (value: Xml): string => {
  if (typeof value !== 'object') return xml(value);
  if (Array.isArray(value)) return value.map((one: Xml) => `<member>${list(one)}</member>`).join('');
  return Object.entries(value)
    .map(([name, one]: [string, Xml | undefined]) =>
      one === undefined ? '' : `<${name}>${list(one)}</${name}>`,
    )
    .join('');
};

function perform(world: CfnWorld, action: string, form: Parameters): Answered {
  const run = { ...CFN_READS, ...CFN_ACTIONS }[action];
  if (!run) return cfnError('InvalidAction', `Could not find operation ${action} for version 2010-05-15`);
  const body = `<${action}Result>${list(run(world, form))}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>`;
  return {
    status: 200,
    headers: HEADERS,
    body: `${HEAD}<${action}Response ${SPACE}>${body}</${action}Response>`,
  };
}

/** Starts it. */
export async function startCloudformation(): Promise<FakeCloudformation> {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a-secret-of-the-spec' };
  const world = cfnWorld();
  const forms: URLSearchParams[] = [];
  const losing = new Set<string>();
  const answer = (asked: Asked): Answered => {
    const form = new URLSearchParams(asked.body);
    const action = form.get('Action') ?? '';
    const region = signedRegion(asked, credentials);
    fake.asked.push(`${action} ${region ?? '-'}`);
    forms.push(form);
    const instead = fake.interfere(action, form);
    if (instead) return instead;
    if (region === null)
      return cfnError('InvalidClientTokenId', 'The security token included in the request is invalid.', 403);
    try {
      const answered = perform(world, action, new Parameters(form));
      return losing.delete(action) ? 'cut' : answered;
    } catch (error) {
      if (error instanceof AwsRefusal) return cfnError(error.code, error.message, error.status);
      throw error;
    }
  };
  const server = await serve(answer);
  const resource = (stack: string, name: string): FakeResource => {
    const found = stackIn(world, stack).resources.get(name);
    if (!found) throw new Error(`there is no ${name} in ${stack}`);
    return found;
  };
  const fake: FakeCloudformation = {
    endpoint: server.origin,
    credentials,
    world,
    asked: [],
    said: (action) => forms.filter((form) => form.get('Action') === action),
    interfere: () => null,
    lose: (action) => void losing.add(action),
    stack: (name) => stackIn(world, name),
    resource,
    tamper: (stack, name, live) => void (resource(stack, name).live = live),
    overtake(name) {
      const stack = stackIn(world, name);
      stack.updated = tick(world);
      for (const one of world.changeSets.values()) if (one.stack === stack.id) one.execution = 'OBSOLETE';
    },
    waiting: server.waiting,
    stop: server.stop,
  };
  return fake;
}
