import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds. Long enough for a machine that is busy with something else: only a test that fails waits for it. */
const DEADLINE_MS = 10_000;
const INTERVAL_MS = 2;

/**
 * Waits for a condition that gives no signal, by looking at it again and again.
 *
 * @param what what is waited for, in words; it goes into the error.
 * @param deadline milliseconds.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadline: number = DEADLINE_MS,
): Promise<void> {
  const end = performance.now() + deadline;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Waited ${deadline} ms in vain until ${what}.`);
    await sleep(INTERVAL_MS);
  }
}

/**
 * Waits for a promise, but not for ever.
 *
 * @param what what is waited for, in words; it goes into the error.
 * @param deadline milliseconds.
 */
export async function within<T>(promise: Promise<T>, what: string, deadline: number = DEADLINE_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Waited ${deadline} ms in vain until ${what}.`)), deadline);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
