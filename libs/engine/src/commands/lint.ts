import {
  fail,
  howToGet,
  join,
  ok,
  owner,
  sortFindings,
  within,
  type Call,
  type Failure,
  type Finding,
  type Graph,
  type LintTarget,
  type Linter,
  type Ports,
  type Project,
  type Result,
  type Stack,
  type Tool,
} from '@goldenthread/core';
import { rolePaths, rolesOf } from '../ingredients.ts';
import { projectNamed } from '../load.ts';

/** One run over a graph. */
export interface LintJob {
  readonly ports: Ports;
  readonly graph: Graph;
  readonly call: Call;
}

/** What became of one project in which nothing was wrong. */
export interface Linted {
  readonly project: string;
  /** Warnings: said, but no failure. */
  readonly findings: readonly Finding[];
  readonly ran: readonly string[];
  /** Linters whose tools are not here. */
  readonly skipped: readonly string[];
  readonly seconds: number;
}

/** One linter and what it is to read. */
export interface LintTask {
  readonly linter: string;
  readonly target: LintTarget;
}

const isYaml = (path: string): boolean => /\.ya?ml$/.test(path);

const shortName = (root: string): string => root.slice(root.lastIndexOf('/') + 1);

/** The playbooks of a stack: what makes it, and what takes it away, here or in one environment. */
function stackPlaybooks({ root, playbook, ansible, environments }: Stack): readonly string[] {
  const destroy = [ansible, ...Object.values(environments).map((one) => one.ansible)].map(
    (one) => one?.destroy,
  );
  const all = [playbook ?? undefined, ...destroy].flatMap((path) =>
    path === undefined ? [] : [join(root, path)],
  );
  return [...new Set(all)];
}

/** What Ansible reads of a project: playbooks, and roles by name. */
function ansibleOf({ kind, root, image, stack }: Project): {
  readonly playbooks: readonly string[];
  readonly roles: readonly string[];
} {
  if (kind === 'role') return { playbooks: [], roles: [shortName(root)] };
  if (stack?.engine === 'ansible') return { playbooks: stackPlaybooks(stack), roles: [] };
  if (!image) return { playbooks: [], roles: [] };
  if (image.playbook !== null) return { playbooks: [join(root, image.playbook)], roles: [] };
  return { playbooks: [], roles: image.roles.map(({ role }) => role) };
}

/** A template and, of its files of variables, those that have a form. */
function packerFiles({ root, image }: Project): readonly string[] {
  if (!image?.packer) return [];
  const { template, var_files } = image.packer;
  return [template, ...var_files.filter((path) => path.endsWith('.pkrvars.hcl'))].map((path) =>
    join(root, path),
  );
}

/** The folder of a stack that is described by Terraform's files. */
const terraformOf = ({ root, stack }: Project): readonly string[] =>
  stack?.engine === 'terraform' || stack?.engine === 'opentofu' ? [root] : [];

/** Which linters read which of a project's files. Pure; a linter that would have nothing to read is left out. */
export function lintTasks(graph: Graph, project: Project, files: readonly string[]): readonly LintTask[] {
  const { name, root, file, kind } = project;
  const byRoot = new Map(Array.from(graph.projects.values(), (other) => [other.root, other]));
  const yaml = files.filter((path) => within(path, root) && isYaml(path) && owner(path, byRoot) === project);
  const { playbooks, roles } = ansibleOf(project);
  const used = rolesOf(graph, name);
  const paths = rolePaths(kind === 'role' ? [project, ...used] : used);
  const task = (linter: string, read: readonly string[], named: readonly string[] = []): LintTask[] =>
    read.length + named.length === 0
      ? []
      : [{ linter, target: { project: name, root, file, files: read, roles: named, rolePaths: paths } }];
  return [
    ...task('yamllint', yaml),
    ...task('ansible', playbooks, roles),
    ...task('ansible-lint', kind === 'role' ? [root] : playbooks),
    ...task('packer', packerFiles(project)),
    ...['terraform', 'tflint', 'checkov'].flatMap((linter) => task(linter, terraformOf(project))),
  ];
}

