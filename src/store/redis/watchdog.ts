/** How many looks make up the limit. */
const LOOKS = 10;

/**
 * Notices that replies are due and none comes.
 *
 * It counts its own looks instead of comparing times: after a handler blocked the event loop for a minute the replies are
 * there, unread, and a clock would call the connection dead. Between two looks there was time to read them.
 */
export class Watchdog {
  readonly #interval: number;
  readonly #onSilence: () => void;
  #inFlight = 0;
  #silentLooks = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param limit milliseconds. */
  constructor(limit: number, onSilence: () => void) {
    this.#interval = limit / LOOKS;
    this.#onSilence = onSilence;
  }

  /** Watches over one call. */
  async watch<T>(call: Promise<T>): Promise<T> {
    if (this.#inFlight === 0) this.#silentLooks = 0;
    this.#inFlight += 1;
    this.#timer ??= setInterval(() => this.#look(), this.#interval).unref();
    try {
      return await call;
    } finally {
      this.#silentLooks = 0;
      this.#inFlight -= 1;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    if (this.#inFlight === 0) return this.stop();
    this.#silentLooks += 1;
    if (this.#silentLooks > LOOKS) {
      this.#silentLooks = 0;
      this.#onSilence();
    }
  }
}
