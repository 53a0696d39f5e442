import { makeId, newTail } from "../../core/ids.ts";
import type { NewMessage } from "../store.ts";
import type { Calls, KeyNames } from "./calls.ts";
import { encodeRecord } from "./record.ts";
import { scripts } from "./scripts.ts";

const KEYS: KeyNames = ["messages", "ready", "ranked", "delayed", "wake", "meta"];

/** The verb `send`. */
export async function send(calls: Calls, queue: string, messages: readonly NewMessage[]): Promise<readonly string[]> {
  const tail = newTail();
  const special: string[] = [];
  const records: string[] = [];
  for (const message of messages) {
    records.push(encodeRecord(message));
    if (message.delay > 0 || message.priority > 0) {
      special.push(String(records.length), String(message.delay), String(message.priority));
    }
  }
  const args = [tail, String(special.length / 3), ...special, ...records];
  const first = Number(await calls.script(scripts.send, queue, KEYS, args, "once", `the send to queue "${queue}"`));
  return messages.map((_, i) => makeId(first + i, tail));
}
