import type { Clock } from "../../core/clock.ts";
import { ClosedError } from "../../core/errors.ts";
import { makeId } from "../../core/ids.ts";
import type {
  Counts,
  ExchangeReply,
  ExchangeRequest,
  Lease,
  ListRequest,
  NewMessage,
  Page,
  Store,
  StoredMessage,
  StoreInfo,
} from "../store.ts";
import { deliveriesOf, kindsOf, leasesOf, sendAsk } from "./columns.ts";
import { Listener } from "./listener.ts";
import { absolute } from "./path.ts";
import type { Seen, Statistics, Wake } from "./protocol.ts";
import { ThreadClient } from "./thread-client.ts";
import { Waits } from "./waits.ts";

export interface SqliteOptions {
  /** A file's path, or `:memory:`. Missing directories are made. */
  readonly path: string;
  /** `full`: a message is on disk before `send` returns. `normal`: a loss of power may take the last ones. */
  readonly synchronous: "full" | "normal";
  readonly clock: Clock;
  /** Milliseconds to wait, while opening, for a lock that another program holds. */
  readonly connectTimeout: number;
}

/**
 * Opens a store in a SQLite file.
 *
 * @throws StoreError `BATON_STORE_READ_ONLY`, `BATON_STORE_DENIED`, `BATON_STORE_CORRUPT`, `BATON_STORE_UNSUPPORTED`
 * @throws StoreUnreachableError if the file can't be opened, or stays locked by another program.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const store = new SqliteStore(options);
  await store.open();
  return store;
}

/** The store in a SQLite file: the verbs, as requests to the thread that owns the database. */
export class SqliteStore implements Store {
  readonly #clock: Clock;
  readonly #thread: ThreadClient;
  readonly #waits: Waits;
  readonly #listener: Listener;
  readonly #listeners = new Set<(lost: Error | undefined) => void>();
  /** Queues with a wait that ended because another process made messages ready. */
  readonly #lookedAt = new Set<string>();
  #closed = false;
  #looking = false;
  #lookAgain = false;

  constructor(options: SqliteOptions) {
    const { synchronous, clock, connectTimeout } = options;
    const path = absolute(options.path);
    this.#clock = clock;
    this.#thread = new ThreadClient(
      { path, synchronous, connectTimeout },
      {
        onWake: (wake) => this.#onWake(wake),
        onAvailability: (lost) => this.#onAvailability(lost),
      },
    );
    this.#listener = new Listener(path, clock, (ifChanged) => this.#look(ifChanged));
    this.#waits = new Waits(
      clock,
      () => {
        this.#thread.hold();
        this.#listener.start();
      },
      () => {
        this.#listener.stop();
        this.#thread.release();
      },
    );
  }

  open(): Promise<void> {
    return this.#thread.open();
  }

  async send(queue: string, messages: readonly NewMessage[]): Promise<readonly string[]> {
    const { first, tail } = await this.#thread.call<"send">(sendAsk(queue, this.#now(), messages));
    return messages.map((_, i) => makeId(first + i, tail));
  }

  async exchange(queue: string, request: ExchangeRequest): Promise<ExchangeReply> {
    const { settle, receive, crashLimit } = request;
    const { settled, received, more, nextDue } = await this.#thread.call<"exchange">({
      verb: "exchange",
      queue,
      now: this.#now(),
      settle: leasesOf(settle),
      kinds: kindsOf(settle),
      receive,
      crashLimit,
    });
    // Those who wait learn of it too: who asked may not be there any more when it is time.
    if (nextDue !== undefined) this.#waits.wakeAt(queue, this.#now() + nextDue);
    if (receive !== undefined && this.#lookedAt.delete(queue)) this.#listener.learn(received !== undefined);
    return { settled, received: deliveriesOf(received), more, nextDue };
  }

  extend(queue: string, leases: readonly Lease[], ms: number): Promise<readonly boolean[]> {
    return this.#thread.call<"extend">({ verb: "extend", queue, now: this.#now(), leases: leasesOf(leases), ms });
  }

  wait(queue: string, timeout: number, signal: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    if (signal.aborted) return Promise.reject(signal.reason);
    const waited = this.#waits.add(queue, timeout, signal);
    // What became ready between the caller's last exchange and now would end no wait.
    this.#thread.call<"look">({ verb: "look", queues: [queue], limits: [1], ifChanged: false }).then(
      (seen) => this.#saw(seen),
      () => this.#waits.wake(queue, 1),
    );
    return waited;
  }

  get(queue: string, ids: readonly string[]): Promise<readonly (StoredMessage | undefined)[]> {
    return this.#thread.call<"get">({ verb: "get", queue, ids });
  }

  list(queue: string, request: ListRequest): Promise<Page> {
    return this.#thread.call<"list">({ verb: "list", queue, request });
  }

  counts(queue: string): Promise<Counts> {
    return this.#thread.call<"counts">({ verb: "counts", queue });
  }

  queues(): Promise<readonly string[]> {
    return this.#thread.call<"queues">({ verb: "queues" });
  }

  inspect(): Promise<StoreInfo> {
    return this.#thread.call<"inspect">({ verb: "inspect" });
  }

  /** What the thread has done so far. */
  statistics(): Promise<Statistics> {
    return this.#thread.call<"statistics">({ verb: "statistics" });
  }

  /** Runs a PRAGMA on the connection, for tests: `max_page_count` makes a full disk. */
  pragma(text: string): Promise<unknown> {
    return this.#thread.call<"pragma">({ verb: "pragma", text });
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#waits.close();
    return this.#thread.close();
  }

  onAvailability(listener: (lost: Error | undefined) => void): () => void {
    // A listener given twice is told twice, and each is stopped by its own function.
    const own = (lost: Error | undefined): void => listener(lost);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Whole milliseconds. */
  #now(): number {
    return Math.floor(this.#clock.now());
  }

  /** Something was committed here: it ends waits here, and what is left over is for other processes. */
  #onWake({ queue, ready, due }: Wake): void {
    const ended = this.#waits.wake(queue, ready);
    const known = due === undefined || this.#waits.wakeAt(queue, due);
    if ((ended < ready || !known) && !this.#closed) this.#thread.call<"touch">({ verb: "touch" }).catch(() => {});
  }

  /** What a look has found ends waits, now or when it is time. Returns the queues of those it ended now. */
  #saw(seen: readonly Seen[]): string[] {
    return seen.flatMap(({ queue, ready, next }) => {
      const ended = this.#waits.wake(queue, ready);
      this.#waits.wakeAt(queue, next);
      return ended > 0 ? [queue] : [];
    });
  }

  /** Ends waits for which another process has made messages ready. */
  #look(ifChanged: boolean): void {
    if (this.#looking) {
      this.#lookAgain ||= !ifChanged;
      return;
    }
    this.#lookAgain = false;
    const { queues, limits } = this.#waits.waited();
    if (queues.length === 0) return;
    this.#looking = true;
    const looked = (): void => {
      this.#looking = false;
      if (this.#lookAgain) this.#look(false);
    };
    this.#thread.call<"look">({ verb: "look", queues, limits, ifChanged }).then(
      (seen) => {
        for (const queue of this.#saw(seen)) this.#lookedAt.add(queue);
        looked();
      },
      looked,
    );
  }

  #onAvailability(lost: Error | undefined): void {
    // Whoever waits had better look again: wake-ups may have been missed.
    if (lost !== undefined) this.#waits.wakeAll();
    for (const listener of this.#listeners) listener(lost);
  }
}

function closedError(): ClosedError {
  return new ClosedError("This connection was closed. Call connect() again.");
}
