import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { ok, type Call, type Finding, type Result, type StackOrder } from '@goldenthread/core';
import { syntaxFinding } from '../playbook/syntax.ts';
import { maskOf } from './ansible-mask.ts';
import { runPlaybook } from './ansible-run.ts';

const wrong = (file: string, message: string): Finding => ({
  file,
  line: 1,
  column: 1,
  message,
  rule: 'ansible syntax-check',
  level: 'error',
});

/** What Ansible says of one playbook without running it. */
async function syntax(order: StackOrder, playbook: string, call: Call): Promise<Result<readonly Finding[]>> {
  const { stack } = order;
  const mask = maskOf(order.inputs);
  const file = join(stack.root, playbook);
  if (!existsSync(join(order.root, file))) return ok([wrong(stack.file, `there is no ${file}`)]);
  const played = await runPlaybook(order, { playbook, how: 'syntax', mask }, call);
  if (!played.ok) return played;
  const { code, stderr, stdout } = played.value.finished;
  if (code === 0) return ok([]);
  const said = mask.clean(`${stderr}\n${stdout}`.trim());
  if (/no vault secrets/i.test(said)) {
    const text = `${file} reads encrypted files: Ansible cannot check it here`;
    call.emit({ type: 'note', project: stack.name, text });
    return ok([]);
  }
  const root = realpathSync(order.root);
  const finding = syntaxFinding(said, root, file);
  return ok([{ ...finding, message: finding.message.replaceAll(`${root}/`, '') }]);
}

/** What is wrong with the playbooks of a stack, as Ansible's syntax check sees it. */
export async function validatePlaybooks(order: StackOrder, call: Call): Promise<Result<readonly Finding[]>> {
  const { stack } = order;
  const { destroy, inventory } = stack.ansible;
  if (stack.playbook === null) return ok([wrong(stack.file, 'it names no `playbook`')]);
  if (inventory !== undefined && !existsSync(join(order.root, stack.root, inventory)))
    return ok([wrong(stack.file, `there is no inventory ${join(stack.root, inventory)}`)]);
  const made = await syntax(order, stack.playbook, call);
  if (!made.ok || destroy === undefined) return made;
  const gone = await syntax(order, destroy, call);
  return gone.ok ? ok([...made.value, ...gone.value]) : gone;
}
