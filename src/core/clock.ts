/**
 * Where local time comes from. Tests pass a clock they move by hand.
 *
 * `now` is for instants that are stored or shown; `monotonic` is for measuring intervals, because the wall
 * clock may step.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds from an arbitrary origin, never going back. */
  monotonic(): number;
  /** Calls `callback` once, after `ms` milliseconds. Returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** `setTimeout` fires at once above this; longer waits are cut into pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function after(ms: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (left: number): void => {
    const piece = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > piece ? arm(left - piece) : callback()), piece);
  };
  arm(Math.max(0, ms));
  return () => clearTimeout(timer);
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after,
};
