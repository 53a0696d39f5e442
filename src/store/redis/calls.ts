import { ErrorReply } from "@redis/client";
import type { Client } from "./client.ts";
import type { Line, Repeat } from "./connection.ts";
import { foreign, fromReply, isForeign, isNoScript } from "./errors.ts";
import { KEY_TYPES, type PartitionKeys, partitionKeys } from "./keys.ts";
import { type Script, scripts } from "./scripts.ts";

/** Which of a partition's keys a script gets, in this order. */
export type KeyNames = readonly (keyof PartitionKeys)[];

/** Runs scripts and commands over a line, and says in Baton's words what went wrong. */
export class Calls {
  readonly #line: Line;
  readonly #prefix: string;
  readonly #location: string;

  constructor(line: Line, prefix: string, location: string) {
    this.#line = line;
    this.#prefix = prefix;
    this.#location = location;
  }

  /**
   * Runs a script on a partition.
   *
   * @param what what for, in words; it goes into the error.
   */
  async script(
    script: Script,
    queue: string,
    names: KeyNames,
    args: readonly string[],
    repeat: Repeat,
    what: string,
  ): Promise<unknown> {
    const all = partitionKeys(this.#prefix, queue);
    const keys = names.map((name) => all[name]);
    try {
      return await this.#evaluate(script, keys, args, repeat);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
      if (!isForeign(error)) throw fromReply(error, what, this.#location);
      throw foreign(await this.#foreignKey(queue), what, this.#location, { cause: error });
    }
  }

  /** Runs a plain command. */
  async command(args: readonly string[], key: string, repeat: Repeat, what: string): Promise<unknown> {
    try {
      return await this.#line.send(args, repeat, key);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
      if (isForeign(error)) throw foreign(`The key ${key} holds another type than Baton's`, what, this.#location, { cause: error });
      throw fromReply(error, what, this.#location);
    }
  }

  async #evaluate(script: Script, keys: readonly string[], args: readonly string[], repeat: Repeat): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    const key = keys[0] ?? "";
    try {
      return await this.#line.send(["EVALSHA", script.sha, ...rest], repeat, key);
    } catch (error) {
      if (!isNoScript(error)) throw error;
      // Refused calls come back in the order they were sent, and go out again in that order.
      return this.#line.send(["EVAL", script.source, ...rest], repeat, key);
    }
  }

  /** The server says only that some key is of a foreign type. */
  async #foreignKey(queue: string): Promise<string | undefined> {
    const keys = partitionKeys(this.#prefix, queue);
    const names = Object.keys(keys) as (keyof PartitionKeys)[];
    try {
      const types = await Promise.all(names.map((name) => this.#line.send(["TYPE", keys[name]], "repeatable", keys[name])));
      for (const [i, name] of names.entries()) {
        const [key, due, found] = [keys[name], KEY_TYPES[name], String(types[i])];
        if (found !== "none" && found !== due) return `The key ${key} is a ${found}, not Baton's ${due},`;
      }
    } catch {
      // Then without its name.
    }
    return undefined;
  }
}

/**
 * Loads all scripts: after a restart or a failover the server knows none, and of several calls in flight one could be
 * refused and the next, thanks to another process, not.
 */
export async function loadScripts(client: Client): Promise<void> {
  const loads = Object.values(scripts).map(({ source }) => client.sendCommand(["SCRIPT", "LOAD", source]));
  for (const load of await Promise.allSettled(loads)) {
    // A refusal (no right to it, still loading) is no harm: calls send the source themselves when they must.
    if (load.status === "rejected" && !(load.reason instanceof ErrorReply)) throw load.reason;
  }
}
