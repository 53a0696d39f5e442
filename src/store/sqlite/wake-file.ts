import { closeSync, constants, openSync, watch, writeSync } from "node:fs";
import type { FSWatcher } from "node:fs";
import { MEMORY, realFile } from "./path.ts";

/*
 * How one process tells others that messages are ready: it writes a byte to a file beside the database, and those that
 * wait watch that file. See docs/decisions/0003-sqlite-wake-up.md.
 */

/** Milliseconds between two touches, at least. */
const QUIET_MS = 1;

const BYTE = Buffer.from("\n");

/** The wake file of a database. Processes that know the database by different links mean the same. */
function wakePath(database: string): string {
  return `${realFile(database)}-wake`;
}

/** The side that wakes. */
export class WakeFile {
  readonly #path: string | undefined;
  #file: number | undefined;
  #last = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: string) {
    this.#path = database === MEMORY ? undefined : wakePath(database);
  }

  /** Wakes those that wait: at once, or within a millisecond if it just did. */
  touch(): void {
    if (this.#path === undefined || this.#timer !== undefined) return;
    const wait = this.#last + QUIET_MS - performance.now();
    if (wait <= 0) this.#write(this.#path);
    else {
      const path = this.#path;
      this.#timer = setTimeout(() => this.#write(path), wait);
    }
  }

  #write(path: string): void {
    this.#timer = undefined;
    this.#last = performance.now();
    try {
      this.#file ??= openSync(path, constants.O_RDWR | constants.O_CREAT);
      writeSync(this.#file, BYTE, 0, 1, 0);
    } catch {
      // The others find out at their next poll, a second later at most.
    }
  }

  /** Writes a touch that was put off, and lets go of the file. */
  close(): void {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      if (this.#path !== undefined) this.#write(this.#path);
    }
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/**
 * The side that is woken. Makes the wake file if it is missing.
 *
 * @param database the database's path.
 * @param onTouch called when another process, or this one, touched the file.
 * @param onLost called when the watch ended: the file was moved or deleted.
 * @returns a function that stops watching, or undefined if the file can't be watched: the system is out of watches,
 *   or the file system has none.
 */
export function watchWakeFile(
  database: string,
  onTouch: () => void,
  onLost: () => void,
): (() => void) | undefined {
  let watcher: FSWatcher | undefined;
  try {
    const path = wakePath(database);
    closeSync(openSync(path, "a"));
    watcher = watch(path, { persistent: false }, (event) => {
      // "rename": the file was moved or deleted; its watch follows it and would never tell again.
      if (event === "rename") onLost();
      else onTouch();
    });
    watcher.on("error", onLost);
  } catch {
    watcher?.close();
    return undefined;
  }
  const watching = watcher;
  return () => watching.close();
}
