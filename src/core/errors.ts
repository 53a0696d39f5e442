/**
 * Every error Baton throws, in one table: code, class, what it means and how to mend it.
 * `docs/errors.md` lists the same codes; a test compares the two.
 */
export const ERROR_CODES = {
  BATON_ABORTED: "A waiting call was ended by its AbortSignal.",
  BATON_BODY_INVALID: "A body was refused by the queue's schema.",
  BATON_BODY_TOO_LARGE: "A body is over the size limit.",
  BATON_BODY_UNREADABLE: "A stored body can't be decoded.",
  BATON_BODY_UNSERIALIZABLE: "A body can't be written as JSON.",
  BATON_CLOSED: "The connection was closed by this program.",
  BATON_DURATION_INVALID: "A duration is not milliseconds or a string like 30s.",
  BATON_HANDLER_TIMEOUT: "A handler ran longer than the worker's timeout.",
  BATON_LEASE_LOST: "The message is no longer leased to the caller.",
  BATON_OPTION_INVALID: "An option has a value it can't take.",
  BATON_OPTION_UNKNOWN: "An option is not known here.",
  BATON_QUEUE_NAME_INVALID: "A queue name has characters it can't have, or a wrong length.",
  BATON_SEND_FAILED: "Some messages of a sendMany could not be stored.",
  BATON_STORE_CORRUPT: "The store holds something that is not Baton's where Baton's data should be.",
  BATON_STORE_DENIED: "The store refused the user name, the password or the command.",
  BATON_STORE_FULL: "The store has no room for new messages.",
  BATON_STORE_READ_ONLY: "The store can't be written.",
  BATON_STORE_UNAVAILABLE: "The store went away during a call.",
  BATON_STORE_UNREACHABLE: "The store did not answer within the connect timeout.",
  BATON_STORE_UNSUPPORTED: "The store's version or setting is not one Baton can use.",
  BATON_STORE_URL_INVALID: "The store URL is not one Baton knows.",
  BATON_WORKER_STOPPED: "The worker is stopping and handed the message back.",
} as const;

/** The code of an error thrown by Baton; one of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The base class of every error Baton throws. Tell them apart by `code` or by class. */
export class BatonError extends Error {
  override readonly name: string = "BatonError";
  /** Stable, searchable; listed in `docs/errors.md`. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An argument was wrong: nothing was stored, and the same call will fail again. */
export class UsageError extends BatonError {
  override readonly name: string = "UsageError";
}

/** A body was refused: by its size, by JSON, or by the queue's schema (`issues` has the schema's findings). */
export class BodyError extends UsageError {
  override readonly name: string = "BodyError";
  readonly issues: readonly unknown[];

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { issues?: readonly unknown[] }) {
    super(code, message, options);
    this.issues = options?.issues ?? [];
  }
}

/** The store failed. The other `Store…Error` classes say how. */
export class StoreError extends BatonError {
  override readonly name: string = "StoreError";
}

/** The store could not be reached within the connect timeout. */
export class StoreUnreachableError extends StoreError {
  override readonly name: string = "StoreUnreachableError";

  constructor(message: string, options?: ErrorOptions) {
    super("BATON_STORE_UNREACHABLE", message, options);
  }
}

/** The connection broke during a call. `outcome` says whether the call may have taken effect. */
export class StoreUnavailableError extends StoreError {
  override readonly name: string = "StoreUnavailableError";
  /** `unknown`: it may or may not have taken effect. `not-applied`: it did not. */
  readonly outcome: "unknown" | "not-applied";

  constructor(message: string, outcome: "unknown" | "not-applied", options?: ErrorOptions) {
    super("BATON_STORE_UNAVAILABLE", message, options);
    this.outcome = outcome;
  }
}

/** The store has no room for new messages. Receiving and acking go on, so that the queue can drain. */
export class StoreFullError extends StoreError {
  override readonly name: string = "StoreFullError";

  constructor(message: string, options?: ErrorOptions) {
    super("BATON_STORE_FULL", message, options);
  }
}

/** The caller no longer has the message's lease: it ran out, or the message was already settled. Nothing was changed. */
export class LeaseLostError extends BatonError {
  override readonly name: string = "LeaseLostError";

  constructor(message: string, options?: ErrorOptions) {
    super("BATON_LEASE_LOST", message, options);
  }
}

/** The reason of a handler's `signal` when the handler ran over the worker's `timeout`. Counts as a failed attempt. */
export class HandlerTimeoutError extends BatonError {
  override readonly name: string = "HandlerTimeoutError";

  constructor(message: string, options?: ErrorOptions) {
    super("BATON_HANDLER_TIMEOUT", message, options);
  }
}

/** The reason of a handler's `signal` when its worker stops and the grace period is over. Burns no attempt. */
export class WorkerStoppedError extends BatonError {
  override readonly name: string = "WorkerStoppedError";

  constructor(message: string, options?: ErrorOptions) {
    super("BATON_WORKER_STOPPED", message, options);
  }
}

/** The connection was closed by this program. */
export class ClosedError extends BatonError {
  override readonly name: string = "ClosedError";

  constructor(message: string, options?: ErrorOptions) {
    super("BATON_CLOSED", message, options);
  }
}

/** The reason of an aborted signal, as an error: itself if it is one, else an error that has it as its cause. */
export function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error
    ? signal.reason
    : new BatonError("BATON_ABORTED", "The call was aborted by its signal.", { cause: signal.reason });
}

/** Some messages of a sendMany could not be stored. */
export class SendManyError extends StoreError {
  override readonly name: string = "SendManyError";
  /** For each message, in order, its id, or undefined if it was not stored (or that is unknown, see `cause`). */
  readonly ids: readonly (string | undefined)[];

  constructor(message: string, ids: readonly (string | undefined)[], options?: ErrorOptions) {
    super("BATON_SEND_FAILED", message, options);
    this.ids = ids;
  }
}
