import type { Json } from '@goldenthread/core';
import { isMap, type KubeObject } from './kubernetes-object.ts';
import { isBuiltIn } from './kubernetes-order.ts';

/** How far an object is, by what it says of itself. `hopeless`: waiting would not help. */
export type Readiness =
  { readonly ready: true } | { readonly ready: false; readonly why: string; readonly hopeless: boolean };

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly generation: number | null;
}

const READY: Readiness = { ready: true };
const wait = (why: string): Readiness => ({ ready: false, why, hopeless: false });
const never = (why: string): Readiness => ({ ready: false, why, hopeless: true });

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const count = (value: Json | undefined, otherwise = 0): number =>
  typeof value === 'number' ? value : otherwise;
const part = (object: KubeObject, key: string): Readonly<Record<string, Json | undefined>> => {
  const found = object[key];
  return isMap(found) ? found : {};
};

function conditionsOf(object: KubeObject): readonly Condition[] {
  const list = part(object, 'status')['conditions'];
  if (!Array.isArray(list)) return [];
  return (list as readonly Json[])
    .filter((one) => isMap(one))
    .map((one) => ({
      type: text(one['type']),
      status: text(one['status']),
      reason: text(one['reason']),
      message: text(one['message']),
      generation: typeof one['observedGeneration'] === 'number' ? one['observedGeneration'] : null,
    }));
}

const said = ({ type, status, reason, message }: Condition): string =>
  `its condition ${type} is ${status}${[reason, message]
    .filter((one) => one !== '')
    .map((one) => `: ${one}`)
    .join('')}`;

/** Whether a controller has seen the newest generation. */
function unseen(object: KubeObject): Readiness | null {
  const { generation } = object.metadata;
  const observed = part(object, 'status')['observedGeneration'];
  if (generation === undefined || typeof observed !== 'number' || observed >= generation) return null;
  return wait(`its controller has seen generation ${observed} of ${generation}`);
}

/** Judges by one condition; one of an older generation says nothing of this one. */
function byCondition(object: KubeObject, type: string): Readiness {
  const found = conditionsOf(object).find((condition) => condition.type === type);
  if (!found) return wait(`it has no condition ${type} yet`);
  const { generation = 0 } = object.metadata;
  if (found.generation !== null && found.generation < generation)
    return wait(`its condition ${type} is of generation ${found.generation}, it has ${generation}`);
  return found.status === 'True' ? READY : wait(said(found));
}

function deployment(object: KubeObject): Readiness {
  const [spec, status] = [part(object, 'spec'), part(object, 'status')];
  const stuck = conditionsOf(object).find(
    ({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded',
  );
  if (stuck) return never(said(stuck));
  if (status['observedGeneration'] === undefined) return wait('its controller has not seen it yet');
  const wanted = count(spec['replicas'], 1);
  const [updated, available] = [count(status['updatedReplicas']), count(status['availableReplicas'])];
  if (updated < wanted) return wait(`${updated} of ${wanted} replicas are updated`);
  if (count(status['replicas']) > updated) return wait('old replicas are still there');
  if (available >= wanted) return READY;
  const minimum = conditionsOf(object).find(({ type, status: is }) => type === 'Available' && is !== 'True');
  return wait(`${available} of ${wanted} replicas are available${minimum ? `; ${said(minimum)}` : ''}`);
}

function statefulSet(object: KubeObject): Readiness {
  const [spec, status] = [part(object, 'spec'), part(object, 'status')];
  const strategy = isMap(spec['updateStrategy']) ? spec['updateStrategy'] : {};
  if (strategy['type'] === 'OnDelete') return READY;
  if (status['observedGeneration'] === undefined) return wait('its controller has not seen it yet');
  const wanted = count(spec['replicas'], 1);
  const rolling = isMap(strategy['rollingUpdate']) ? strategy['rollingUpdate'] : {};
  const toUpdate = wanted - count(rolling['partition']);
  if (count(status['updatedReplicas']) < toUpdate)
    return wait(`${count(status['updatedReplicas'])} of ${toUpdate} replicas are updated`);
  const ready = count(status['readyReplicas']);
  return ready >= wanted ? READY : wait(`${ready} of ${wanted} replicas are ready`);
}

function daemonSet(object: KubeObject): Readiness {
  const status = part(object, 'status');
  if (status['observedGeneration'] === undefined) return wait('its controller has not seen it yet');
  const wanted = count(status['desiredNumberScheduled']);
  const [updated, available] = [count(status['updatedNumberScheduled']), count(status['numberAvailable'])];
  if (updated < wanted) return wait(`${updated} of ${wanted} pods are updated`);
  return available >= wanted ? READY : wait(`${available} of ${wanted} pods are available`);
}

function job(object: KubeObject): Readiness {
  const failed = conditionsOf(object).find(({ type, status }) => type === 'Failed' && status === 'True');
  if (failed) return never(said(failed));
  if (part(object, 'spec')['suspend'] === true) return READY;
  return byCondition(object, 'Complete');
}

function pod(object: KubeObject): Readiness {
  const { phase, message } = part(object, 'status');
  if (phase === 'Succeeded') return READY;
  return phase === 'Failed' ? never(`it has failed: ${text(message)}`) : byCondition(object, 'Ready');
}

const RULES: Readonly<Record<string, (object: KubeObject) => Readiness>> = {
  Deployment: deployment,
  StatefulSet: statefulSet,
  DaemonSet: daemonSet,
  Job: job,
  Pod: pod,
  CustomResourceDefinition: (object) => byCondition(object, 'Established'),
};

const TOLD: readonly string[] = ['Ready', 'Available', 'Synced'];
// Crossplane's kinds say nothing at first, and both of these later.
const CROSSPLANE: ReadonlySet<string> = new Set(['claim', 'composite', 'managed']);

/**
 * Whether an object is ready, for its newest generation: workloads as they roll out, Crossplane's by `Synced` and `Ready`, others
 * by those of the conditions `Ready`, `Available` and `Synced` that they have. What has none of them is ready when it is there.
 */
export function readiness(object: KubeObject, categories: readonly string[]): Readiness {
  const behind = unseen(object);
  if (behind) return behind;
  const rule = isBuiltIn(object.apiVersion) ? RULES[object.kind] : undefined;
  if (rule) return rule(object);
  const crossplane = categories.some((category) => CROSSPLANE.has(category));
  const has = new Set(conditionsOf(object).map(({ type }) => type));
  const types = crossplane ? ['Synced', 'Ready'] : TOLD.filter((type) => has.has(type));
  return types.map((type) => byCondition(object, type)).find(({ ready }) => !ready) ?? READY;
}
