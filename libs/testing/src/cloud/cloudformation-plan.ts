import type { Json } from '@goldenthread/core';
import { detail, isObject, LATER, leaves, replacing } from './cloudformation-diff.ts';
import { evaluate, parseTemplate, type FakeTemplate, type Scope } from './cloudformation-template.ts';
import {
  arn,
  findStack,
  type CfnWorld,
  type FakeChange,
  type FakeResource,
  type FakeStack,
  type FakeWanted,
} from './cloudformation-world.ts';

const MASK = '****';

/** An attribute of a resource: its properties, and what begins with its id. */
export const attributeOf = (resource: FakeResource, name: string): Json =>
  (resource.live as Readonly<Record<string, Json>> | null)?.[name] ??
  `${name.toLowerCase()}:${resource.physical}`;

/** References as they are for a stack with these resources; `hide` masks what the template says is hidden. */
export function scopeOf(
  stack: FakeStack,
  template: FakeTemplate,
  parameters: ReadonlyMap<string, string>,
  { fresh, hide }: { readonly fresh: ReadonlySet<string>; readonly hide: boolean },
): Scope {
  const resource = (name: string, use: (one: FakeResource) => Json): Json => {
    const found = stack.resources.get(name);
    return !found || fresh.has(name) ? LATER : use(found);
  };
  return {
    ref(name) {
      const declared = template.parameters.get(name);
      if (declared) return hide && declared.hidden ? MASK : (parameters.get(name) ?? declared.fallback ?? '');
      if (name === 'AWS::StackName') return stack.name;
      return name === 'AWS::Region' ? 'eu-west-1' : resource(name, (one) => one.physical);
    },
    attribute: (name, attribute) => resource(name, (one) => attributeOf(one, attribute)),
  };
}

const context = (properties: Json): string => JSON.stringify({ Properties: properties });

interface Planning {
  readonly world: CfnWorld;
  readonly stack: FakeStack;
  readonly template: FakeTemplate;
  readonly wanted: FakeWanted;
}

/** The change set of a nested stack, where its template is known. */
function nestedOf(
  { world, wanted }: Planning,
  type: string,
  properties: Json,
  physical: string,
): string | null {
  const url = isObject(properties) ? properties['TemplateURL'] : undefined;
  const template = world.templates.get(typeof url === 'string' ? url : '');
  if (type !== 'AWS::CloudFormation::Stack' || !wanted.isNesting || template === undefined) return null;
  const given = isObject(properties) ? (properties['Parameters'] ?? {}) : {};
  const parameters = new Map(Object.entries(given as Readonly<Record<string, string>>));
  const inner: FakeWanted = { ...wanted, template, parameters };
  const id = arn('changeSet', 'nested');
  const child = findStack(world, physical);
  const changes = changesOf(world, child ?? { ...EMPTY, name: 'nested' }, inner);
  world.changeSets.set(id, {
    id,
    name: 'nested',
    token: '',
    stack: child?.id ?? '',
    wanted: inner,
    changes,
    fails: null,
    execution: 'AVAILABLE',
    looks: 0,
  });
  return id;
}

const EMPTY: FakeStack = {
  id: '',
  name: '',
  status: '',
  created: '',
  updated: null,
  template: '',
  parameters: new Map(),
  tags: new Map(),
  outputs: new Map(),
  resources: new Map(),
  events: [],
  isProtected: false,
  changeSet: undefined,
  drift: '',
  work: [],
  undo: null,
};

function changeOf(planning: Planning, resource: string, fresh: ReadonlySet<string>): FakeChange | null {
  const { stack, template, wanted } = planning;
  const declared = template.resources.get(resource);
  const there = stack.resources.get(resource);
  const type = declared?.type ?? there?.type ?? '';
  const base = {
    LogicalResourceId: resource,
    ResourceType: type,
    ...(there ? { PhysicalResourceId: there.physical } : {}),
  };
  if (!declared)
    return {
      resource,
      type,
      action: 'Remove',
      replacement: 'False',
      nested: null,
      xml: { Action: 'Remove', PolicyAction: 'Delete', ...base },
    };
  const real = evaluate(
    declared.properties,
    scopeOf(stack, template, wanted.parameters, { fresh, hide: false }),
  );
  const shown = evaluate(
    declared.properties,
    scopeOf(stack, template, wanted.parameters, { fresh, hide: true }),
  );
  const nested = nestedOf(planning, type, real, there?.physical ?? '');
  const inner = nested === null ? {} : { ChangeSetId: nested };
  const gone = wanted.revert && there?.live === null;
  if (!there || gone)
    return {
      resource,
      type,
      action: 'Add',
      replacement: 'False',
      nested,
      xml: {
        Action: 'Add',
        ...base,
        ...inner,
        ...(gone ? { ResourceDriftStatus: 'DELETED' } : {}),
        AfterContext: context(shown),
      },
    };
  const before = wanted.revert ? there.live : there.properties;
  const found = leaves(before, real);
  const isAutomatic = nested !== null && (planning.world.changeSets.get(nested)?.changes.length ?? 0) > 0;
  if (found.length === 0 && !isAutomatic) return null;
  const replacement = replacing(found);
  const details = found.map((leaf) =>
    detail(leaf, { before: wanted.revert ? before : there.shown, after: shown }),
  );
  return {
    resource,
    type,
    action: 'Modify',
    replacement,
    nested,
    xml: {
      Action: 'Modify',
      ...base,
      ...inner,
      Replacement: replacement,
      Scope: ['Properties'],
      Details: details,
      BeforeContext: context(there.shown),
      AfterContext: context(shown),
    },
  };
}

/** What would have to be done to a stack, resource by resource: those that refer to something new are told so. */
export function changesOf(world: CfnWorld, stack: FakeStack, wanted: FakeWanted): readonly FakeChange[] {
  const template = parseTemplate(wanted.template);
  if (!template) return [];
  const planning: Planning = { world, stack, template, wanted };
  const names = [...new Set([...template.resources.keys(), ...stack.resources.keys()])];
  let fresh: ReadonlySet<string> = new Set(names.filter((name) => !stack.resources.has(name)));
  for (;;) {
    const changes = names.flatMap((name) => changeOf(planning, name, fresh) ?? []);
    const next = new Set([
      ...fresh,
      ...changes.filter(({ replacement }) => replacement === 'True').map(({ resource }) => resource),
    ]);
    if (next.size === fresh.size) return changes;
    fresh = next;
  }
}
