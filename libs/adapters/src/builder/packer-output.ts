/** Something that a build of Packer made, as it reports it itself. */
export interface PackerArtifact {
  /** Name of the build, such as `docker.edge`. */
  readonly build: string;
  readonly builderId: string;
  /** Packer's own name for it: an image id, an AMI's region and id. */
  readonly id: string;
  readonly files: readonly string[];
}

/** What a run of Packer said. */
export interface PackerReport {
  readonly artifacts: readonly PackerArtifact[];
  /** Errors with the build that met them; '' for errors before any build. */
  readonly errors: readonly { readonly build: string; readonly text: string }[];
  /** The last lines for people, without the names of builds. */
  readonly tail: readonly string[];
}

/** Reads the lines of `packer build -machine-readable` as they come. */
export interface PackerReader {
  /** Takes one line; answers what it says to people, as lines. */
  take(line: string): readonly string[];
  report(): PackerReport;
}

const TAIL = 400;
// eslint-disable-next-line no-control-regex
const COLOUR = /\u001b\[[0-9;]*m/g;

/** The parts of a machine-readable line (time, target, type, data …); null for any other line. */
export function parseLine(line: string): { target: string; type: string; data: readonly string[] } | null {
  const [time = '', target = '', type = '', ...data] = line.split(',');
  if (!/^\d{9,}$/.test(time) || !/^[a-z][a-z-]*$/.test(type)) return null;
  const text = data.map((part) =>
    part.replaceAll('%!(PACKER_COMMA)', ',').replaceAll('\\n', '\n').replaceAll('\\r', '\r'),
  );
  return { target, type, data: text };
}

/** A line for people without the mark and the name of the build that Packer puts before it. */
export const bare = (line: string): string => line.replace(/^(==>|-->|\s{3})\s[\w.-]+:\s?/, '').trimEnd();

interface Draft {
  builderId: string;
  id: string;
  files: string[];
}

/** A reader for one run. */
export function createPackerReader(): PackerReader {
  const drafts = new Map<string, Draft>();
  const errors: { build: string; text: string }[] = [];
  let tail: string[] = [];

  const artifact = (build: string, [index = '', key = '', ...rest]: readonly string[]): void => {
    const name = `${build}\n${index}`;
    const draft = drafts.get(name) ?? { builderId: '', id: '', files: [] };
    if (key === 'builder-id') draft.builderId = rest.join(',');
    if (key === 'id') draft.id = rest.join(',');
    if (key === 'file') draft.files.push(rest.slice(1).join(','));
    drafts.set(name, draft);
  };
  const say = (text: string): readonly string[] => {
    const lines = text
      .replace(COLOUR, '')
      .split(/\r?\n/)
      .map((line) => line.trimEnd());
    tail = [...tail, ...lines.map(bare)].slice(-TAIL);
    return lines;
  };
  return {
    take(line) {
      const parsed = parseLine(line);
      if (!parsed) return say(line);
      const { target, type, data } = parsed;
      if (type === 'artifact') artifact(target, data);
      // A build's error reaches people once more as `ui`; without a target it is one of the template.
      if (type === 'error') errors.push({ build: target, text: data.join(',').trim() });
      if (type !== 'ui') return [];
      const text = data.slice(1).join(',');
      if (data[0] === 'error' && errors.length === 0) errors.push({ build: '', text: text.trim() });
      return say(text);
    },
    report: () => ({
      artifacts: [...drafts].map(([name, draft]) => ({ build: name.split('\n')[0] ?? '', ...draft })),
      errors: errors.some(({ build }) => build !== '') ? errors.filter(({ build }) => build !== '') : errors,
      tail,
    }),
  };
}
