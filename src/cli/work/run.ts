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

/** A worker that stops and has nothing to do ends within this, unless it waits for the store. Closing the connection then decides. */
const IDLE_MS = 2000;

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
  await Promise.race([worker.stopped, stopping.idle]);
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
  readonly #idle: PromiseWithResolvers<void> = Promise.withResolvers();
  #timer: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #idleSince: number | undefined;

  constructor(worker: Worker<unknown>, job: Job, grace: number) {
    this.#worker = worker;
    this.#job = job;
    this.#grace = grace;
  }

  /** Resolves when the worker was asked to stop and has had nothing to do since, but may wait for a store that is away. */
  get idle(): Promise<void> {
    return this.#idle.promise;
  }

  /** Takes no more messages, and gives those that run the grace. */
  begin(): void {
    this.#watchIdle();
    void this.#worker.stop({ grace: this.#grace + this.#job.endTakes });
    this.#timer ??= setTimeout(() => this.#job.end(), this.#grace);
  }

  /** Ends what runs, and hands it back. */
  now(): void {
    this.#watchIdle();
    void this.#worker.stop({ grace: this.#job.endTakes });
    this.#job.end();
  }

  over(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
  }

  #watchIdle(): void {
    this.#looking ??= setInterval(() => {
      if (this.#worker.active > 0) this.#idleSince = undefined;
      else if (performance.now() - (this.#idleSince ??= performance.now()) > IDLE_MS) this.#idle.resolve();
    }, IDLE_MS / 10);
  }
}
