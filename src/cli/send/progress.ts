import { countOf, type Notes } from "../notes.ts";

const BAR_AFTER_MS = 500;
const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 10_000;
const BAR_WIDTH = 24;

/** What is shown of a send under way. */
export interface SendProgress {
  readonly sent: number;
  /** Bytes read of the input. */
  readonly bytes: number;
}

/** Shows how far a long send has come: a bar that stays in its place on a terminal, else a line every ten seconds. */
export class Progress implements Disposable {
  readonly #now: () => SendProgress;
  readonly #notes: Notes;
  readonly #total: number | undefined;
  readonly #started: number = performance.now();
  readonly #timer: NodeJS.Timeout;
  #shown = false;

  /** @param total bytes of the whole input, if known. */
  constructor(now: () => SendProgress, notes: Notes, total: number | undefined, json: boolean) {
    this.#now = now;
    this.#notes = notes;
    this.#total = total;
    if (process.stderr.isTTY && !json) {
      notes.beforeNote = () => this.#clear();
      this.#timer = setInterval(() => this.#draw(), BAR_EVERY_MS);
    } else {
      this.#timer = setInterval(() => this.#line(), LINE_EVERY_MS);
    }
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#clear();
    this.#notes.beforeNote = undefined;
  }

  #draw(): void {
    const { sent, bytes } = this.#now();
    // A short input ends before its bar is worth a look, and a trickle needs none.
    if (performance.now() - this.#started < BAR_AFTER_MS || sent === 0) return;
    const share = this.#total === undefined || this.#total === 0 ? undefined : Math.min(1, bytes / this.#total);
    const parts = [`sent ${countOf(sent, "message")}`, `${this.#rate(sent).toLocaleString("en-US")}/s`];
    if (share !== undefined) {
      const full = Math.round(share * BAR_WIDTH);
      parts.unshift(`[${"#".repeat(full)}${"-".repeat(BAR_WIDTH - full)}] ${String(Math.floor(share * 100)).padStart(3)}%`);
    }
    process.stderr.write(`\r\u001B[2K${parts.join("  ").slice(0, (process.stderr.columns ?? 80) - 1)}`);
    this.#shown = true;
  }

  #line(): void {
    const { sent, bytes } = this.#now();
    this.#notes.say(`sent ${countOf(sent, "message")} so far, ${this.#rate(sent).toLocaleString("en-US")}/s`, { event: "progress", sent, bytes });
  }

  #rate(sent: number): number {
    return Math.round(sent / ((performance.now() - this.#started) / 1000));
  }

  #clear(): void {
    if (this.#shown) process.stderr.write("\r\u001B[2K");
    this.#shown = false;
  }
}
