import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "./database.ts";
import { MEMORY } from "./path.ts";

/*
 * Keeps a full queue able to drain itself. Receiving and acking write too, so on a full disk they would be refused like
 * sends. While the disk has little room left, a reserve is kept: a file beside the database that takes up space. It is
 * given up when an exchange finds no room, and until it can be had again sends are refused.
 *
 * The log is then copied into the database early, so that the reserve is larger than what the copying may need.
 */

/** Free space above which there is nothing to prepare for. */
const COMFORT_BYTES = 256 * 1024 * 1024;
/** The reserve: 1/16 of the disk within these bounds. */
const LEAST_BYTES = 64 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
/** A reserve is begun only if there is this many times its size, so that giving it up doesn't let sends in again. */
const ROOM_FOR_RESERVE = 3;
/** Free pages of the file given back to the disk by a send that finds it full. */
const PAGES_PER_STEP = 256;
/** What a message takes in log and database together, in its body's bytes. */
const COPIES = 2.2;

export class Reserve {
  readonly #db: Database;
  readonly #path: string;
  #tight = false;

  constructor(db: Database) {
    this.#db = db;
    this.#path = `${db.file}-reserve`;
  }

  /** Whether there is room for a send of about this many bytes. To be asked with no transaction open. */
  hasRoom(bytes: number): boolean {
    if (this.#db.path === MEMORY) return true;
    const { free, total } = this.#space();
    if (free > COMFORT_BYTES + bytes * COPIES) {
      if (this.#tight) this.#relax();
      return true;
    }
    const size = Math.min(MOST_BYTES, Math.max(LEAST_BYTES, Math.floor(total / 16)));
    if (!this.#tight) this.#tighten(size);
    if (!existsSync(this.#path) && !this.#make(size)) return false;
    // Much more than the reserve in one transaction could not be copied from the log when the disk is full.
    return bytes < size / 4 || bytes * COPIES < free;
  }

  /** Gives the reserve up. Returns whether that made room. */
  spend(): boolean {
    if (this.#db.path === MEMORY) return false;
    const held = existsSync(this.#path);
    rmSync(this.#path, { force: true });
    this.#db.checkpoint();
    return held;
  }

  #tighten(size: number): void {
    this.#tight = true;
    this.#db.checkpointAfter(size / 2);
    this.#db.checkpoint();
  }

  #relax(): void {
    this.#tight = false;
    this.#db.checkpointAfter();
    rmSync(this.#path, { force: true });
  }

  #make(size: number): boolean {
    const enough = (): boolean => this.#space().free >= size * ROOM_FOR_RESERVE;
    try {
      // What was drained is free inside the file only.
      if (!enough() && this.#db.freePages() > 0) {
        this.#db.shrink(PAGES_PER_STEP);
        this.#db.checkpoint();
      }
    } catch {
      // There is not even room for that now.
    }
    return enough() && this.#fill(size);
  }

  #space(): { free: number; total: number } {
    const { bavail, blocks, bsize } = statfsSync(dirname(this.#path));
    return { free: bavail * bsize, total: blocks * bsize };
  }

  #fill(size: number): boolean {
    const file = openSync(this.#path, "w");
    try {
      // Random, because some file systems keep no room for zeros.
      const bytes = randomBytes(size);
      for (let written = 0; written < size; ) written += writeSync(file, bytes, written);
      return true;
    } catch {
      rmSync(this.#path, { force: true });
      return false;
    } finally {
      closeSync(file);
    }
  }
}
