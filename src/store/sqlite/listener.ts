import type { Clock } from "../../core/clock.ts";
import { MEMORY } from "./path.ts";
import { Stagger } from "./stagger.ts";
import { watchWakeFile } from "./wake-file.ts";

/** Milliseconds between two looks at whether another process changed the file; the watch makes them a second line. */
const POLL_MS = 1000;
/** The same, where the wake file can't be watched. */
const POLL_UNWATCHED_MS = 100;

/**
 * Listens for other processes, while somebody waits: by the wake file, and by a slow poll in case a touch is lost.
 * Watch and timer exist only between `start` and `stop`.
 */
export class Listener {
  readonly #clock: Clock;
  readonly #path: string;
  readonly #look: (ifChanged: boolean) => void;
  readonly #stagger = new Stagger();
  #looking: NodeJS.Timeout | undefined;
  #stopWatching: (() => void) | undefined;
  #stopPolling: (() => void) | undefined;

  /** @param look called when messages may have become ready; with true when the file may not have changed at all. */
  constructor(path: string, clock: Clock, look: (ifChanged: boolean) => void) {
    this.#path = path;
    this.#clock = clock;
    this.#look = look;
  }

  start(): void {
    if (this.#path === MEMORY) return;
    this.#watch();
    this.#poll();
  }

  stop(): void {
    this.#stopWatching?.();
    this.#stopPolling?.();
    clearTimeout(this.#looking);
    this.#stopWatching = undefined;
    this.#stopPolling = undefined;
    this.#looking = undefined;
  }

  /** Tells whether a look that ended a wait led to a message. */
  learn(found: boolean): void {
    this.#stagger.learn(found);
  }

  #touched(): void {
    if (this.#looking !== undefined) return;
    const delay = this.#stagger.delay();
    if (delay === 0) return this.#look(false);
    // Not by the injected clock: what it spreads are processes, each with a clock of its own.
    this.#looking = setTimeout(() => {
      this.#looking = undefined;
      this.#look(false);
    }, delay);
  }

  #watch(): void {
    this.#stopWatching = watchWakeFile(
      this.#path,
      () => this.#touched(),
      () => {
        this.#stopWatching?.();
        this.#stopWatching = undefined;
        this.#look(false);
      },
    );
  }

  #poll(): void {
    this.#stopPolling = this.#clock.after(this.#stopWatching === undefined ? POLL_UNWATCHED_MS : POLL_MS, () => {
      this.#look(true);
      this.#poll();
    });
  }
}
