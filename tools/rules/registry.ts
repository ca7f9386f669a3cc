import { posix } from 'node:path';
import ts from 'typescript';
import { imports, isExported, isSpec, nodes, type Source } from './source.ts';

const SRC = 'libs/adapters/src';
const MAPS = [`${SRC}/registry.ts`, `${SRC}/assemble.ts`];

/** Folders whose files are parts of adapters and no adapters. */
export const PARTS: readonly string[] = [
  'namespace',
  'docker',
  'rootfs',
  'git',
  'oci',
  'cloud',
  'playbook',
  'terraform',
];

/** The names of ports: what the world of a command consists of, and what adapters are made from. */
export function portNames(ports: Source): readonly string[] {
  const declared = ports.ast.statements.filter(ts.isInterfaceDeclaration);
  const world = declared
    .filter(({ name }) => /^(Ports|Parts)$/.test(name.text))
    .flatMap((node) => [...nodes(node)]);
  const mentioned = new Set(world.filter(ts.isTypeReferenceNode).map(({ typeName }) => typeName.getText()));
  return declared
    .map(({ name }) => name.text)
    .filter((name) => name !== 'Call' && (mentioned.has(name) || name === 'Blobs'));
}

/** The functions a file exports, with the type that each says it answers. */
function answers({ ast }: Source): readonly string[] {
  return ast.statements.filter(isExported).flatMap((statement) => {
    const made = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map((one) => one.initializer)
      : [statement];
    const functions = made.filter((one) => one !== undefined && ts.isFunctionLike(one));
    return functions.map((one) => one.type?.getText() ?? '');
  });
}

/** Files that are an adapter: in a port's folder, exporting a function that answers a port. */
export function adapterFiles(sources: readonly Source[], ports: readonly string[]): readonly string[] {
  const inFolder = sources.filter(
    (source) => !isSpec(source) && source.path.startsWith(`${SRC}/`) && source.path.split('/').length > 4,
  );
  return inFolder
    .filter(({ path }) => !PARTS.includes(path.split('/')[3] ?? ''))
    .filter((source) => answers(source).some((type) => ports.includes(type)))
    .map(({ path }) => path);
}

/** Files that the maps name. */
export const listedFiles = (sources: readonly Source[]): readonly string[] =>
  sources
    .filter(({ path }) => MAPS.includes(path))
    .flatMap((source) => imports(source))
    .filter(({ name }) => name.startsWith('./') && name.includes('/', 2))
    .map(({ name }) => posix.join(SRC, name));

/** Adapters that nobody can name, and names that lead to no adapter. */
export function registryGaps(sources: readonly Source[], ports: readonly string[]): readonly string[] {
  const [adapters, listed] = [adapterFiles(sources, ports), listedFiles(sources)];
  const there = new Set(sources.map(({ path }) => path));
  return [
    ...adapters
      .filter((path) => !listed.includes(path))
      .map(
        (path) =>
          `${path} is an adapter that neither registry.ts nor assemble.ts names: nobody can choose it`,
      ),
    ...listed
      .filter((path) => !there.has(path))
      .map((path) => `${path} is named in the map, and is not there`),
  ];
}

/** Adapters in the registry that are loaded before anybody needs them. */
export const eager = (sources: readonly Source[]): readonly string[] =>
  sources
    .filter(({ path }) => path === MAPS[0])
    .flatMap((source) => imports(source))
    .filter(({ name, lazy, typeOnly }) => name.startsWith('./') && !lazy && !typeOnly)
    .map(({ name, at }) => `${at} loads ${name} at once: every command would pay for it`);
