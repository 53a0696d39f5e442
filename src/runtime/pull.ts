import type { StandardSchemaV1 } from "@standard-schema/spec";
import { decodeBody } from "../core/codec.ts";
import { BatonError, BodyError, LeaseLostError } from "../core/errors.ts";
import { toErrorRecord } from "../core/state.ts";
import type { Delivery } from "../store/store.ts";
import type { Received } from "./exchanger.ts";
import { Message, type MessageOrigin } from "./message.ts";

/** Messages taken from the store, and what else the store said. */
export interface Taken<T> {
  readonly messages: readonly Message<T>[];
  readonly more: boolean;
  readonly nextDue: number | undefined;
}

/** Receives one queue's messages with their bodies read; those whose body can't be read die here. */
export class Pull<T> {
  readonly #origin: MessageOrigin;
  readonly #schema: StandardSchemaV1<unknown, T> | undefined;

  constructor(origin: MessageOrigin, schema: StandardSchemaV1<unknown, T> | undefined) {
    this.#origin = origin;
    this.#schema = schema;
  }

  /** @param onUnreadable called with the id of each message that was given up because of its body. */
  async take(max: number, lease: number, onUnreadable: (id: string, error: BatonError) => void): Promise<Taken<T>> {
    const received = await this.#origin.exchanger.receive(max, lease);
    const messages: Message<T>[] = [];
    let unreadable = 0;
    for (const delivery of received.deliveries) {
      try {
        const decoded = decodeBody(delivery.body, this.#origin.queue, delivery.id);
        const body = this.#schema === undefined ? (decoded as T) : await this.#checked(this.#schema, decoded, delivery.id);
        messages.push(new Message<T>(this.#origin, delivery, body, received.token, received.leasedUntil));
      } catch (error) {
        if (!(error instanceof BatonError)) throw error;
        unreadable += 1;
        this.#bury(delivery, received, error, onUnreadable);
      }
    }
    return { messages, more: received.more || unreadable > 0, nextDue: received.nextDue };
  }

  async #checked(schema: StandardSchemaV1<unknown, T>, decoded: unknown, id: string): Promise<T> {
    const result = await schema["~standard"].validate(decoded);
    if (result.issues === undefined) return result.value;
    throw new BodyError(
      "BATON_BODY_INVALID",
      `The body of message ${id} in queue "${this.#origin.queue}" was refused by the schema: ${describeIssues(result.issues)}.`,
      { issues: result.issues },
    );
  }

  #bury(delivery: Delivery, received: Received, error: BatonError, onUnreadable: (id: string, error: BatonError) => void): void {
    this.#origin.exchanger
      .settle({ kind: "dead", id: delivery.id, token: received.token, reason: "unreadable", error: toErrorRecord(error) })
      .then(
        (held) => {
          if (held) onUnreadable(delivery.id, error);
        },
        // The lease runs out, and the next holder finds the same.
        (cause: unknown) => {
          if (!(cause instanceof LeaseLostError)) onUnreadable(delivery.id, error);
        },
      );
  }
}

/** A schema's findings in a line: `to.email: not an address; age: too small`. */
export function describeIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  return issues
    .slice(0, 5)
    .map(({ path, message }) => {
      const where = (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
      return where === "" ? message : `${where}: ${message}`;
    })
    .join("; ");
}
