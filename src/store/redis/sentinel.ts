import { createClient } from "@redis/client";
import type { Address, RedisTarget } from "./url.ts";

/**
 * Asks the sentinels for the master's address, one after the other, and checks with the server itself that it is a master:
 * right after a failover a sentinel may still name the old one.
 *
 * @throws Error if none knows a master; the caller tries again.
 */
export async function findMaster(target: RedisTarget, timeout: number): Promise<Address> {
  const failures: string[] = [];
  for (const sentinel of target.addresses) {
    try {
      const reply = await ask(sentinel, { tls: target.tls }, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", target.master ?? ""], timeout);
      if (!Array.isArray(reply)) {
        failures.push(`${sentinel.host}:${sentinel.port} knows no master named "${target.master}"`);
        continue;
      }
      const [host, port] = reply;
      const address = { host: String(host), port: Number(port) };
      const role: unknown = await ask(address, target, ["ROLE"], timeout);
      if (Array.isArray(role) && role[0] === "master") return address;
      failures.push(`${address.host}:${address.port} is no master yet`);
    } catch (error) {
      failures.push(`${sentinel.host}:${sentinel.port}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(failures.join("; "));
}

async function ask(
  address: Address,
  login: Pick<Partial<RedisTarget>, "username" | "password" | "tls">,
  args: readonly string[],
  timeout: number,
): Promise<unknown> {
  const client = createClient({
    socket: {
      ...address,
      ...(login.tls === true ? { tls: true as const, servername: address.host } : {}),
      connectTimeout: timeout,
      reconnectStrategy: false,
    },
    ...(login.username === undefined ? {} : { username: login.username }),
    ...(login.password === undefined ? {} : { password: login.password }),
    disableClientInfo: true,
    maintNotifications: "disabled",
  });
  // The rejected connect() says the same; without a listener the event would end the process.
  client.on("error", () => {});
  const timer = setTimeout(() => client.destroy(), timeout);
  try {
    await client.connect();
    return await client.sendCommand(args);
  } finally {
    clearTimeout(timer);
    if (client.isOpen) client.destroy();
  }
}
