import { ID_LENGTH } from "../../core/ids.ts";
import type { State } from "../../core/state.ts";
import type { Counts, ListRequest, Page, StoredMessage } from "../store.ts";
import type { Calls, KeyNames } from "./calls.ts";
import { decodeRecord } from "./record.ts";
import { asArray } from "./replies.ts";
import { scripts } from "./scripts.ts";

const KEYS: KeyNames = ["messages", "ready", "ranked", "delayed", "leases", "dead"];

/** The verb `get`. */
export async function get(
  calls: Calls,
  queue: string,
  ids: readonly string[],
): Promise<readonly (StoredMessage | undefined)[]> {
  const reply = asArray(await calls.script(scripts.get, queue, KEYS, ids, "repeatable", `looking up messages in queue "${queue}"`));
  return ids.map((id, i) => {
    const found = reply[i];
    if (!Array.isArray(found)) return undefined;
    const [record, state, at, token] = found.map(String);
    return toStored(id, record ?? "", state as State, Number(at), token);
  });
}

/** The verb `list`. A cursor is the score and the member of the last entry. */
export async function list(calls: Calls, queue: string, { state, limit, cursor }: ListRequest): Promise<Page> {
  const cut = cursor?.indexOf("|") ?? -1;
  const after = cursor === undefined ? ["", ""] : [cursor.slice(0, cut), cursor.slice(cut + 1)];
  const args = [state, String(limit), ...after];
  const reply = await calls.script(scripts.list, queue, KEYS, args, "repeatable", `listing queue "${queue}"`);
  const [score, member, ...rows] = asArray(reply);
  const messages: StoredMessage[] = [];
  for (let i = 0; i + 2 < rows.length; i += 3) {
    const [name, at, record] = [String(rows[i]), Number(rows[i + 1]), rows[i + 2]];
    if (typeof record !== "string") continue;
    messages.push(toStored(name.slice(0, ID_LENGTH), record, state, at, name.slice(ID_LENGTH + 1)));
  }
  return { messages, next: member === "" ? undefined : `${String(score)}|${String(member)}` };
}

/** The verb `counts`. */
export async function counts(calls: Calls, queue: string): Promise<Counts> {
  const keys: KeyNames = ["ready", "ranked", "delayed", "leases", "dead", "inbox"];
  const reply = asArray(await calls.script(scripts.counts, queue, keys, [], "repeatable", `counting queue "${queue}"`));
  return { ready: Number(reply[0]), delayed: Number(reply[1]), active: Number(reply[2]), dead: Number(reply[3]) };
}

function toStored(id: string, record: string, state: State, at: number, token: string | undefined): StoredMessage {
  const message = { ...decodeRecord(id, record), state };
  if (state === "delayed") return { ...message, dueAt: at };
  if (state === "active") return { ...message, leaseExpiresAt: at, token: token ?? "" };
  if (state === "dead") return { ...message, diedAt: at };
  return message;
}
