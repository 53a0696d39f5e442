import { signalExit } from "./exit.ts";

/** The signals that ask a process to end, and can be answered. */
const STOP_SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Calls `onSignal` with each request to stop and how many there were. Disposing of it gives the signals their usual effect back.
 *
 * @param onSignal for the second and later ones it may be left to the default, which is to end at once.
 */
export function onStopSignal(onSignal: (signal: NodeJS.Signals, count: number) => void): Disposable {
  let count = 0;
  const listener = (signal: NodeJS.Signals): void => {
    count += 1;
    onSignal(signal, count);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, listener);
  return {
    [Symbol.dispose]: () => {
      for (const signal of STOP_SIGNALS) process.off(signal, listener);
    },
  };
}

/** An AbortSignal for the first request to stop; the second ends the process at once. `stoppedBy` tells which it was. */
export class StopSignal implements Disposable {
  readonly #controller = new AbortController();
  readonly #listening: Disposable;
  #stoppedBy: NodeJS.Signals | undefined;

  constructor() {
    this.#listening = onStopSignal((signal, count) => {
      if (count > 1) process.exit(signalExit(signal));
      this.#stoppedBy = signal;
      this.#controller.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get stoppedBy(): NodeJS.Signals | undefined {
    return this.#stoppedBy;
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }
}
