import {
  ABSENT,
  folder,
  join,
  playbookFacts,
  positionAt,
  PRESENT,
  ROLE_FOLDERS,
  roleFacts,
  roleFolder,
  tasksFacts,
  within,
  type FactRequest,
  type Facts,
  type Reference,
} from '@goldenthread/core';
import { packer, terraform } from './extract-hcl.ts';
import { declaredAbove, has, namesIn, ofFile, source, type Reader } from './sources.ts';

// Folders of tasks lie in one another a few levels deep at most; links may make that endless.
const DEEPEST = 8;

/** The YAML files at or below a folder. */
function yamlFiles(path: string, reader: Reader, depth = 0): readonly string[] {
  if (depth > DEEPEST) return [];
  return namesIn(path, reader).flatMap((name) => {
    const at = join(path, name);
    if (reader.ignored(at)) return [];
    if (/\.ya?ml$/.test(name)) return [at];
    // A link may lead to a folder, which its name does not show.
    return name.endsWith('/') || !name.includes('.') ? yamlFiles(at, reader, depth + 1) : [];
  });
}

/** Whether a reference leads to a file of the role itself, which is part of it anyway and needs no following. */
function isOwn({ target }: Reference, root: string, reader: Reader): boolean {
  if (target.to !== 'file') return false;
  for (const path of target.candidates) {
    if (!within(path, root)) return false;
    if (path === root || has(path, reader)) return true;
  }
  return false;
}

function role({ path: root, playbook }: FactRequest, reader: Reader): Facts {
  if (reader.read(root).names === undefined) return ABSENT;
  const paths = ROLE_FOLDERS.flatMap((name) => yamlFiles(join(root, name), reader));
  const files = paths.map((path) => source(path, reader)).filter((file) => file !== null);
  const texts = files.flatMap((file) => (file.ok ? [file.value] : []));
  const facts = roleFacts(root, texts, playbook);
  const references = facts.references.filter((reference) => !isOwn(reference, root, reader));
  return {
    ...facts,
    references,
    failures: [...facts.failures, ...files.flatMap((file) => (file.ok ? [] : file.failures))],
  };
}

function tasks({ path, playbook }: FactRequest, reader: Reader): Facts {
  const role = roleFolder(path);
  const from = playbook ?? declaredAbove(folder(path), ['image', 'stack'], reader);
  const where = {
    ...(role === undefined ? {} : { role }),
    ...(from === undefined ? {} : { playbook: from }),
  };
  return ofFile(path, reader, (file) => tasksFacts(file, where));
}

// What Ansible reads by itself from the folder of a playbook.
const BESIDE_PLAYBOOK = ['group_vars', 'host_vars', 'library', 'module_utils'].concat(
  ['action', 'filter', 'lookup', 'test', 'vars'].map((kind) => `${kind}_plugins`),
);

function playbook({ path }: FactRequest, reader: Reader): Facts {
  return ofFile(path, reader, (file) => {
    const facts = playbookFacts(file);
    const names = namesIn(folder(path), reader);
    const beside = BESIDE_PLAYBOOK.filter((name) => names.includes(`${name}/`));
    const references = beside.map((name): Reference => ({
      target: { to: 'file', candidates: [join(folder(path), name)] },
      at: positionAt(path, file.text, 0),
      reason: `uses ${name} beside its playbook`,
    }));
    return { ...facts, references: [...facts.references, ...references] };
  });
}

/** Reads what a request is about and says what it refers to. */
export async function extract(request: FactRequest, reader: Reader): Promise<Facts> {
  const { kind, path } = request;
  if (reader.ignored(path)) return reader.read(path).state === '' ? ABSENT : PRESENT;
  switch (kind) {
    case 'file':
      return PRESENT;
    case 'role':
      return role(request, reader);
    case 'tasks':
      return tasks(request, reader);
    case 'playbook':
      return playbook(request, reader);
    case 'terraform':
      return terraform(request, reader);
    case 'packer':
      return packer(request, reader);
    default: {
      // Schemas cost more to load than all other parsers but HCL's: a changed role does not need them.
      const { declarationFacts } = await import('@goldenthread/core/schemas');
      const beside = kind === 'stack' ? namesIn(folder(path), reader) : [];
      return ofFile(path, reader, (file) => declarationFacts(kind, file, beside));
    }
  }
}
