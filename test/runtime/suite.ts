import { describe } from "node:test";
import type { Store } from "../../src/store/store.ts";
import { consumeCases } from "./consume.ts";
import { faultCases } from "./faults.ts";
import { messageCases } from "./message.ts";
import { sendCases } from "./send.ts";
import { workerCases } from "./worker.ts";

/** An engine the whole client runs on. */
export interface Engine {
  /** Opens the engine's store; each call is a connection of its own. Closed by the caller. */
  open(): Promise<Store>;
  /** Whether two connections see the same store. */
  readonly shared: boolean;
}

let names = 0;

/** A queue name no other case uses. */
export function freshName(): string {
  names += 1;
  return `q${process.pid}-${names}`;
}

/** The client's behaviour, on one engine: what store tests alone can't see (wake-ups, shutdown, leases kept). */
export function clientSuite(name: string, engine: Engine): void {
  describe(`client on ${name}`, { concurrency: 4 }, () => {
    sendCases(engine);
    messageCases(engine);
    workerCases(engine);
    consumeCases(engine);
    faultCases(engine);
  });
}
