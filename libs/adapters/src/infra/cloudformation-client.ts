import type { CloudFormation, Stack as There, StackResourceSummary } from '@aws-sdk/client-cloudformation';
import { fail, ok, type Call, type Result, type StackOrder } from '@goldenthread/core';
import { awsReader, awsSettings, type AwsOptions } from '../cloud/aws-client.ts';
import { ask } from '../cloud/fault.ts';

/** Asks CloudFormation of one region; a bug is thrown, what it refuses is a failure. */
export type Ask = <T>(
  doing: string,
  use: (client: CloudFormation, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  call: Call,
) => Promise<Result<T>>;

/** CloudFormation as one stack meets it. */
export interface Target {
  readonly order: StackOrder;
  /** The stack's name there. */
  readonly name: string;
  readonly ask: Ask;
}

/** Speaks to CloudFormation, with one client for each region; the SDK is loaded by the first request. */
export function createClients(options: AwsOptions): (region: string | null) => Ask {
  const reader = awsReader(options.timeout);
  const clients = new Map<string | null, Promise<CloudFormation>>();
  const open = async (region: string | null): Promise<CloudFormation> => {
    const { CloudFormation: Client } = await import('@aws-sdk/client-cloudformation');
    return new Client(awsSettings(options, region));
  };
  return (region) => (doing, use, call) => {
    const client = clients.get(region) ?? open(region);
    clients.set(region, client);
    return ask(reader, doing, async () => use(await client, { abortSignal: call.signal }), call);
  };
}

/** The code that CloudFormation answers with, without the suffix that the SDK gives to those it knows. */
export const codeOf = (error: unknown): string => (error as Error).name.replace(/Exception$/, '');

/** Whether CloudFormation says that there is no such stack. */
export const saysNoStack = (error: unknown): boolean =>
  codeOf(error) === 'ValidationError' && /does not exist/.test((error as Error).message);

/** A stack by its name or id; null where there is none. */
export const describe = ({ ask: query }: Target, name: string, call: Call): Promise<Result<There | null>> =>
  query(
    `looking at the stack ${name}`,
    async (client, options) => {
      try {
        const { Stacks: found = [] } = await client.describeStacks({ StackName: name }, options);
        return found[0] ?? null;
      } catch (error) {
        if (saysNoStack(error)) return null;
        throw error;
      }
    },
    call,
  );

/** The region that is spoken to. */
export async function regionOf(target: Target, call: Call): Promise<Result<string>> {
  const { region } = target.order.stack.cloudformation;
  if (region !== undefined) return ok(region);
  return target.ask('finding the region', (client) => client.config.region(), call);
}

/** Whether a stack is only there because a change set would make it. */
export const isUnborn = ({ StackStatus: status }: There): boolean => status === 'REVIEW_IN_PROGRESS';

/** Names what a stack is by its id and its last operation; null where there is nothing yet. */
export function revisionOf(there: There | null): string | null {
  if (!there || isUnborn(there)) return null;
  // The id without the account's number: plans are shown to more people than may see that.
  const id = (there.StackId ?? '').split('/').slice(1).join('/');
  return `${id} at ${(there.LastUpdatedTime ?? there.CreationTime)?.toISOString() ?? 'a time unknown'}`;
}

const busy = ({ StackStatus: status }: There): boolean =>
  (status ?? '').endsWith('_IN_PROGRESS') && status !== 'REVIEW_IN_PROGRESS';

/** Fails with `state-locked` where CloudFormation is at the stack already. */
export function unlocked({ order, name }: Target, there: There | null): Result<void> {
  if (!there || !busy(there)) return ok(undefined);
  const since = (there.LastUpdatedTime ?? there.CreationTime)?.toISOString();
  const region = order.stack.cloudformation.region;
  const stop = `aws cloudformation cancel-update-stack --stack-name ${name}${region === undefined ? '' : ` --region ${region}`}`;
  return fail({
    code: 'state-locked',
    stack: order.stack.name,
    environment: order.environment,
    holder: `an operation of CloudFormation: ${there.StackStatus}${since === undefined ? '' : `, since ${since}`}`,
    wayOut:
      there.StackStatus === 'UPDATE_IN_PROGRESS'
        ? `Wait until it has ended. To stop it and go back: \`${stop}\`.`
        : `Wait until it has ended; the events of ${name} in CloudFormation say how far it is.`,
  });
}

/** Everything of a list that comes page by page. */
export async function pages<T>(
  page: (token: string | undefined) => Promise<{
    readonly items: readonly T[] | undefined;
    readonly next: string | undefined;
  }>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let token: string | undefined;
  do {
    const { items, next } = await page(token);
    all.push(...(items ?? []));
    token = next;
  } while (token !== undefined);
  return all;
}

/** The type of a stack in a stack. */
export const NESTED = 'AWS::CloudFormation::Stack';

/** Everything in a stack, what was deleted left out. */
export async function listResources(
  { name, ask: query }: Target,
  id: string,
  call: Call,
): Promise<Result<readonly StackResourceSummary[]>> {
  const listed = await query(
    `listing what is in ${name}`,
    (client, options) =>
      pages(async (token) => {
        const page = await client.listStackResources(
          { StackName: id, ...(token === undefined ? {} : { NextToken: token }) },
          options,
        );
        return { items: page.StackResourceSummaries, next: page.NextToken };
      }),
    call,
  );
  return listed.ok
    ? ok(listed.value.filter(({ ResourceStatus: status }) => status !== 'DELETE_COMPLETE'))
    : listed;
}
