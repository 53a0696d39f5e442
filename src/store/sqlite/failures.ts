import type { ErrorCode } from "../../core/errors.ts";
import { StoreError, StoreFullError, StoreUnavailableError, StoreUnreachableError } from "../../core/errors.ts";

/*
 * What can go wrong with the file, as a failure that can cross between threads, and back to the errors of the core.
 * Every message says what is wrong, where, and how to mend it.
 */

/** A failure as plain data. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** `BATON_STORE_UNAVAILABLE` only. */
  readonly outcome?: "unknown" | "not-applied";
  /** The words of SQLite or the system. */
  readonly cause?: string;
}

/** A failure on its way through the thread. */
export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** The failure as the error users get. */
export function toError(failure: Failure): Error {
  const options = failure.cause === undefined ? {} : { cause: new Error(failure.cause) };
  switch (failure.code) {
    case "BATON_STORE_FULL":
      return new StoreFullError(failure.message, options);
    case "BATON_STORE_UNREACHABLE":
      return new StoreUnreachableError(failure.message, options);
    case "BATON_STORE_UNAVAILABLE":
      return new StoreUnavailableError(failure.message, failure.outcome ?? "unknown", options);
    default:
      return new StoreError(failure.code, failure.message, options);
  }
}

/** SQLite's primary result code of an error, if it is one of SQLite's. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** SQLITE_BUSY or SQLITE_LOCKED: another connection holds the lock; waiting helps. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === 5 || code === 6;
}

/** SQLITE_FULL: there is no room for what was to be written. */
export function isFull(error: unknown): boolean {
  return resultCode(error) === 13;
}

/**
 * Says what an error means.
 *
 * @param opening whether the database was being opened.
 * @param committing whether it came from a COMMIT, so that nobody can tell whether it took effect.
 */
export function toFailure(error: unknown, path: string, opening: boolean, committing = false): Failure {
  if (error instanceof FailureError) return error.failure;
  const cause = error instanceof Error ? error.message : String(error);
  switch (resultCode(error) ?? 0) {
    case 3: // SQLITE_PERM
    case 23: // SQLITE_AUTH
      return denied(path, cause);
    case 8: // SQLITE_READONLY
      return readOnly(path, cause);
    case 11: // SQLITE_CORRUPT
      return {
        code: "BATON_STORE_CORRUPT",
        message:
          `The SQLite file ${path} is damaged (${cause}). Restore it from a backup, ` +
          `or save what can be read with: sqlite3 ${path} .recover`,
        cause,
      };
    case 26: // SQLITE_NOTADB
      return {
        code: "BATON_STORE_CORRUPT",
        message: `The file ${path} is not a SQLite database. Give another path, or move the file away.`,
        cause,
      };
    case 13: // SQLITE_FULL
      return full(path, cause);
    default:
      if (opening) return unreachable(path, cause);
      return {
        code: "BATON_STORE_UNAVAILABLE",
        message: `The SQLite file ${path} could not be used (${cause}). Look at the disk and the file, then try again.`,
        outcome: committing ? "unknown" : "not-applied",
        cause,
      };
  }
}

/** There is no room. */
export function full(path: string, cause: string): Failure {
  return {
    code: "BATON_STORE_FULL",
    message:
      `There is no room for new messages in ${path} (${cause}). Nothing was stored. ` +
      "Free some space on the disk, or let workers drain the queue and send again.",
    cause,
  };
}

/** The file or its directory can't be written. */
export function readOnly(path: string, cause: string): Failure {
  return {
    code: "BATON_STORE_READ_ONLY",
    message:
      `${path} can't be written (${cause}). A queue needs to write both the file and its directory: ` +
      "change their owner or mode (chown, chmod u+w), remount the file system read-write, or give another path.",
    cause,
  };
}

/** The user of this process may not open the file. */
export function denied(path: string, cause: string): Failure {
  return {
    code: "BATON_STORE_DENIED",
    message: `This process may not open ${path} (${cause}). Change the owner or mode, or give another path.`,
    cause,
  };
}

/** The file could not be opened. */
export function unreachable(path: string, cause: string): Failure {
  return {
    code: "BATON_STORE_UNREACHABLE",
    message: `The SQLite file ${path} could not be opened (${cause}). Check the path, or give another one.`,
    cause,
  };
}

/** Another program holds the file's lock. */
export function stillLocked(path: string, ms: number): FailureError {
  return new FailureError({
    code: "BATON_STORE_UNREACHABLE",
    message:
      `The SQLite file ${path} was locked by another program for ${ms} ms. ` +
      "End that program's transaction (is it open in a database tool?), or raise connectTimeout.",
  });
}

/** The file is a SQLite database, but of another program. */
export function foreignFile(path: string): FailureError {
  return new FailureError({
    code: "BATON_STORE_CORRUPT",
    message: `The file ${path} is a SQLite database of another program. Give Baton a file of its own.`,
  });
}

/** The file was written by a newer Baton. */
export function newerSchema(path: string, found: number, known: number): FailureError {
  return new FailureError({
    code: "BATON_STORE_UNSUPPORTED",
    message:
      `The file ${path} has schema ${found}, written by a newer Baton; this one knows schemas up to ${known}. ` +
      "Update batonmq here, or give another path.",
  });
}
