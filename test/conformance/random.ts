/** Random numbers that can be drawn again: the seed is in messages of failure, and `BATON_TEST_SEED` sets it. */
export interface Random {
  /** How to have the same numbers again, in words. */
  readonly seed: string;
  /** A whole number from 0 up to and without `limit`. */
  below(limit: number): number;
  /** A copy in random order. */
  shuffled<T>(items: readonly T[]): T[];
}

/** The seed of this run's random tests: `BATON_TEST_SEED`, else a random one. */
export const SEED: number = Number(process.env["BATON_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Mulberry32, by Tommy Ettinger. */
export function seededRandom(seed: number = SEED): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    seed: `BATON_TEST_SEED=${seed}`,
    below,
    shuffled: (items) => {
      const shuffled = [...items];
      for (let i = shuffled.length - 1; i > 0; i -= 1) {
        const j = below(i + 1);
        const [a, b] = [shuffled[i], shuffled[j]];
        if (a === undefined || b === undefined) continue;
        shuffled[i] = b;
        shuffled[j] = a;
      }
      return shuffled;
    },
  };
}
