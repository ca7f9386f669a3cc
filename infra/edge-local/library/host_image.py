#!/usr/bin/python
"""An image of a few programs of this machine, with what they need to run: for daemons without a registry."""

import io
import json
import os
import re
import tarfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_image
short_description: An image of programs of this machine
description:
  - Imports programs of this machine, with their libraries, as an image into the Docker daemon.
options:
  name:
    description: Its name and tag.
    type: str
    required: true
  programs:
    description: Names of programs on PATH; they lie in C(/bin) of the image.
    type: list
    elements: str
    required: true
  labels:
    description: Labels of the image.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: An image that can sleep
  host_image:
    name: sleeper:1
    programs: [sh, sleep]
"""


def files_of(module, programs):
    """Where each file lies in the image, and here."""
    found = {}
    for name in programs:
        path = module.get_bin_path(name, required=True)
        found['bin/' + name] = path
        # A static program has none, of which ldd makes a failure.
        _, said, _ = module.run_command(['ldd', path])
        for library in re.findall(r'(/\S+) \(0x', said):
            found[library.lstrip('/')] = library
    return found


def tar_of(files):
    """A tar of these files, the same from the same files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode='w') as tar:
        for target, path in sorted(files.items()):
            info = tar.gettarinfo(os.path.realpath(path), arcname=target)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ''
            with open(path, 'rb') as source:
                tar.addfile(info, source)
    return content.getvalue()


def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(type='str', required=True),
            programs=dict(type='list', elements='str', required=True),
            labels=dict(type='dict', default={}),
        ),
        supports_check_mode=True,
    )
    name, programs = module.params['name'], sorted(module.params['programs'])
    labels = dict(module.params['labels'], programs=' '.join(programs))
    docker = module.get_bin_path('docker', required=True)
    code, said, error = module.run_command([docker, 'image', 'inspect', '--format', '{{json .Config.Labels}}', name])
    if code != 0 and 'no such image' not in error.lower():
        module.fail_json(msg=error.strip())
    before = dict(exists=True, labels=json.loads(said)) if code == 0 else dict(exists=False)
    after = dict(exists=True, labels=labels)
    changed = before != after
    if changed and not module.check_mode:
        changes = [part for key, value in labels.items() for part in ('--change', 'LABEL "%s"="%s"' % (key, value))]
        tar = tar_of(files_of(module, programs))
        module.run_command([docker, 'import'] + changes + ['-', name], data=tar, binary_data=True, check_rc=True)
    module.exit_json(changed=changed, diff=dict(before=before, after=after))


if __name__ == '__main__':
    main()
