import { describeImages, describeSnapshots, addImage, type Ami, type World } from './aws-images.ts';
import { ACTIONS } from './aws-actions.ts';
import { AwsRefusal, Parameters, signedRegion, xml, type AwsKeys } from './aws-wire.ts';
import { serve, type Answered, type Asked } from './serve.ts';

/** A small EC2: what stores ask of it, in the protocol of the real one. */
export interface FakeAws {
  readonly endpoint: string;
  readonly credentials: AwsKeys;
  readonly world: World;
  /** Every request that came, as `Action region`. */
  readonly asked: string[];
  /** Answers instead of the service; null lets it answer. */
  interfere: (action: string, region: string) => Answered | null;
  /** Makes an image as a bake would: available, with one snapshot. Answers its id. */
  bake(region: string): string;
  waiting(): number;
  stop(): Promise<void>;
}

const NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/';

/** An error as EC2 writes it. */
export const awsError = (code: string, message: string, status = 400): Answered => ({
  status,
  headers: { 'content-type': 'text/xml;charset=UTF-8' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>${xml({ Code: code, Message: message })}</Error></Errors><RequestID>r</RequestID></Response>`,
});

function perform(world: World, region: string, action: string, form: Parameters): Answered {
  const run = { DescribeImages: describeImages, DescribeSnapshots: describeSnapshots, ...ACTIONS }[action];
  if (!run) return awsError('InvalidAction', `The action ${action} is not valid for this web service.`);
  const body = xml({ requestId: 'r', ...run(world, region, form) });
  return {
    status: 200,
    headers: { 'content-type': 'text/xml;charset=UTF-8' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="${NAMESPACE}">${body}</${action}Response>`,
  };
}

/** Starts it, with these regions. */
export async function startAws(
  regions: readonly string[] = ['eu-west-1', 'eu-central-1', 'us-east-1'],
): Promise<FakeAws> {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a-secret-of-the-spec' };
  const world: World = {
    regions,
    images: new Map(),
    snapshots: new Map(),
    tokens: new Map(),
    keys: new Set(),
    looks: 2,
    page: 100,
    count: 0,
  };
  const answer = (asked: Asked): Answered => {
    const form = new URLSearchParams(asked.body);
    const action = form.get('Action') ?? '';
    const region = signedRegion(asked, credentials);
    fake.asked.push(`${action} ${region ?? '-'}`);
    const instead = fake.interfere(action, region ?? '-');
    if (instead) return instead;
    if (region === null)
      return awsError('AuthFailure', 'AWS was not able to validate the provided access credentials', 401);
    try {
      return perform(world, region, action, new Parameters(form));
    } catch (error) {
      if (error instanceof AwsRefusal) return awsError(error.code, error.message, error.status);
      throw error;
    }
  };
  const server = await serve(answer);
  const fake: FakeAws = {
    endpoint: server.origin,
    credentials,
    world,
    asked: [],
    interfere: () => null,
    bake(region) {
      const ami: Ami = addImage(world, region, { name: `packer-${world.count}`, state: 'available' });
      return ami.id;
    },
    waiting: server.waiting,
    stop: server.stop,
  };
  return fake;
}
