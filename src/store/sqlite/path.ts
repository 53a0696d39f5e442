import { accessSync, constants, mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { denied, FailureError, readOnly, unreachable } from "./failures.ts";

/** The path of a database that lives in memory. */
export const MEMORY = ":memory:";

/** The path as it stays when the process changes its directory. */
export function absolute(path: string): string {
  return path === MEMORY ? MEMORY : resolve(path);
}

/** The file itself, if the path of an open database is a link: what lies beside the database lies beside it. */
export function realFile(path: string): string {
  return path === MEMORY ? MEMORY : realpathSync(path);
}

/**
 * Makes the directories a database file needs, and makes sure that both can be written.
 *
 * SQLite itself opens a file it can't write for reading only, and says so at the first write; a queue had better know
 * before it takes messages.
 *
 * @throws a failure: read-only, denied, or unreachable.
 */
export function checkPath(path: string): void {
  if (path === MEMORY) return;
  const directory = dirname(path);
  attempt(directory, () => mkdirSync(directory, { recursive: true }));
  const found = attempt(path, () => statSync(path, { throwIfNoEntry: false }));
  if (found !== undefined && !found.isFile()) {
    throw new FailureError(unreachable(path, found.isDirectory() ? "it is a directory" : "it is not a file"));
  }
  if (found !== undefined) {
    attempt(path, () => accessSync(path, constants.R_OK));
    mustWrite(path, path, constants.W_OK);
  }
  // The log and the index of the log are made beside the file.
  mustWrite(path, directory, constants.W_OK | constants.X_OK);
}

function mustWrite(path: string, what: string, mode: number): void {
  try {
    accessSync(what, mode);
  } catch (error) {
    throw new FailureError(readOnly(path, reason(error)));
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EACCES" || code === "EPERM") throw new FailureError(denied(path, reason(error)));
    if (code === "EROFS") throw new FailureError(readOnly(path, reason(error)));
    throw new FailureError(unreachable(path, reason(error)));
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
