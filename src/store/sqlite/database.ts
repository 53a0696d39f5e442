import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { fullJitter } from "../../core/backoff.ts";
import { isBusy, stillLocked } from "./failures.ts";
import { migrate, schemaVersion } from "./migrations.ts";
import { checkPath, MEMORY, realFile } from "./path.ts";

/** Pages of write-ahead log after which a commit copies it into the database (4 MB). */
const CHECKPOINT_PAGES = 1000;
/** SQLite's page size. */
const PAGE_BYTES = 4096;
/** Above this size the log is emptied by force: readers of other processes kept every checkpoint from finishing. */
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;
/** Commits between two looks at the log's size. */
const COMMITS_PER_LOOK = 64;
/** Milliseconds the forced checkpoint waits for readers. Ours read for microseconds at a time. */
const FORCED_CHECKPOINT_MS = 200;
/** Milliseconds. The wait for another connection's lock is random and grows up to this. */
const BUSY_BASE_MS = 0.5;
const BUSY_CAP_MS = 20;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** An open file: cached statements, and transactions that wait for the lock of other connections as long as it takes. */
export class Database {
  /** As it was given. */
  readonly path: string;
  /** The path without links. */
  readonly file: string;
  /** Write transactions committed so far. */
  commits = 0;
  /** Whether the last error came from a COMMIT. */
  committing = false;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(path: string, db: DatabaseSync) {
    this.path = path;
    this.file = realFile(path);
    this.#db = db;
  }

  /**
   * Opens the file, makes it if it is missing, and brings its schema up to date.
   *
   * @param connectTimeout milliseconds to wait for the lock of another program.
   */
  static open(path: string, synchronous: "full" | "normal", connectTimeout: number): Database {
    checkPath(path);
    const raw = new DatabaseSync(path);
    try {
      const deadline = performance.now() + connectTimeout;
      const patiently = <T>(action: () => T): T => untilFree(action, deadline, () => stillLocked(path, connectTimeout));
      // Before anything is written: a file of another program is left as it is.
      const version = patiently(() => inTransaction(raw, "BEGIN", () => schemaVersion(raw, path)));
      // Free pages can be given back only by a file that was made so.
      if (version === 0) patiently(() => raw.exec("PRAGMA auto_vacuum = INCREMENTAL"));
      patiently(() => raw.exec("PRAGMA journal_mode = WAL"));
      patiently(() =>
        raw.exec(
          `PRAGMA synchronous = ${synchronous}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};` +
            `PRAGMA journal_size_limit = ${LOG_LIMIT_BYTES}; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY`,
        ),
      );
      // Taking the write lock shows at once if the file can't be written.
      patiently(() => inTransaction(raw, "BEGIN IMMEDIATE", () => migrate(raw, path)));
      return new Database(path, raw);
    } catch (error) {
      raw.close();
      throw error;
    }
  }

  /** The statement for this text, prepared once. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** Runs `action` on one snapshot. It may run more than once. */
  read<T>(action: () => T): T {
    return this.#transaction("BEGIN", action);
  }

  /** Runs `action` in a write transaction. It may run more than once; only the last run has an effect. */
  write<T>(action: () => T): T {
    const result = this.#transaction("BEGIN IMMEDIATE", action);
    this.commits += 1;
    if (this.commits % COMMITS_PER_LOOK === 0) this.#curbLog();
    return result;
  }

  #transaction<T>(begin: string, action: () => T): T {
    this.committing = false;
    return untilFree(() => {
      this.sql(begin).run();
      try {
        const result = action();
        this.committing = true;
        untilFree(() => this.sql("COMMIT").run());
        this.committing = false;
        return result;
      } catch (error) {
        rollBack(this.#db);
        throw error;
      }
    });
  }

  /**
   * A checkpoint empties the log only at a moment when nobody reads from it; under steady load of several processes
   * that moment may never come by itself.
   */
  #curbLog(): void {
    if (this.path === MEMORY) return;
    try {
      const log = statSync(`${this.file}-wal`, { throwIfNoEntry: false });
      if (log !== undefined && log.size > LOG_LIMIT_BYTES) this.checkpoint();
    } catch {
      // Never a reason for what was just committed to fail.
    }
  }

  /** Pages of the file that hold nothing. */
  freePages(): number {
    return Number(this.sql("PRAGMA freelist_count").get()?.["freelist_count"] ?? 0);
  }

  /** Gives up to this many free pages at the end of the file back, once the log is copied. */
  shrink(pages: number): void {
    this.#transaction("BEGIN IMMEDIATE", () => this.sql(`PRAGMA incremental_vacuum(${pages})`).all());
  }

  /** Sets after how many bytes of log a commit copies it into the database. */
  checkpointAfter(bytes: number = CHECKPOINT_PAGES * PAGE_BYTES): void {
    this.#db.exec(`PRAGMA wal_autocheckpoint = ${Math.max(1, Math.floor(bytes / PAGE_BYTES))}`);
  }

  /** Copies the whole log into the database, waiting a little for readers, so that it can begin anew. */
  checkpoint(): void {
    try {
      this.#db.exec(`PRAGMA busy_timeout = ${FORCED_CHECKPOINT_MS}`);
      this.sql("PRAGMA wal_checkpoint(RESTART)").get();
    } catch {
      // Nothing is lost: the log stays as it is, and the next look tries again.
    } finally {
      this.#db.exec("PRAGMA busy_timeout = 0");
    }
  }

  /** Closes the file. The last connection to it copies the log into it and removes the log. */
  close(): void {
    this.#statements.clear();
    this.#db.close();
  }
}

function inTransaction<T>(db: DatabaseSync, begin: string, action: () => T): T {
  db.exec(begin);
  try {
    const result = action();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    rollBack(db);
    throw error;
  }
}

function rollBack(db: DatabaseSync): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // SQLite has rolled back by itself, as it does when the disk is full.
  }
}

/** Calls `action` until it doesn't fail for another connection's lock. */
function untilFree<T>(action: () => T, deadline = Infinity, late?: () => Error): T {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return action();
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (performance.now() > deadline) throw late?.() ?? error;
      Atomics.wait(sleeper, 0, 0, fullJitter(attempt, BUSY_BASE_MS, BUSY_CAP_MS));
    }
  }
}
