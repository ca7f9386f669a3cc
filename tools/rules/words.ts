interface Word {
  readonly pattern: RegExp;
  readonly why: string;
}

/** What no file of the repository says. Patterns are broken up by escapes, so that this file does not find itself. */
export const WORDS: readonly Word[] = [
  {
    pattern: /(?<![\w.}])\/(?:home|Users)\/(?!node\b|app\b|\$|<|\{)[a-z][\w.-]*\//,
    why: "somebody's home folder: other machines have none like it",
  },
  { pattern: /(?<![\w.}$*\])])\/work\/(?:main|shared|repo|\.)/, why: 'a path of one machine' },
  {
    pattern: /\bregistry\.(?:npmjs|yarnpkg)\b/,
    why: 'the address of a package registry: npm is set up with its own',
  },
  {
    pattern: /\b(?:deb|security|snapshot|ftp)\.debian\.org\b/,
    why: 'the address of a package mirror: apt is set up with its own',
  },
  {
    pattern: /\b(?:archive|security)\.ubuntu\.com\b/,
    why: 'the address of a package mirror: apt is set up with its own',
  },
  { pattern: /\bpypi\.org\b|\bpythonhosted\.org\b/, why: 'the address of a package registry' },
  {
    pattern: /\b(?:index|registry-1|hub)\.docker\.(?:io|com)\b|\b(?:ghcr|quay|gcr)\.io\b/,
    why: 'the address of an image registry',
  },
];

/** Every line of a text that says what no file should. */
export function foundWords(path: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, index) =>
    WORDS.flatMap(({ pattern, why }) => {
      const match = pattern.exec(line);
      return match ? [`${path}:${index + 1} says ${match[0]}: ${why}`] : [];
    }),
  );
}
