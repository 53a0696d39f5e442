/**
 * How long to wait before trying again: a random time up to `base * 2 ** attempt`, at most `cap`.
 *
 * "Full jitter", from Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): many clients that
 * lost the same store at the same moment come back spread over the whole interval.
 *
 * @param attempt 0 for the first wait.
 * @param base milliseconds.
 * @param cap milliseconds.
 */
export function fullJitter(attempt: number, base: number, cap: number, random: () => number = Math.random): number {
  return random() * Math.min(cap, base * 2 ** Math.min(attempt, 30));
}
