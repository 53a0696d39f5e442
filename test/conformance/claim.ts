import type { Bench } from "./bench.ts";
import type { Need } from "./harness.ts";

/** Registers a case. The name is the claim it tests; `needs` is what an engine may lack. */
export type Claim = (name: string, run: (bench: Bench) => Promise<void>, ...needs: readonly Need[]) => void;
