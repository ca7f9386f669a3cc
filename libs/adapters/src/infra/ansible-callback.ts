/**
 * What Ansible runs for each result: one object of JSON a line into `results` in the folder above it, and one line for people on
 * standard output. The file of values, with its secrets, is removed as soon as Ansible has read it.
 */
export const CALLBACK = String.raw`import json
import os
import re
import shutil
import signal

from ansible.parsing.vault import VaultLib
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = '''
name: goldenthread
type: stdout
short_description: results as lines of JSON
description:
  - Writes each result as a line of JSON into a file.
'''

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAIN = os.getpid()
PLAIN = ('changed', 'skipped', 'skip_reason', 'skipped_reason', 'censored', 'diff', 'checksum', 'actions')
WORDS = ('msg', 'stdout', 'stderr', 'module_stdout', 'module_stderr', 'reason')
NOTED = ('state', 'labels', 'tags', 'region')
LONGEST = 4096
HIDDEN = 'VALUE_SPECIFIED_IN_NO_LOG_PARAMETER'


def end(*_):
    if os.getpid() != MAIN:
        # A worker that Ansible itself ends.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
        return
    # Whoever started us has died, thread by thread with a signal for each, or wants us to end: what modules have started ends
    # too, and no secret stays in a file.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    shutil.rmtree(HOME, ignore_errors=True)
    os._exit(128 + signal.SIGTERM)


def watch_vault():
    # What lies encrypted in files is as secret as what we hand over, in workers too.
    decrypt, known = VaultLib.decrypt_and_get_vault_id, set()
    secrets = os.open(os.path.join(HOME, 'secrets'), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def watched(self, vaulttext, filename=None, obj=None):
        answer = decrypt(self, vaulttext, filename=filename, obj=obj)
        text = answer[0].decode('utf-8', 'replace') if isinstance(answer[0], bytes) else str(answer[0])
        if text not in known:
            known.add(text)
            os.write(secrets, (json.dumps(dict(text=text, file=obj is None)) + '\n').encode())
        return answer

    VaultLib.decrypt_and_get_vault_id = watched


def part(result, name):
    # ansible-core 2.19 gave them names without an underscore.
    found = getattr(result, name, None)
    return found if found is not None else getattr(result, '_' + name)


def plain(value):
    # What lies encrypted in a file stays unread.
    return HIDDEN if hasattr(value, '_ciphertext') else str(value)


def words(value):
    text = value if isinstance(value, str) else json.dumps(value, default=plain)
    return text[-LONGEST:]


def trimmed(data):
    kept = {key: data[key] for key in PLAIN if key in data}
    kept.update({key: words(data[key]) for key in WORDS if data.get(key)})
    if isinstance(data.get('failed_modules'), dict):
        kept['failed_modules'] = {key: trimmed(one) for key, one in data['failed_modules'].items()}
    return kept


def label(item):
    if isinstance(item, dict):
        item = next((item[key] for key in ('name', 'key', 'path', 'dest') if key in item), item)
    return item if isinstance(item, str) else json.dumps(item, default=plain, sort_keys=True)


def asked(given, args):
    # What a module got is free of what it knows as a secret. Actions hand it copies, though, whose names are others in each run.
    found = {}
    for key in given:
        if key not in args or key.startswith('_ansible'):
            continue
        copied = re.search('/ansible-(tmp|local)-', str(args[key]))
        if not copied or isinstance(given[key], str) and '{' not in given[key]:
            found[key] = given[key] if copied else args[key]
    return found


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'stdout'
    CALLBACK_NAME = 'goldenthread'

    def __init__(self):
        super().__init__()
        self.play = ''
        self.looped = set()
        self.failed = []
        signal.signal(signal.SIGTERM, end)
        watch_vault()
        self.out = open(os.path.join(HOME, 'results'), 'a')

    def write(self, **line):
        self.out.write(json.dumps(line, default=plain) + '\n')
        self.out.flush()

    def record(self, result, status, item=False):
        try:
            self.told(result, status, item)
        except Exception as error:  # Ansible would only warn, and a result would be lost.
            self.write(event='broken', detail='a result cannot be told (%s)' % type(error).__name__)

    def told(self, result, status, item):
        host, task, data = (part(result, name) for name in ('host', 'task', 'result'))
        key = (host.get_name(), task._uuid)
        if item:
            self.looped.add(key)
        elif key in self.looped:
            return
        args = (data.get('invocation') or {}).get('module_args') or {}
        hidden = 'censored' in data
        if status == 'ok' and data.get('changed'):
            status = 'changed'
        state = task.args.get('state')
        line = dict(
            event='result',
            status=status,
            host=host.get_name(),
            play=self.play,
            role=task._role.get_name() if task._role else None,
            task=task.name or task.action,
            item=label(data['_ansible_item_label']) if data.get('_ansible_item_label') is not None else None,
            module=getattr(task, 'resolved_action', None) or task.action,
            path=task.get_path() or None,
            check=bool(task.check_mode),
            state=state if isinstance(state, str) and '{' not in state else None,
            asked={} if hidden else asked(task.args, args),
            noted={} if hidden else {key: args[key] for key in NOTED if key in args},
            result=trimmed(data),
        )
        self.write(**line)
        if status not in ('skipped', 'ok'):
            self.say(line)

    def say(self, line):
        # Items may hold what is secret, and nobody has looked through them yet.
        name = '%s: %s : %s' % (line['host'], line['role'] or line['play'], line['task'])
        would = line['check'] and line['status'] == 'changed'
        self._display.display('%s: %s' % (name, 'would change' if would else line['status']))

    def v2_playbook_on_start(self, playbook):
        os.remove(os.path.join(HOME, 'values.yml'))

    def v2_playbook_on_play_start(self, play):
        self.play = play.get_name().strip()
        self.write(event='play', play=self.play)

    def v2_playbook_on_no_hosts_matched(self):
        self.write(event='nobody', play=self.play)

    def v2_runner_on_ok(self, result):
        self.record(result, 'ok')

    def v2_runner_item_on_ok(self, result):
        self.record(result, 'ok', True)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        status = 'ignored' if ignore_errors else 'failed'
        items, self.failed = self.failed, []
        for one in items:
            self.record(one, status, True)
        self.record(result, status)

    def v2_runner_item_on_failed(self, result):
        # Only the whole loop's result says whether that is ignored.
        self.failed.append(result)

    def v2_runner_on_skipped(self, result):
        self.record(result, 'skipped')

    def v2_runner_item_on_skipped(self, result):
        self.record(result, 'skipped', True)

    def v2_runner_on_unreachable(self, result):
        self.record(result, 'unreachable')

    def v2_playbook_on_stats(self, stats):
        self.write(event='end', outputs=stats.custom.get('_run', {}))
`;
