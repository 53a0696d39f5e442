import { ErrorReply } from "@redis/client";
import { type BatonError, StoreError, StoreFullError } from "../../core/errors.ts";

/** Error replies that pass: the command was not run, and can be sent again in a moment. */
const PASSING = /^(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|READONLY|FAILOVER)\b|can't write against a read only replica/;

/** Whether the server did not run the command but will, soon. */
export function isPassing(error: unknown): boolean {
  return error instanceof ErrorReply && PASSING.test(error.message);
}

/** Whether the server is a replica now, so that the master is elsewhere. */
export function isMisplaced(error: unknown): boolean {
  return error instanceof ErrorReply && /^(READONLY|UNBLOCKED)\b|read only replica/.test(error.message);
}

/** Whether a cluster's node says that the key is another's. */
export function isMoved(error: unknown): boolean {
  return error instanceof ErrorReply && /^MOVED\b/.test(error.message);
}

/** Whether a key holds another type than Baton keeps there. */
export function isForeign(error: unknown): boolean {
  return error instanceof ErrorReply && /\bWRONGTYPE\b/.test(error.message);
}

/** Whether the server does not know the script. */
export function isNoScript(error: unknown): boolean {
  return error instanceof ErrorReply && error.message.startsWith("NOSCRIPT");
}

/** Whether user name or password were refused, so that trying again is of no use. */
export function isDenied(error: unknown): boolean {
  return error instanceof ErrorReply && /\b(WRONGPASS|NOAUTH|NOPERM)\b|invalid (username|password)|without any password|user executing the script/i.test(error.message);
}

/** An error reply as Baton's error. */
export function fromReply(error: ErrorReply, what: string, location: string): BatonError {
  const text = error.message;
  const cause = { cause: error };
  // "OOM command not allowed when used memory > 'maxmemory'", also from inside a script.
  if (/\bOOM\b/.test(text)) {
    return new StoreFullError(
      `${location} has reached its maxmemory, so ${what} was refused and nothing was stored. ` +
        "Let workers drain the queue, or raise maxmemory.",
      cause,
    );
  }
  if (isForeign(error)) return foreign(undefined, what, location, cause);
  if (isDenied(error)) {
    return new StoreError(
      "BATON_STORE_DENIED",
      `${location} refused ${what}: ${text}. Check user name and password in the URL, and the user's ACL (~baton:* and the commands in docs/redis.md).`,
      cause,
    );
  }
  if (/^(MOVED|ASK|CROSSSLOT)\b/.test(text)) {
    return new StoreError(
      "BATON_STORE_UNSUPPORTED",
      `${location} is a node of a cluster, and has not all of ${what}: ${text}. Connect with redis+cluster:// instead.`,
      cause,
    );
  }
  if (/^(MISCONF|NOREPLICAS)\b/.test(text)) {
    return new StoreError(
      "BATON_STORE_READ_ONLY",
      `${location} takes no writes, so ${what} was refused: ${text} Mend its disk, or its replicas, and it goes on.`,
      cause,
    );
  }
  return new StoreError("BATON_STORE_CORRUPT", `${location} failed ${what}: ${text}`, cause);
}

/**
 * Somebody else's data where Baton's should be.
 *
 * @param which the key, what it is and what it should be, if that is known.
 */
export function foreign(which: string | undefined, what: string, location: string, options: ErrorOptions): StoreError {
  return new StoreError(
    "BATON_STORE_CORRUPT",
    `${which ?? "A key that Baton uses holds another type"} in ${location}, so ${what} was refused. ` +
      "RENAME that key away and it goes on, or set another prefix in connect(); docs/redis.md lists all keys with their types.",
    options,
  );
}

/** What went wrong, in a line. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
