import { existsSync } from 'node:fs';
import { fail, ok, type Result } from '@goldenthread/core';
import { ownLayout } from '../oci/content.ts';
import { layoutPlace } from '../oci/layout.ts';
import type { OciPlace } from '../oci/place.ts';
import { openRegistry } from '../oci/registry.ts';

/** The place that a reference names: a layout folder of the workspace, or else a repository of a registry. */
export function ociSource(name: string, root: string): Result<OciPlace> {
  const folder = `${root}/${name}`;
  if (existsSync(`${folder}/oci-layout`)) return ok(layoutPlace(ownLayout(folder), '', name));
  const [host = '', ...path] = name.split('/');
  if (path.length > 0 && !host.startsWith('.') && /[.:]|^localhost$/.test(host))
    return ok(openRegistry(host, null).place(path.join('/')));
  return fail({
    code: 'usage',
    detail: `${name} is neither an OCI layout folder of the workspace nor the name of an image in a registry`,
    hint: 'Write the path of a folder that holds an oci-layout file, or registry.example/name.',
  });
}
