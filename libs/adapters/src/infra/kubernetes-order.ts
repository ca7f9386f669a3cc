import { groupOf, type Ref } from './kubernetes-object.ts';

// What others need comes first; a webhook comes after what answers it, and custom resources after what watches them.
const ORDER: readonly string[] = [
  'Namespace',
  'CustomResourceDefinition',
  'PriorityClass',
  'StorageClass',
  'RuntimeClass',
  'IngressClass',
  'ResourceQuota',
  'LimitRange',
  'NetworkPolicy',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Service',
  'PodDisruptionBudget',
  'DaemonSet',
  'Deployment',
  'StatefulSet',
  'ReplicaSet',
  'Pod',
  'Job',
  'CronJob',
  'HorizontalPodAutoscaler',
  'Ingress',
  'APIService',
  '',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
];

/** Whether a group is one of Kubernetes's own. */
export const isBuiltIn = (apiVersion: string): boolean => {
  const group = groupOf(apiVersion);
  return !group.includes('.') || group.endsWith('.k8s.io');
};

const rank = (ref: Ref): number => {
  const known = isBuiltIn(ref.apiVersion) ? ORDER.indexOf(ref.kind) : -1;
  return known === -1 ? ORDER.indexOf('') : known;
};

/** In the order in which objects are applied; those of a kind stay in the order they are declared. */
export const inOrder = <T extends { readonly ref: Ref }>(items: readonly T[]): readonly T[] =>
  items.toSorted((a, b) => rank(a.ref) - rank(b.ref));
