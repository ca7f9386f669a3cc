const HIDDEN = '***';

/** A value that no output may show: whoever prints it, writes it as JSON or puts it into a text gets `***`. */
export class Secret {
  readonly #value: string;

  /** Hides a text. */
  constructor(value: string) {
    this.#value = value;
  }

  /** The text itself: only for handing it to what needs it. */
  reveal(): string {
    return this.#value;
  }

  /** What JSON shows. */
  toJSON(): string {
    return HIDDEN;
  }

  /** What a text shows. */
  toString(): string {
    return HIDDEN;
  }

  /** What Node's own printing shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return HIDDEN;
  }
}
