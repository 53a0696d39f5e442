import { decodeBody } from "../core/codec.ts";
import { BatonError } from "../core/errors.ts";
import { sentAtOf } from "../core/ids.ts";
import type { DeadReason, ErrorRecord, State } from "../core/state.ts";
import type { StoredMessage } from "../store/store.ts";

/** A message as it can be looked at. */
export interface MessageInfo {
  readonly id: string;
  readonly queue: string;
  readonly state: State;
  /** Undefined if it can't be decoded. */
  readonly body: unknown;
  readonly priority: number;
  readonly failures: number;
  readonly crashes: number;
  readonly sentAt: Date;
  /** `delayed` only. */
  readonly dueAt?: Date;
  /** `active` only. */
  readonly leaseExpiresAt?: Date;
  /** `active` only: the connection that holds it. */
  readonly holder?: string;
  /** `dead` only. */
  readonly reason?: DeadReason;
  /** `dead` only. */
  readonly diedAt?: Date;
  /** The last failure. */
  readonly error?: ErrorRecord;
}

/** What the store keeps of a message, as users see it. */
export function toMessageInfo(queue: string, message: StoredMessage): MessageInfo {
  const { id, state, priority, failures, crashes, dueAt, leaseExpiresAt, token, reason, diedAt, error } = message;
  return {
    id,
    queue,
    state,
    body: decodedOrNothing(queue, message),
    priority,
    failures,
    crashes,
    sentAt: new Date(sentAtOf(id)),
    ...(dueAt === undefined ? {} : { dueAt: new Date(dueAt) }),
    ...(leaseExpiresAt === undefined ? {} : { leaseExpiresAt: new Date(leaseExpiresAt) }),
    // A token is its holder's name, a dot and a count.
    ...(token === undefined ? {} : { holder: token.split(".", 1)[0] ?? token }),
    ...(reason === undefined ? {} : { reason }),
    ...(diedAt === undefined ? {} : { diedAt: new Date(diedAt) }),
    ...(error === undefined ? {} : { error }),
  };
}

function decodedOrNothing(queue: string, message: StoredMessage): unknown {
  try {
    return decodeBody(message.body, queue, message.id);
  } catch (error) {
    if (error instanceof BatonError) return undefined;
    throw error;
  }
}
