import type { Store } from "../../src/store/store.ts";

/** What not every engine has, and some cases need. */
export type Need = "another" | "inbox";

/** An engine's store as the cases use it. */
export interface Harness {
  readonly store: Store;
  /** Opens a second, independent handle on the same data. */
  readonly another?: () => Promise<Store>;
  /** Does what a program without Baton does: pushes bodies with the engine's plain command. */
  readonly inbox?: (queue: string, bodies: readonly string[]) => Promise<void>;
  /** Moves the store's clock by at least `ms` milliseconds. It may take that long, so keep it short. */
  pass(ms: number): Promise<void>;
  /** The store's clock, in milliseconds since the Unix epoch. */
  now(): Promise<number>;
  /** Closes the store and all handles, and removes the data. */
  close(): Promise<void>;
}

/** How to make stores of an engine. */
export interface StoreFactory {
  /** Opens an empty store. */
  open(): Promise<Harness>;
  /** Cases this engine does not pass: the test's name and the reason. Listed in the docs. */
  readonly skips?: Readonly<Record<string, string>>;
  /** What this engine's harness does not have, and why. The cases that need it are skipped. */
  readonly lacks?: Readonly<Partial<Record<Need, string>>>;
  /** Why no case can run here at all. */
  readonly missing?: string;
}
