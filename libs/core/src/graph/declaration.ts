import type { z } from 'zod';
import { WrittenEnvironment } from '../declaration/environment.ts';
import { imageRules, WrittenImage } from '../declaration/image.ts';
import { declaredAt, parseDeclaration, type Declared } from '../declaration/parse.ts';
import { WrittenService } from '../declaration/service.ts';
import type { Use } from '../declaration/shared.ts';
import { WrittenStack } from '../declaration/stack.ts';
import type { Failure } from '../failure.ts';
import { folder, join } from '../paths.ts';
import type { Result } from '../result.ts';
import type { Facts, ProjectKind, Reference, SourceFile } from './facts.ts';
import { factsOf, nothing } from './gather.ts';
import { maker, type Maker } from './reference-maker.ts';

type Sections = Pick<WrittenStack, 'terraform' | 'ansible' | 'cloudformation' | 'kubernetes'>;

/** Kinds that are declared by a YAML file. */
export type DeclaredKind = Exclude<ProjectKind, 'role'>;

function usesOf(uses: readonly Use[] | undefined, make: Maker): readonly Reference[] {
  return (uses ?? []).map((use, index) => {
    if ('file' in use)
      return make.file(use.file, ['uses', index, 'file'], `declares that it uses ${use.file}`);
    const [kind = 'image', name = ''] = Object.entries(use)[0] as [ProjectKind, string];
    return make.project(kind, name, ['uses', index, kind], `declares that it uses the ${kind} ${name}`);
  });
}

function imageReferences(written: WrittenImage, make: Maker): readonly Reference[] {
  const { base, packer } = written;
  const roles = (written.roles ?? []).map((use, index) => {
    const name = typeof use === 'string' ? use : use.role;
    return make.project(
      'role',
      name,
      typeof use === 'string' ? ['roles', index] : ['roles', index, 'role'],
      `uses the role ${name}`,
    );
  });
  const tests = (written.tests ?? []).map((test, index) => {
    const [kind, path] =
      'testinfra' in test ? (['testinfra', test.testinfra] as const) : (['script', test.script] as const);
    return make.file(path, ['tests', index, kind], `is tested by ${path}`);
  });
  return [
    ...(base && 'image' in base
      ? [make.project('image', base.image, ['base', 'image'], `is made on the image ${base.image}`)]
      : []),
    ...roles,
    ...(written.playbook === undefined
      ? []
      : [make.source('playbook', written.playbook, ['playbook'], `is made by ${written.playbook}`)]),
    ...(packer
      ? [make.source('packer', packer.template, ['packer', 'template'], `is made by ${packer.template}`)]
      : []),
    ...(packer?.var_files ?? []).map((path, index) =>
      make.file(path, ['packer', 'var_files', index], `takes variables from ${path}`),
    ),
    ...(packer ? variablePaths(packer, make) : []),
    ...tests,
  ];
}

const SOURCE_PATH =
  /^(?:\.{1,2}\/)*[\w@-][\w.@-]*(?:\/[\w.@-]+)*\.(?:ya?ml|sh|ps1|pp|json|j2|tpl|tmpl|cfg|conf|ini|toml|py|rb|hcl|ks)$/;

/** Values handed to a template that look like a path of a source: they overrule what the template says by itself. */
function variablePaths(
  { template, variables }: NonNullable<WrittenImage['packer']>,
  make: Maker,
): readonly Reference[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    if (typeof value !== 'string' || !SOURCE_PATH.test(value)) return [];
    const at = ['packer', 'variables', name];
    const reason = `hands ${value} to its template`;
    const plain = name.includes('playbook')
      ? make.source('playbook', value, at, reason)
      : make.file(value, at, reason);
    return [make.maybe(plain, join(folder(template), value))];
  });
}

/** Files that a section for an engine names; one whose name depends on the environment is known only there. */
function sectionFiles(written: Sections, way: readonly PropertyKey[], make: Maker): readonly Reference[] {
  const { terraform, ansible, cloudformation, kubernetes } = written;
  const file = (path: string | undefined, ...at: readonly PropertyKey[]): readonly Reference[] =>
    path === undefined || path.includes('{')
      ? []
      : [make.file(path, [...way, ...at], `is made with ${path}`)];
  const made = cloudformation?.synth !== undefined;
  return [
    ...(terraform?.var_files ?? []).flatMap((path, index) => file(path, 'terraform', 'var_files', index)),
    ...file(ansible?.inventory, 'ansible', 'inventory'),
    ...(ansible?.destroy === undefined
      ? []
      : [
          make.source(
            'playbook',
            ansible.destroy,
            [...way, 'ansible', 'destroy'],
            `is taken away by ${ansible.destroy}`,
          ),
        ]),
    ...(made ? [] : file(cloudformation?.template, 'cloudformation', 'template')),
    ...(kubernetes?.manifests ?? []).flatMap((path, index) => file(path, 'kubernetes', 'manifests', index)),
    ...file(kubernetes?.kustomize, 'kubernetes', 'kustomize'),
  ];
}