/** What became of one task; null for findings where its linter was left out. */
interface Done {
  readonly linter: string;
  readonly findings: readonly Finding[] | null;
}

async function missingTools({ ports, call }: LintJob, linter: Linter): Promise<readonly Tool[]> {
  const found = await Promise.all(linter.tools.map((tool) => ports.tools.find(tool, call)));
  return found.filter(({ path }) => path === null).map(({ tool }) => tool);
}

async function runTask(job: LintJob, { linter: name, target }: LintTask): Promise<Result<Done>> {
  const { ports, call } = job;
  const linter = await ports.linter(name);
  if (!linter.ok) return linter;
  if (linter.value.optional) {
    const [missing] = await missingTools(job, linter.value);
    if (missing) {
      call.emit({
        type: 'note',
        project: target.project,
        text: `SKIPPED ${name}: ${missing.name} is not installed. ${howToGet(missing)}`,
      });
      return ok({ linter: name, findings: null });
    }
  }
  const tools = linter.value.optional ? ok({}) : await ports.tools.versions(linter.value.tools, call);
  if (!tools.ok) return tools;
  const started = performance.now();
  call.emit({ type: 'step', project: target.project, step: name, state: 'started' });
  const found = await linter.value.lint(target, call);
  // What lies in another project is said when that one is linted; an unowned playbook is this project's business.
  const own = found.ok
    ? found.value.filter(
        ({ file }) => within(file, target.root) || target.files.some((path) => within(file, path)),
      )
    : [];
  const bad = !found.ok || own.some(({ level }) => level === 'error');
  const seconds = (performance.now() - started) / 1000;
  call.emit({ type: 'step', project: target.project, step: name, state: bad ? 'failed' : 'done', seconds });
  return found.ok ? ok({ linter: name, findings: own }) : found;
}

/** Accounts that a declaration names and the settings do not know: no schema can see them. */
async function unknownAccounts({ ports }: LintJob, { image, file }: Project): Promise<readonly Failure[]> {
  if (!image || image.share.length === 0) return [];
  const settings = await ports.settings();
  if (!settings.ok) return settings.failures;
  const { accountsOf } = await import('@goldenthread/core/release');
  const found = accountsOf(image, settings.value, ports.workspace.read(file) ?? '');
  return found.ok ? [] : found.failures;
}

async function lintProject(
  job: LintJob,
  project: Project,
  files: readonly string[],
): Promise<Result<Linted>> {
  const started = performance.now();
  const tasks = await Promise.all(lintTasks(job.graph, project, files).map((task) => runTask(job, task)));
  const done = tasks.flatMap((task) => (task.ok ? [task.value] : []));
  const findings = sortFindings(done.flatMap((one) => one.findings ?? []));
  const failures: Failure[] = [
    ...(await unknownAccounts(job, project)),
    ...tasks.flatMap((task) => (task.ok ? [] : task.failures)),
  ];
  if (findings.some(({ level }) => level === 'error'))
    failures.unshift({ code: 'lint-failed', project: project.name, findings });
  if (failures.length > 0) return fail(...failures);
  return ok({
    project: project.name,
    findings,
    ran: done.filter((one) => one.findings !== null).map(({ linter }) => linter),
    skipped: done.filter((one) => one.findings === null).map(({ linter }) => linter),
    seconds: (performance.now() - started) / 1000,
  });
}

/** Lints projects by name, one after another; goes on after a failure, so that everything is said at once. */
export async function lint(job: LintJob, names: readonly string[]): Promise<Result<readonly Linted[]>> {
  const files = await job.ports.workspace.files(job.call);
  if (!files.ok) return files;
  const linted: Linted[] = [];
  const failures: Failure[] = [];
  for (const name of names) {
    const project = projectNamed(job.graph, name);
    const one = project.ok ? await lintProject(job, project.value, files.value) : project;
    if (one.ok) linted.push(one.value);
    else failures.push(...one.failures);
  }
  const cancelled = failures.find(({ code }) => code === 'cancelled');
  if (cancelled) return fail(cancelled);
  return failures.length > 0 ? fail(...failures) : ok(linted);
}
