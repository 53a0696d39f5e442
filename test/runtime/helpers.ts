import { systemClock } from "../../src/core/clock.ts";
import { DEFAULT_MAX_BODY_BYTES } from "../../src/core/codec.ts";
import { Baton } from "../../src/runtime/baton.ts";
import type { Store } from "../../src/store/store.ts";
import type { Engine } from "./suite.ts";

/** A connection on this store, as `connect` makes it. */
export function batonOn(store: Store): Baton {
  return new Baton(store, systemClock, DEFAULT_MAX_BODY_BYTES);
}

/** A test's body that gets a connection, and the store below it, and has them closed. */
export function withBaton({ open }: Pick<Engine, "open">, body: (baton: Baton, store: Store) => Promise<void>): () => Promise<void> {
  return async () => {
    const store = await open();
    const baton = batonOn(store);
    try {
      await body(baton, store);
    } finally {
      await baton.close({ grace: 0 });
    }
  };
}

/** A promise and a function that resolves it. */
export function gate<T = void>(): { readonly opened: Promise<T>; readonly open: (value: T) => void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { opened: promise, open: resolve };
}

/** Resolves when the signal aborts, with its reason. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve(signal.reason);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason), { once: true }));
}