function stackReferences(
  written: WrittenStack,
  make: Maker,
  beside: readonly string[],
): readonly Reference[] {
  const images = Object.entries(written.images).map(([variable, given]) => {
    const [image, way] = typeof given === 'string' ? [given, []] : [given.image, ['image']];
    return make.project(
      'image',
      image,
      ['images', variable, ...way],
      `takes the image ${image} for ${variable}`,
    );
  });
  const inputs = Object.entries(written.inputs).map(([variable, { stack, output }]) =>
    make.project(
      'stack',
      stack,
      ['inputs', variable, 'stack'],
      `takes ${output} of the stack ${stack} for ${variable}`,
    ),
  );
  const places = Object.entries(written.environments).flatMap(([name, differs]) => [
    make.named('environment', name, ['environments', name]),
    ...sectionFiles(differs, ['environments', name], make),
  ]);
  const hasTerraform = beside.some((name) => /\.tf(\.json)?$/.test(name));
  return [
    ...images,
    ...inputs,
    ...places,
    ...sectionFiles(written, [], make),
    ...(hasTerraform ? [make.source('terraform', '', [], 'is described by its Terraform files')] : []),
    ...(written.playbook === undefined
      ? []
      : [make.source('playbook', written.playbook, ['playbook'], `is made by ${written.playbook}`)]),
  ];
}

const stacksOf = (stacks: readonly string[], make: Maker, verb: string): readonly Reference[] =>
  stacks.map((name, index) => make.project('stack', name, ['stacks', index], `${verb} the stack ${name}`));

function serviceReferences(written: WrittenService, make: Maker): readonly Reference[] {
  const { base } = written;
  return [
    ...(base
      ? [make.project('image', base.image, ['base', 'image'], `runs on the image ${base.image}`)]
      : []),
    ...stacksOf(written.stacks, make, 'is deployed to'),
  ];
}

const environmentReferences = (written: WrittenEnvironment, make: Maker): readonly Reference[] => [
  ...stacksOf(written.stacks, make, 'is made of'),
  ...written.services.map((name, index) =>
    make.project('service', name, ['services', index], `runs the service ${name}`),
  ),
  ...Object.keys(written.pins).map((image) => make.named('image', image, ['pins', image])),
  ...written.policy.flatMap((rule, index) => [
    ...('rule' in rule
      ? [make.file(rule.rule, ['policy', index, 'rule'], `judges plans by ${rule.rule}`)]
      : []),
    ...('rego' in rule
      ? [make.file(rule.rego, ['policy', index, 'rego'], `judges plans by ${rule.rego}`)]
      : []),
    ...(rule.stacks ?? []).map((name, nth) => make.named('stack', name, ['policy', index, 'stacks', nth])),
  ]),
];

/** Rules over several keys of an image as failures at the keys they are about. */
function ruleFailures(declared: Declared<WrittenImage>): readonly Failure[] {
  return imageRules(declared.written).map(({ key, expected }) => {
    const given = (declared.written as Readonly<Record<string, unknown>>)[key];
    const found = key === '' ? 'none' : `${key}: ${JSON.stringify(given)}`;
    return {
      code: 'declaration-invalid',
      at: declaredAt(declared, key === '' ? [] : [key]),
      found,
      expected,
    };
  });
}

const read = <T>(schema: z.ZodType<T>, { path, text }: SourceFile): Result<Declared<T>> =>
  parseDeclaration(schema, path, text);

function facts<T extends { readonly uses?: readonly Use[] | undefined }>(
  source: SourceFile,
  declared: Result<Declared<T>>,
  references: (written: T, make: Maker) => readonly Reference[],
): Facts {
  if (!declared.ok) return factsOf({ ...nothing(), failures: [...declared.failures] });
  const { written } = declared.value;
  const make = maker(declared.value, folder(source.path));
  const all = [...references(written, make), ...usesOf(written.uses, make)];
  return factsOf({ ...nothing(), references: all }, written);
}

/**
 * What a declaration says and refers to; `data` is its written form with the schema's defaults. `beside` are the names in
 * its folder: a stack with Terraform files among them is read on there.
 */
export function declarationFacts(
  kind: DeclaredKind,
  source: SourceFile,
  beside: readonly string[] = [],
): Facts {
  if (kind === 'stack')
    return facts(source, read(WrittenStack, source), (written, make) =>
      stackReferences(written, make, beside),
    );
  if (kind === 'service') return facts(source, read(WrittenService, source), serviceReferences);
  if (kind === 'environment') return facts(source, read(WrittenEnvironment, source), environmentReferences);
  const declared = read(WrittenImage, source);
  const image = facts(source, declared, imageReferences);
  return declared.ok ? { ...image, failures: [...image.failures, ...ruleFailures(declared.value)] } : image;
}
