import type { Clock } from "../../src/core/clock.ts";

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is moved by hand. */
export class ManualClock implements Clock {
  #wall: number;
  #monotonic = 0;
  /** In the order they were set, which breaks ties. */
  readonly #timers = new Set<Timer>();

  /** @param start the wall-clock time it begins with, in milliseconds since the Unix epoch. */
  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#wall = start;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = { due: this.#monotonic + Math.max(0, ms), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets `ms` milliseconds pass. Timers fire in the order they are due, those they set included, each at its own time. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer);
      this.#moveTo(timer.due);
      timer.callback();
    }
    this.#moveTo(end);
  }

  /** Sets the wall clock forward or back, as an administrator or NTP would: no time passes, and no timer fires. */
  step(ms: number): void {
    this.#wall += ms;
  }

  #next(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer;
    return next;
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}
