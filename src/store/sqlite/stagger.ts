/** Milliseconds: the span after a collision at least, and the longest. */
const COLLISION_SPAN_MS = 1;
const LONGEST_SPAN_MS = 16;
/** Below this, in milliseconds, there is no span. */
const LEAST_SPAN_MS = 0.25;
/** What is left of the span after a message was found. */
const EASE = 0.7;

/**
 * Spreads the processes that one touch wakes: each looks after a random time within its own span. A process whose look
 * found a message that was gone when it came to receive it doubles its span; one that got what it saw shortens it. So
 * a process that waits alone soon looks at once, and of many the first mostly is the only one. It begins with the
 * longest span: whether there are others it can't know.
 */
export class Stagger {
  #span = LONGEST_SPAN_MS;

  /** Milliseconds to wait before looking. */
  delay(): number {
    return this.#span * Math.random();
  }

  /** A look led to a message, or to none. */
  learn(found: boolean): void {
    if (found) this.#span = this.#span * EASE < LEAST_SPAN_MS ? 0 : this.#span * EASE;
    else this.#span = Math.min(LONGEST_SPAN_MS, Math.max(COLLISION_SPAN_MS, this.#span * 2));
  }
}
