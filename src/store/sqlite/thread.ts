import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { Database } from "./database.ts";
import { toFailure } from "./failures.ts";
import { GroupCommit } from "./group.ts";
import type { GroupedAsk } from "./group.ts";
import { inspect } from "./inspect.ts";
import type { Ask, Post, Reply, ThreadData } from "./protocol.ts";
import { WakeFile } from "./wake-file.ts";

/*
 * The thread that owns the database. It takes all requests that have come while it was busy, runs them as one group and
 * answers when they are committed. See docs/decisions/0002-sqlite-in-a-thread.md.
 */

/** Messages handled in one transaction, at most: other processes wait for the lock as long as it runs. */
const MOST_IN_GROUP = 5000;

const { path, synchronous, connectTimeout } = workerData as ThreadData;
const port = parentPort;
if (port === null) throw new Error("This module is a worker thread's entry.");

const post = (reply: Reply): void => port.postMessage(reply);

let requests = 0;

/** Answers requests, in order. Returns whether the thread is to end. */
function serve(db: Database, group: GroupCommit, wakeFile: WakeFile, asks: readonly [id: number, ask: Ask][]): boolean {
  const answers: unknown[] = [];
  const failures: (Extract<Reply, { kind: "answers" }>["failures"][number])[] = [];
  const grouped: GroupedAsk[] = [];
  const ids: number[] = [];
  let close: number | undefined;
  for (const [id, ask] of asks) {
    switch (ask.verb) {
      case "touch":
        wakeFile.touch();
        answers.push(id, undefined);
        break;
      case "close":
        close = id;
        break;
      case "statistics":
        answers.push(id, { requests, commits: db.commits });
        break;
      case "inspect":
      case "pragma":
        try {
          const answer = ask.verb === "inspect" ? inspect(db, synchronous) : db.sql(`PRAGMA ${ask.text}`).get();
          answers.push(id, answer);
        } catch (error) {
          failures.push(id, toFailure(error, path, false));
        }
        break;
      default:
        requests += 1;
        ids.push(id);
        grouped.push(ask);
    }
  }
  let ready: (string | number)[] = [];
  if (grouped.length > 0) {
    const result = group.run(grouped);
    ready = result.ready;
    result.outcomes.forEach((outcome, i) => {
      const id = ids[i] ?? 0;
      if ("failure" in outcome) failures.push(id, outcome.failure);
      else answers.push(id, outcome.answer);
    });
  }
  if (close !== undefined) {
    // The main side takes no more part in waking others.
    if (ready.length > 0) wakeFile.touch();
    wakeFile.close();
    db.close();
    answers.push(close, undefined);
  }
  post({ kind: "answers", answers, failures, ready });
  return close !== undefined;
}

/** How many messages a request handles. */
function weight(ask: Ask): number {
  switch (ask.verb) {
    case "send":
      return ask.data.length;
    case "exchange":
      return 1 + ask.settle.ids.length + (ask.receive?.max ?? 0);
    case "extend":
      return ask.leases.ids.length;
    default:
      return 1;
  }
}

function start(db: Database, port: NonNullable<typeof parentPort>): void {
  const group = new GroupCommit(db);
  const wakeFile = new WakeFile(path);
  port.on("message", (first: Post) => {
    let asks: [number, Ask][] = [];
    let load = 0;
    let next: Post | undefined = first;
    while (next !== undefined) {
      for (let i = 0; i < next.length; i += 2) {
        const ask = next[i + 1] as Ask;
        // A write transaction is cut off before it gets too long.
        if (load > 0 && load + weight(ask) > MOST_IN_GROUP) {
          serve(db, group, wakeFile, asks);
          asks = [];
          load = 0;
        }
        asks.push([next[i] as number, ask]);
        load += weight(ask);
      }
      next = receiveMessageOnPort(port)?.message as Post | undefined;
    }
    if (serve(db, group, wakeFile, asks)) port.close();
  });
  post({ kind: "opened" });
}

try {
  start(Database.open(path, synchronous, connectTimeout), port);
} catch (error) {
  post({ kind: "refused", failure: toFailure(error, path, true) });
}
