import type { Queue, Worker, WorkOptions } from "../../index.ts";
import { BrokenPipe, EXIT, signalExit } from "../exit.ts";
import { countOf, type Notes } from "../notes.ts";
import { whenBroken } from "../output.ts";
import { onStopSignal } from "../signals.ts";
import type { Job } from "./job.ts";
import type { Tally } from "./tally.ts";

export interface RunOptions {
  readonly work: WorkOptions;
  /** Milliseconds commands may still run once the worker stops. */
  readonly grace: number;
  readonly notes: Notes;
}

/**
 * Works until the queue is empty, if so asked, or until a signal comes. The first signal lets what runs finish within the
 * grace; the second ends it and hands the messages back; the third ends this process at once. None burns an attempt.
 *
 * @returns the exit code.
 */
export async function runWorker(queue: Queue, job: Job, tally: Tally, { work, grace, notes }: RunOptions): Promise<number> {
  const worker = queue.work(job.handler, { ...work, grace });
  tally.follow(worker, job);
  const stopping = new Stopping(worker, job, grace);
  using _signals = onStopSignal((signal, count) => {
    if (count > 2) process.exit(signalExit(signal));
    if (count === 1 && worker.active > 0 && grace > 0) {
      const text = `baton: ${signal}: ${countOf(worker.active, "message")} may finish within ${grace / 1000} s; again to hand back at once`;
      notes.say(text, { event: "stopping", signal, active: worker.active });
    }
    if (count === 1) stopping.begin();
    else stopping.now();
    stopping.signal = signal;
    stopping.count = count;
  });
  let broken = false;
  const stopWatching = whenBroken(() => {
    broken = true;
    stopping.now();
  });
  await worker.stopped;
  stopWatching();
  stopping.over();
  tally.end();
  if (broken) throw new BrokenPipe();
  if (stopping.signal !== undefined && (stopping.count > 1 || work.untilEmpty === true)) return signalExit(stopping.signal);
  return work.untilEmpty === true && tally.dead > 0 ? EXIT.found : EXIT.done;
}

/** Brings a worker to its end, in such a way that messages are handed back after their commands have ended, not before. */
class Stopping {
  signal: NodeJS.Signals | undefined;
  count = 0;
  readonly #worker: Worker<unknown>;
  readonly #job: Job;
  readonly #grace: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(worker: Worker<unknown>, job: Job, grace: number) {
    this.#worker = worker;
    this.#job = job;
    this.#grace = grace;
  }

  /** Takes no more messages, and gives those that run the grace. */
  begin(): void {
    void this.#worker.stop({ grace: this.#grace + this.#job.endTakes });
    this.#timer ??= setTimeout(() => this.#job.end(), this.#grace);
  }

  now(): void {
    void this.#worker.stop({ grace: this.#job.endTakes });
    this.#job.end();
  }

  over(): void {
    clearTimeout(this.#timer);
  }
}
