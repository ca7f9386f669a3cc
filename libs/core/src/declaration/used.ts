import type { BaseSource, ImageTest, PackerSource, RunConfig, Variables, WrittenImage } from './image.ts';
import type { Use } from './shared.ts';

/** An image as the code uses it: every default filled in. */
export interface Image {
  readonly name: string;
  readonly role: string;
  /** The folder of the declaration, relative to the workspace root. */
  readonly root: string;
  /** The declaration itself, relative to the workspace root. */
  readonly file: string;
  readonly base: BaseSource | null;
  readonly builder: string;
  readonly playbook: string | null;
  readonly roles: readonly { readonly role: string; readonly vars: Variables }[];
  readonly variables: Variables;
  readonly backend: 'overlay' | 'docker' | null;
  readonly packer: PackerSource | null;
  readonly config: RunConfig;
  readonly tests: readonly ImageTest[];
  /** Names of accounts that get every released version. */
  readonly share: readonly string[];
  /** What it uses although no source says so. */
  readonly uses: readonly Use[];
}

const folderName = (root: string): string => root.slice(root.lastIndexOf('/') + 1);

/** Fills the defaults in; `root` and `file` say where the declaration stands. */
export function usedImage(written: WrittenImage, root: string, file: string): Image {
  const name = written.name ?? folderName(root);
  const layered =
    written.playbook !== undefined || written.roles !== undefined || written.packer === undefined;
  return {
    name,
    role: written.role ?? name,
    root,
    file,
    base: written.base ?? null,
    builder: written.builder ?? (layered ? 'layered' : 'packer'),
    playbook: written.playbook ?? null,
    roles: (written.roles ?? []).map((use) =>
      typeof use === 'string' ? { role: use, vars: {} } : { role: use.role, vars: use.vars ?? {} },
    ),
    variables: written.variables ?? {},
    backend: written.backend ?? null,
    packer: written.packer ?? null,
    config: written.config ?? {},
    tests: written.tests ?? [],
    share: written.share ?? [],
    uses: written.uses ?? [],
  };
}
