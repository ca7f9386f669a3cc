type Wanted = Readonly<Record<string, string>>;

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Wanted;
  readonly optionalDependencies?: Wanted;
}

/** A lock file of npm, as far as it says which packages there are. */
export interface Lock {
  readonly packages: Readonly<Record<string, Locked>>;
}

/** Where Node would look for a package, from the innermost folder outwards. */
function places(from: string, name: string): readonly string[] {
  const folders = from.split('/').map((_, index, parts) => parts.slice(0, parts.length - index).join('/'));
  return [...folders, '']
    .filter((at) => !at.endsWith('node_modules'))
    .map((at) => (at === '' ? '' : `${at}/`) + `node_modules/${name}`);
}

/**
 * Packages that others depend on and that the lock file does not hold. `npm ci` refuses such a lock file, even where only
 * the build for another platform is missing; `npm install` on one machine does not notice.
 */
export function missingFromLock({ packages }: Lock): readonly string[] {
  return Object.entries(packages).flatMap(([at, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !places(at, name).some((place) => Object.hasOwn(packages, place)))
      .map(
        (name) =>
          `${at === '' ? 'the workspace' : at} needs ${name}, which package-lock.json lacks: npm ci would refuse`,
      ),
  );
}
