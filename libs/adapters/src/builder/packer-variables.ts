import { join } from 'node:path';
import type { BakeOrder, Json } from '@goldenthread/core';
import { environment } from '../host.ts';
import type { Template } from './packer-template.ts';

/** The run for which variables are made. */
export interface PackerInputs {
  /** Absolute path of the workspace. */
  readonly root: string;
  readonly order: BakeOrder;
  readonly template: Template;
  /** What the container is called, where there is one. */
  readonly name: string;
  /** What Docker calls the base, or null. */
  readonly base: string | null;
  /** Where the manifest is expected, unless the declaration says otherwise. */
  readonly manifest: string;
}

type Values = Readonly<Record<string, Json>>;

/** Old templates take nothing but text. */
const plain = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

const rolePaths = ({ root, order }: Pick<PackerInputs, 'root' | 'order'>): string =>
  order.rolePaths.map((path) => join(root, path)).join(':');

/** The variables of a run: of ours those that the template declares, and before them whatever the declaration says. */
export function packerVariables(inputs: PackerInputs): Values {
  const { order, template, name, base, manifest } = inputs;
  const ours: Readonly<Record<string, Json>> = {
    ...(order.variables as Values),
    base_image: base,
    manifest,
    container_name: name,
    role_paths: rolePaths(inputs),
    fingerprint: order.fingerprint,
  };
  const declared = new Set(template.shape.variables);
  const asked = Object.entries(ours).filter(([key, value]) => declared.has(key) && value !== null);
  const all = { ...Object.fromEntries(asked), ...(order.image.packer?.variables as Values) };
  return template.modern
    ? all
    : Object.fromEntries(Object.entries(all).map(([key, value]) => [key, plain(value)]));
}

// What says where Packer finds its plugins is the user's; everything else that changes how it works is left out.
const PASSED = [
  'PACKER_PLUGIN_PATH',
  'PACKER_CONFIG',
  'PACKER_CONFIG_DIR',
  'PACKER_CACHE_DIR',
  'PACKER_GITHUB_API_TOKEN',
];

/** The environment of a run; `temporary` is the folder that its containers mount. */
export const packerEnvironment = (
  root: string,
  order: BakeOrder,
  temporary: string,
): Record<string, string | undefined> =>
  environment({
    ...Object.fromEntries(PASSED.map((key) => [key, process.env[key]])),
    PACKER_TMP_DIR: temporary,
    CHECKPOINT_DISABLE: '1',
    ANSIBLE_ROLES_PATH: rolePaths({ root, order }),
    ANSIBLE_PIPELINING: '1',
    ANSIBLE_NOCOWS: '1',
    ANSIBLE_RETRY_FILES_ENABLED: '0',
    ANSIBLE_LOCALHOST_WARNING: '0',
    PYTHONDONTWRITEBYTECODE: '1',
  });
