const STALL_MS = 3000;
const LOOK_MS = 100;

/** Notices that a send which was asked to end can't: the store is away, and nothing has been stored for three seconds. */
export class Stall implements Disposable {
  readonly #come: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #sent: () => number;
  readonly #signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;

  /** @param signal the request to end. */
  constructor(sent: () => number, signal: AbortSignal) {
    this.#sent = sent;
    this.#signal = signal;
    signal.addEventListener("abort", this.#watch);
  }

  /** Resolves when it is so. */
  get come(): Promise<void> {
    return this.#come.promise;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#watch);
    clearInterval(this.#timer);
  }

  readonly #watch = (): void => {
    let before = this.#sent();
    let since = performance.now();
    this.#timer = setInterval(() => {
      const now = this.#sent();
      if (now !== before) {
        before = now;
        since = performance.now();
      } else if (performance.now() - since > STALL_MS) this.#come.resolve();
    }, LOOK_MS);
  };
}
