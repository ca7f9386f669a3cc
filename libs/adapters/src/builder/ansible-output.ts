/** What went wrong in a play, as Ansible's output tells it. */
export interface PlayFailure {
  /** `TASK [...]`, or what Ansible was doing before the first task. */
  readonly task: string;
  readonly detail: string;
}

interface TaskResult {
  readonly msg?: unknown;
  readonly stderr?: unknown;
  readonly stdout?: unknown;
  readonly module_stderr?: unknown;
  readonly module_stdout?: unknown;
  /** Where several modules ran as one task, as for facts: each by its name. */
  readonly failed_modules?: Readonly<Record<string, TaskResult>>;
}

/**
 * Finds the failed task and its message in the output of ansible-playbook (default callback). `root` is the workspace's
 * absolute path: places of syntax errors are told relative to it.
 */
export function playFailure(stdout: string, stderr: string, root: string): PlayFailure {
  const lines = stdout.split('\n');
  const at = lines.findLastIndex((line) => /^(fatal|failed): \[/.test(line) && / => /.test(line));
  if (at === -1) return { task: 'reading the play', detail: readingError(`${stderr}\n${stdout}`, root) };
  const task = lines.slice(0, at).findLast((line) => /^(TASK|RUNNING HANDLER) \[/.test(line));
  return {
    task: /\[(.*)\]/.exec(task ?? '')?.[1] ?? 'connecting',
    detail: resultDetail(lines[at] ?? '', root),
  };
}

function resultDetail(line: string, root: string): string {
  const json = line.slice(line.indexOf(' => ') + 4);
  const item = /\(item=(.*)\) => /.exec(line)?.[1];
  const said = describe(parseResult(json)) || json;
  return shorten(item === undefined ? said : `${said} (item ${item})`, root);
}

function parseResult(json: string): TaskResult {
  try {
    return JSON.parse(json) as TaskResult;
  } catch {
    return {};
  }
}

function describe(result: TaskResult): string {
  const texts = [result.msg, tail(result.stderr), tail(result.module_stderr)].filter(isText);
  if (texts.length < 2)
    texts.push(...[tail(result.stdout), tail(result.module_stdout)].filter(isText).slice(0, 1));
  const parts = Object.values(result.failed_modules ?? {}).map(describe);
  return [...new Set([...texts.map((text) => text.trim()), ...parts])].filter(isText).join('\n');
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

const tail = (value: unknown): unknown =>
  isText(value) ? value.trim().split('\n').slice(-12).join('\n') : value;

/** `ERROR! …` and the place that Ansible names, as file:line:column. */
function readingError(said: string, root: string): string {
  const error = said.slice(Math.max(0, said.search(/ERROR!|\[ERROR\]/)));
  const place = /The error appears to be in '([^']+)': line (\d+), column (\d+)/.exec(error);
  const words = error
    .replace(/The error appears to be in [\s\S]*?The offending line appears to be:\n*/, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const text = words.slice(0, 12).join('\n') || 'ansible-playbook said nothing';
  return shorten(place ? `${place[1]}:${place[2]}:${place[3]}: ${text}` : text, root);
}

const shorten = (text: string, root: string): string => text.replaceAll(`${root}/`, '');
