import { newTail } from "../../core/ids.ts";
import type { Delivery, ExchangeReply, ExchangeRequest, Lease, Settlement } from "../store.ts";
import type { Calls, KeyNames } from "./calls.ts";
import { decodeDelivery } from "./record.ts";
import { asArray } from "./replies.ts";
import { scripts } from "./scripts.ts";

const KEYS: KeyNames = ["messages", "ready", "ranked", "delayed", "leases", "dead", "inbox", "wake", "meta"];

/** The verb `exchange`. */
export async function exchange(
  calls: Calls,
  queue: string,
  { settle, receive, crashLimit }: ExchangeRequest,
): Promise<ExchangeReply> {
  const acks: string[] = [];
  const others: string[] = [];
  // The script takes acks first; where each settlement's answer will stand.
  const ackPlaces: number[] = [];
  const otherPlaces: number[] = [];
  settle.forEach((settlement, place) => {
    if (settlement.kind === "ack") {
      acks.push(leaseMember(settlement));
      ackPlaces.push(place);
    } else {
      others.push(leaseMember(settlement), ...settlementArgs(settlement));
      otherPlaces.push(place);
    }
  });
  const args = [
    String(crashLimit),
    String(receive?.max ?? 0),
    String(receive?.lease ?? 0),
    receive?.token ?? "",
    newTail(),
    String(acks.length),
    String(otherPlaces.length),
    ...acks,
    ...others,
  ];
  const reply = asArray(await calls.script(scripts.exchange, queue, KEYS, args, "once", `the exchange with queue "${queue}"`));
  const [held, more, due] = reply;
  const settled = Array.from<boolean>({ length: settle.length }).fill(true);
  if (held !== "") [...ackPlaces, ...otherPlaces].forEach((place, i) => (settled[place] = String(held)[i] === "1"));
  const received: Delivery[] = [];
  for (let i = 3; i + 1 < reply.length; i += 2) received.push(decodeDelivery(String(reply[i]), String(reply[i + 1])));
  return { settled, received, more: more === 1, nextDue: Number(due) < 0 ? undefined : Number(due) };
}

/** The verb `extend`. */
export async function extend(calls: Calls, queue: string, leases: readonly Lease[], ms: number): Promise<readonly boolean[]> {
  const args = [String(ms), ...leases.map(leaseMember)];
  const held = await calls.script(scripts.extend, queue, ["leases"], args, "repeatable", `extending leases in queue "${queue}"`);
  return leases.map((_, i) => held === "" || String(held)[i] === "1");
}

function leaseMember({ id, token }: Lease): string {
  return `${id}:${token}`;
}

function settlementArgs(settlement: Exclude<Settlement, { kind: "ack" }>): [string, string, string, string] {
  const error = "error" in settlement && settlement.error !== undefined ? JSON.stringify(settlement.error) : "";
  return settlement.kind === "dead"
    ? ["dead", "0", settlement.reason, error]
    : [settlement.kind, String(settlement.delay), "", error];
}
