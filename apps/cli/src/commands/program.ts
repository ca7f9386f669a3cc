/** What commands need to know of the program around them. */
export interface Program {
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
  /** Takes the exit code. */
  readonly finish: (code: number) => void;
}
