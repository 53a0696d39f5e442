import { Worker } from "node:worker_threads";
import { ClosedError, StoreError, StoreUnavailableError } from "../../core/errors.ts";
import { toError } from "./failures.ts";
import type { Failure } from "./failures.ts";
import { MEMORY } from "./path.ts";
import type { Answers, Ask, Post, Reply, ThreadData, Verb, Wake } from "./protocol.ts";

interface Pending {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** What the client tells its owner. */
export interface ThreadEvents {
  /** Something was committed that those who wait should learn of. Told before the answers. */
  readonly onWake: (wake: Wake) => void;
  /** The thread died (with the error), or a new one has opened the file (with undefined). */
  readonly onAvailability: (lost: Error | undefined) => void;
}

/** Runs from source (.ts) and built (.js): the thread's module has the extension of this one. */
const ENTRY = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);

/**
 * The main side of the database thread: posts requests, gives out answers, keeps the process alive exactly while
 * something is pending, and starts a new thread for the next call when one died.
 */
export class ThreadClient {
  readonly #data: ThreadData;
  readonly #events: ThreadEvents;
  readonly #pending = new Map<number, Pending>();
  #outbox: (number | Ask)[] = [];
  #worker: Worker | undefined;
  #lost = false;
  #lastId = 0;
  #holds = 0;
  #closed: Promise<void> | undefined;

  constructor(data: ThreadData, events: ThreadEvents) {
    this.#data = data;
    this.#events = events;
  }

  /** Opens the database. @throws the error users get. */
  async open(): Promise<void> {
    this.hold();
    try {
      await this.#start();
    } finally {
      this.release();
    }
  }

  /** Asks the thread. @throws the error users get. */
  call<V extends Verb>(ask: Extract<Ask, { verb: V }>): Promise<Answers[V]> {
    if (this.#closed !== undefined) return Promise.reject(closedError());
    return this.#ask<V>(ask);
  }

  /** Keeps the process alive until `release` is called as often. */
  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#worker?.ref();
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#worker?.unref();
  }

  /** Lets the thread finish what it was asked, close the file and end. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const gone = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    this.hold();
    try {
      await this.#ask<"close">({ verb: "close" });
      await gone;
    } catch {
      // The thread died on the way; nothing is left to close.
    } finally {
      this.release();
    }
  }

  #ask<V extends Verb>(ask: Extract<Ask, { verb: V }>): Promise<Answers[V]> {
    return new Promise((resolve, reject) => {
      if (this.#worker === undefined) {
        if (this.#data.path === MEMORY) {
          const words = "The thread that held this in-memory store died, and its messages with it. Connect again.";
          reject(new StoreUnavailableError(words, "not-applied"));
          return;
        }
        void this.#start();
      }
      this.#lastId += 1;
      this.#pending.set(this.#lastId, { resolve, reject });
      this.hold();
      // All that is asked in one tick goes over as one post.
      if (this.#outbox.length === 0) queueMicrotask(() => this.#post());
      this.#outbox.push(this.#lastId, ask);
    });
  }

  #start(): Promise<void> {
    const worker = new Worker(ENTRY, {
      workerData: this.#data,
      name: "baton-sqlite",
      // Not what the program was started with: hooks and loaders are for its code. Node 22 warns of node:sqlite.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    this.#worker = worker;
    if (this.#holds === 0) worker.unref();
    const opening = new Promise<void>((resolve, reject) => {
      let cause: Error | undefined;
      worker.on("message", (reply: Reply) => {
        switch (reply.kind) {
          case "opened":
            if (this.#lost) this.#events.onAvailability(undefined);
            this.#lost = false;
            resolve();
            break;
          case "refused":
            cause = toError(reply.failure);
            break;
          case "answers":
            this.#settle(reply);
        }
      });
      worker.on("error", (error: unknown) => {
        cause = error instanceof Error ? error : new Error(String(error));
      });
      worker.on("exit", () => {
        reject(cause ?? new Error("The thread ended while it opened the file."));
        this.#died(worker, cause);
      });
    });
    // The calls that wait for a new thread are told by #died.
    opening.catch(() => {});
    return opening;
  }

  #settle(reply: Extract<Reply, { kind: "answers" }>): void {
    for (const wake of reply.wakes) this.#events.onWake(wake);
    for (let i = 0; i < reply.answers.length; i += 2) {
      this.#take(reply.answers[i] as number)?.resolve(reply.answers[i + 1] as never);
    }
    for (let i = 0; i < reply.failures.length; i += 2) {
      this.#take(reply.failures[i] as number)?.reject(toError(reply.failures[i + 1] as Failure));
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.release();
    return pending;
  }

  /** The thread is gone: what it was doing is unknown, unless it never opened the file. */
  #died(worker: Worker, cause: Error | undefined): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#outbox = [];
    if (this.#closed !== undefined && this.#pending.size === 0) return;
    const refused = cause instanceof StoreError;
    const error = new StoreUnavailableError(
      refused
        ? `The database could not be opened again: ${cause.message}`
        : "The thread that held the database died during the call. The next call starts a new one.",
      refused ? "not-applied" : "unknown",
      { cause },
    );
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
    if (!this.#lost && this.#closed === undefined) {
      this.#lost = true;
      this.#events.onAvailability(error);
    }
  }

  #post(): void {
    const post: Post = this.#outbox;
    this.#outbox = [];
    this.#worker?.postMessage(post);
  }
}

function closedError(): ClosedError {
  return new ClosedError("This connection was closed. Call connect() again.");
}
