import type { Database } from "./database.ts";

/** Milliseconds without a request after which the file is made smaller. */
const IDLE_MS = 500;
/** Free pages a file may keep for what comes next (4 MB). */
const SPARE_PAGES = 1024;
/** Pages given back in one transaction: some milliseconds of write lock at most. */
const PAGES_PER_STEP = 256;

/**
 * Gives the space of messages that are gone back to the disk, when nothing else is to be done. Without it a file stays
 * for ever as large as its longest backlog was.
 */
export class Shrinker {
  readonly #db: Database;
  #timer: NodeJS.Timeout | undefined;
  #shrunk = false;

  constructor(db: Database) {
    this.#db = db;
  }

  /** To be called after every write: puts the work off. */
  postpone(): void {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#run(), IDLE_MS);
    else this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #run(): void {
    this.#timer = undefined;
    try {
      this.#step();
    } catch {
      // A full disk, most likely. The next idle moment tries again.
    }
  }

  #step(): void {
    const before = this.#db.freePages();
    if (before <= SPARE_PAGES) {
      // The file itself gets smaller when the log is copied into it.
      if (this.#shrunk) this.#db.checkpoint();
      this.#shrunk = false;
      return;
    }
    this.#db.shrink(Math.min(PAGES_PER_STEP, before - SPARE_PAGES));
    this.#shrunk = true;
    this.#timer = setTimeout(() => this.#run(), 0);
  }
}
