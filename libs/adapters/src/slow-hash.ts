import { scryptSync } from 'node:crypto';

// About 30 ms and 16 MiB for each guess.
const COST = 16_384;

/** A hash that is slow on purpose: what it stands for may be a short secret, and the hash lies where people can read it. */
export const slowHash = (text: string): string =>
  `scrypt:${scryptSync(text, 'goldenthread', 32, { N: COST }).toString('hex')}`;
