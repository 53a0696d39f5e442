import type { Handler, Message } from "../../index.ts";

/** What the worker does with messages: run a command, or call a module's function. */
export interface Job {
  readonly handler: Handler<unknown>;
  /** How long it may take to be done after `end`, in milliseconds. 0: the library hands back by itself. */
  readonly endTakes: number;
  /** Ends what runs, and hands the messages back once it has ended. */
  end(): void;
  /** What there is to say of a message that was handled, for `--json`. */
  outcome(message: Message): Readonly<Record<string, unknown>>;
}
