import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/**
 * What a process of the demo did, a line each. Written at once and outside the queue, so that it survives `kill -9` and
 * can bear witness against the queue. Times are milliseconds of the machine's monotonic clock, which all processes share.
 */
export type DemoEvent =
  | { readonly e: "sent"; readonly id: string; readonly n: number; readonly called: number; readonly returned: number }
  | { readonly e: "got"; readonly id: string; readonly n: number; readonly again: boolean; readonly t: number }
  | { readonly e: "handled"; readonly id: string; readonly n: number; readonly sha256: string; readonly bytes: number }
  | { readonly e: "acked"; readonly id: string; readonly n: number; readonly t: number }
  | { readonly e: "refused"; readonly id: string; readonly n: number };

export class EventLog {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(...events: readonly DemoEvent[]): void {
    writeSync(this.#file, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The events of a log; a last line cut off by a kill is left out. */
export function readLog(path: string): DemoEvent[] {
  const lines = readFileSync(path, "utf8").split("\n");
  lines.pop();
  return lines.map((line) => JSON.parse(line) as DemoEvent);
}

/** Milliseconds of the machine's monotonic clock. */
export function machineTime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
