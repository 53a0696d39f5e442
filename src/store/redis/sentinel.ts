import { messageOf } from "./errors.ts";
import { type Client, dial } from "./client.ts";
import type { Address, RedisTarget } from "./url.ts";

/**
 * Asks the sentinels for the master's address, all at once, and checks with the server itself that it is a master: right
 * after a failover a sentinel may still name the old one.
 *
 * @throws Error if none knows a master; the caller tries again.
 */
export async function findMaster(target: RedisTarget, timeout: number): Promise<Address> {
  try {
    return await Promise.any(target.addresses.map((sentinel) => findBy(sentinel, target, timeout)));
  } catch (error) {
    throw new Error(messageOf(error), { cause: error });
  }
}

async function findBy(sentinel: Address, target: RedisTarget, timeout: number): Promise<Address> {
  const where = `${sentinel.host}:${sentinel.port}`;
  // Sentinels have logins of their own; Baton has none to give.
  const open = { tls: target.tls, username: undefined, password: undefined, database: 0, display: where };
  const name = target.master ?? "";
  const reply = await ask(sentinel, open, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name], timeout).catch((error: unknown) => {
    throw new Error(`${where}: ${messageOf(error)}`, { cause: error });
  });
  if (!Array.isArray(reply)) throw new Error(`${where} knows no master named "${name}"`);
  const address = { host: String(reply[0]), port: Number(reply[1]) };
  const role: unknown = await ask(address, target, ["ROLE"], timeout);
  if (!Array.isArray(role) || role[0] !== "master") throw new Error(`${address.host}:${address.port} is no master yet`);
  return address;
}

/** Asks one question over a connection of its own. */
export async function ask(
  address: Address,
  target: Pick<RedisTarget, "username" | "password" | "tls" | "database" | "display">,
  args: readonly string[],
  timeout: number,
): Promise<unknown> {
  const over = AbortSignal.timeout(Math.ceil(timeout));
  const client: Client = await dial({ address, target, timeout, signal: new AbortController().signal, onLost: () => {} });
  // A destroyed client rejects what is in flight.
  const stop = (): void => client.destroy();
  over.addEventListener("abort", stop);
  try {
    return await client.sendCommand(args);
  } finally {
    over.removeEventListener("abort", stop);
    client.destroy();
  }
}
