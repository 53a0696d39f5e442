import { createClient } from "@redis/client";
import { type Baton, connect } from "../../../src/index.ts";

/** A plain connection to a server, for what tests do behind Baton's back. */
export interface Control extends AsyncDisposable {
  send(...args: string[]): Promise<unknown>;
  /** A field of INFO, as a number. */
  info(section: string, field: string): Promise<number>;
  /** How often each command was called since the statistics were last reset, by its name in lower case. */
  calls(): Promise<ReadonlyMap<string, number>>;
  close(): void;
}

export async function control(port: number): Promise<Control> {
  const client = createClient({ socket: { host: "127.0.0.1", port }, maintNotifications: "disabled", disableClientInfo: true });
  client.on("error", () => {});
  await client.connect();
  const send = (...args: string[]): Promise<unknown> => client.sendCommand(args);
  const close = (): void => client.destroy();
  return {
    send,
    close,
    async info(section, field) {
      const found = new RegExp(`^${field}:([\\d.]+)`, "m").exec(String(await send("INFO", section)));
      return Number(found?.[1]);
    },
    async calls() {
      const text = String(await send("INFO", "commandstats"));
      return new Map([...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = "", calls]) => [name, Number(calls)]));
    },
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}

/** The calls of a Baton process: all but those of the tests themselves. */
export function total(calls: ReadonlyMap<string, number>): number {
  return [...calls].reduce((sum, [name, count]) => (/^(info|config)/.test(name) ? sum : sum + count), 0);
}

/** Opens many connections, a few at a time: a busy machine is no fault. They are closed with the stack. */
export async function many(url: string, count: number, stack: AsyncDisposableStack): Promise<Baton[]> {
  const all: Baton[] = [];
  while (all.length < count) {
    const some = Array.from({ length: Math.min(5, count - all.length) }, () => connect(url, { connectTimeout: "30s" }));
    for (const one of await Promise.all(some)) all.push(stack.use(one));
  }
  return all;
}
