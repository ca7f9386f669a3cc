import { imageIn, addImage, type Ami, type World } from './aws-images.ts';
import { AwsRefusal, type Parameters, type Xml } from './aws-wire.ts';

type Action = (world: World, region: string, form: Parameters) => Readonly<Record<string, Xml>>;

const DONE = { return: true };

function needed(form: Parameters, name: string): string {
  const value = form.get(name);
  if (value === undefined)
    throw new AwsRefusal('MissingParameter', `The request must contain the parameter ${name}`);
  return value;
}

function tagsIn(form: Parameters): Map<string, string> {
  const tags = form.each('Tag').map((tag): [string, string] => [needed(tag, 'Key'), tag.get('Value') ?? '']);
  for (const [key, value] of tags)
    if (key.length > 128 || value.length > 256)
      throw new AwsRefusal('InvalidParameterValue', `Tag value exceeds the maximum length: ${key}`);
  return new Map(tags);
}

const describeRegions: Action = (world) => ({
  regionInfo: world.regions.map((regionName) => ({
    regionName,
    regionEndpoint: `ec2.${regionName}.amazonaws.com`,
    optInStatus: 'opt-in-not-required',
  })),
});

const createTags: Action = (world, region, form) => {
  const ids = form.list('ResourceId');
  if (ids.length === 0) throw new AwsRefusal('MissingParameter', 'The request must contain resource ids');
  const tags = tagsIn(form);
  const targets = ids.map((id) => {
    const found = id.startsWith('snap-') ? world.snapshots.get(id) : imageIn(world, region, id);
    if (found?.region !== region)
      throw new AwsRefusal('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`);
    return found;
  });
  for (const target of targets) {
    for (const [key, value] of tags) target.tags.set(key, value);
    if (target.tags.size > 50) throw new AwsRefusal('TagLimitExceeded', 'More than 50 tags specified');
  }
  return DONE;
};

function specified(form: Parameters, type: string): Map<string, string> {
  const found = form.each('TagSpecification').find((one) => one.get('ResourceType') === type);
  return found ? tagsIn(found) : new Map();
}

const copyImage: Action = (world, region, form) => {
  const source = imageIn(world, needed(form, 'SourceRegion'), needed(form, 'SourceImageId'));
  const [name, key, token] = [needed(form, 'Name'), form.get('KmsKeyId') ?? null, form.get('ClientToken')];
  if (source.state !== 'available')
    throw new AwsRefusal('InvalidRequest', `Image ${source.id} cannot be copied while it is ${source.state}`);
  if (token !== undefined && token.length > 64)
    throw new AwsRefusal('InvalidParameterValue', 'ClientToken is longer than 64 characters');
  if (key !== null && form.get('Encrypted') !== 'true')
    throw new AwsRefusal('InvalidParameterCombination', 'KmsKeyId is given, and Encrypted is not');
  const again = world.tokens.get(`${region} ${token ?? ''}`);
  if (token !== undefined && again !== undefined) return { imageId: again };
  if (!/^[\w()[\] ./\-'@]{3,128}$/.test(name))
    throw new AwsRefusal('InvalidAMIName.Malformed', `AMI name ${name} is malformed`);
  if ([...world.images.values()].some((one) => one.region === region && one.name === name))
    throw new AwsRefusal('InvalidAMIName.Duplicate', `AMI name ${name} is already in use`);
  const fails = key === null || world.keys.has(key) ? null : `The key ${key} cannot be used`;
  const made = addImage(world, region, {
    name,
    state: 'pending',
    fails,
    key,
    tags: specified(form, 'image'),
  });
  for (const [tag, value] of specified(form, 'snapshot'))
    world.snapshots.get(made.snapshot)?.tags.set(tag, value);
  if (token !== undefined) world.tokens.set(`${region} ${token}`, made.id);
  return { imageId: made.id };
};

function permissionsIn(form: Parameters, list: string): readonly string[] {
  return form.each(list).map((one) => {
    const [user, group] = [one.get('UserId'), one.get('Group')];
    if (user !== undefined && !/^\d{12}$/.test(user))
      throw new AwsRefusal('InvalidUserID.Malformed', `Invalid user id: "${user}"`);
    if (user === undefined && group !== 'all')
      throw new AwsRefusal('InvalidParameterValue', 'A permission names a user or the group all');
    return user === undefined ? 'group:all' : `user:${user}`;
  });
}

function usable(world: World, region: string, form: Parameters): Ami {
  const image = imageIn(world, region, form.get('ImageId'));
  if (image.state !== 'available')
    throw new AwsRefusal('IncorrectState', `Image ${image.id} is ${image.state}`);
  return image;
}

const modifyImageAttribute: Action = (world, region, form) => {
  const image = usable(world, region, form);
  const add = permissionsIn(form, 'LaunchPermission.Add');
  const take = permissionsIn(form, 'LaunchPermission.Remove');
  if (add.length + take.length === 0)
    throw new AwsRefusal('MissingParameter', 'The request must contain a permission');
  for (const one of add) image.permissions.add(one);
  for (const one of take) image.permissions.delete(one);
  return DONE;
};

const describeImageAttribute: Action = (world, region, form) => {
  const image = usable(world, region, form);
  if (needed(form, 'Attribute') !== 'launchPermission')
    throw new AwsRefusal('InvalidParameterValue', 'Only launchPermission is known here');
  const launchPermission = [...image.permissions].map((one) =>
    one === 'group:all' ? { group: 'all' } : { userId: one.slice('user:'.length) },
  );
  return { imageId: image.id, launchPermission };
};

const enableImageDeprecation: Action = (world, region, form) => {
  const image = imageIn(world, region, form.get('ImageId'));
  const at = needed(form, 'DeprecateAt');
  if (!(Date.parse(at) > Date.now()))
    throw new AwsRefusal('InvalidParameterValue', `The time ${at} is not in the future`);
  image.deprecation = at;
  return DONE;
};

const deregisterImage: Action = (world, region, form) => {
  world.images.delete(imageIn(world, region, form.get('ImageId')).id);
  return DONE;
};

const deleteSnapshot: Action = (world, region, form) => {
  const id = needed(form, 'SnapshotId');
  if (world.snapshots.get(id)?.region !== region)
    throw new AwsRefusal('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`);
  const user = [...world.images.values()].find(({ snapshot }) => snapshot === id);
  if (user)
    throw new AwsRefusal('InvalidSnapshot.InUse', `The snapshot ${id} is currently in use by ${user.id}`);
  world.snapshots.delete(id);
  return DONE;
};

/** What changes the small EC2, by the action's name. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  DescribeRegions: describeRegions,
  CreateTags: createTags,
  CopyImage: copyImage,
  ModifyImageAttribute: modifyImageAttribute,
  DescribeImageAttribute: describeImageAttribute,
  EnableImageDeprecation: enableImageDeprecation,
  DeregisterImage: deregisterImage,
  DeleteSnapshot: deleteSnapshot,
};
