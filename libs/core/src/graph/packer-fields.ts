/** What the value of a key is. */
export type FieldKind = 'playbook' | 'file' | 'arguments' | 'search';
/** Keys that name files of the workspace, or places where some are looked for. */
export type Fields = Readonly<Record<string, FieldKind>>;

const SCRIPTS: Fields = { script: 'file', scripts: 'file' };
const ANSIBLE: Fields = {
  // Where roles are looked up by name is no input by itself: playbooks name the roles, and a folder of all roles would make
  // every image depend on every role.
  roles_path: 'search',
  collections_path: 'search',
  galaxy_roles_path: 'search',
  playbook_file: 'playbook',
  playbook_files: 'playbook',
  playbook_dir: 'file',
  playbook_paths: 'file',
  role_paths: 'file',
  galaxy_file: 'file',
  inventory_file: 'file',
  inventory_directory: 'file',
  group_vars: 'file',
  host_vars: 'file',
};

/** Keys of provisioners by their type; post-processors of the same name have the same. */
export const PROVISIONERS: Readonly<Record<string, Fields>> = {
  ansible: { ...ANSIBLE, extra_arguments: 'arguments' },
  'ansible-local': ANSIBLE,
  shell: SCRIPTS,
  'shell-local': SCRIPTS,
  powershell: SCRIPTS,
  'windows-shell': SCRIPTS,
  file: { source: 'file', sources: 'file' },
  'puppet-masterless': {
    manifest_file: 'file',
    manifest_dir: 'file',
    module_paths: 'file',
    hiera_config_path: 'file',
  },
  'salt-masterless': {
    local_state_tree: 'file',
    local_pillar_roots: 'file',
    minion_config: 'file',
    grains_file: 'file',
  },
  'chef-solo': {
    cookbook_paths: 'file',
    data_bags_path: 'file',
    environments_path: 'file',
    config_template: 'file',
  },
  inspec: { profile: 'file', attributes: 'file' },
};

/** Keys of builders. */
export const BUILDER: Fields = {
  http_directory: 'file',
  floppy_files: 'file',
  floppy_dirs: 'file',
  cd_files: 'file',
  user_data_file: 'file',
};

/** Keys of all provisioners: a dynamic block does not say its type where its content stands. */
export const ANY: Fields = Object.assign({}, ...Object.values(PROVISIONERS)) as Fields;
