import { AzureRefusal, manage, type AzureWorld, type Resource } from './azure-resources.ts';
import { serve, type Answered, type Asked } from './serve.ts';
import { selfSigned } from './tls.ts';

/** A small Azure Resource Manager with Microsoft.Compute: what stores ask of it, in the protocol of the real one. */
export interface FakeAzure {
  readonly endpoint: string;
  /** The certificate that it must be trusted by. */
  readonly ca: string;
  readonly subscription: string;
  /** Hands out the token that it takes. */
  readonly credential: {
    getToken(): Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>;
  };
  readonly world: AzureWorld;
  /** Every request that came, as `PUT /subscriptions/…`. */
  readonly asked: string[];
  /** Answers instead of the service; null lets it answer. */
  interfere: (what: string) => Answered | null;
  /** Makes a managed image as a bake would. Answers its id. */
  bake(): string;
  /** Makes a gallery. */
  gallery(resourceGroup: string, name: string): void;
  waiting(): number;
  stop(): Promise<void>;
}

const TOKEN = 'token-of-the-spec';
const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';

const json = (status: number, value: object, headers: Readonly<Record<string, string>> = {}): Answered => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: status === 204 ? '' : JSON.stringify(value),
});

/** An error as Azure writes it. */
export const azureError = (status: number, code: string, message: string): Answered =>
  json(status, { error: { code, message } });

const compute = `/subscriptions/${SUBSCRIPTION}/resourceGroups`;

const add = (world: AzureWorld, id: string, location: string, properties: Resource['properties']): string => {
  world.resources.set(id.toLowerCase(), {
    id,
    location,
    tags: {},
    properties: { ...properties, provisioningState: 'Succeeded' },
  });
  return id;
};

/** Starts it; needs openssl, as the client takes no token where there is no TLS. */
export async function startAzure(): Promise<FakeAzure> {
  const pair = selfSigned();
  const world: AzureWorld = { resources: new Map(), operations: new Map(), looks: 1, fails: null, count: 0 };
  const answer = (asked: Asked): Answered => {
    const what = `${asked.method} ${asked.url.pathname}`;
    fake.asked.push(what);
    const instead = fake.interfere(what);
    if (instead) return instead;
    if (asked.headers.authorization !== `Bearer ${TOKEN}`)
      return azureError(401, 'InvalidAuthenticationToken', 'The access token is invalid.');
    try {
      const { status, body, operation } = manage(world, asked);
      const place = `${server.origin}/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/${operation}?api-version=2024-11-04`;
      return json(status, body, operation === undefined ? {} : { 'azure-asyncoperation': place });
    } catch (error) {
      if (error instanceof AzureRefusal) return azureError(error.status, error.code, error.message);
      throw error;
    }
  };
  const server = await serve(answer, pair);
  const fake: FakeAzure = {
    endpoint: server.origin,
    ca: pair.cert,
    subscription: SUBSCRIPTION,
    credential: { getToken: async () => ({ token: TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    world,
    asked: [],
    interfere: () => null,
    bake() {
      world.count += 1;
      const id = `${compute}/bakes/providers/Microsoft.Compute/images/packer-${world.count}`;
      return add(world, id, 'westeurope', {
        hyperVGeneration: 'V2',
        storageProfile: { osDisk: { osType: 'Linux', osState: 'Generalized' } },
      });
    },
    gallery: (group, name) =>
      void add(world, `${compute}/${group}/providers/Microsoft.Compute/galleries/${name}`, 'northeurope', {}),
    waiting: server.waiting,
    stop: server.stop,
  };
  return fake;
}
