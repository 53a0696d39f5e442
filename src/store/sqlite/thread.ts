import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { Database } from "./database.ts";
import { toFailure } from "./failures.ts";
import type { Ask, Post, Reply, ThreadData } from "./protocol.ts";
import { Server } from "./server.ts";

/*
 * The entry of the thread that owns the database. It takes all requests that came while it was busy, runs them as one
 * group and answers when they are committed. See docs/decisions/0002-sqlite-in-a-thread.md.
 */

/** Messages handled in one transaction, about: other processes wait for the lock as long as it runs. */
const MOST_IN_GROUP = 5000;

const { path, synchronous, connectTimeout } = workerData as ThreadData;
const port = parentPort;
if (port === null) throw new Error("This module is the entry of a worker thread.");

const tell = (reply: Reply): void => port.postMessage(reply);

/** How many messages a request handles. */
function weight(ask: Ask): number {
  switch (ask.verb) {
    case "send":
      return ask.count;
    case "exchange":
      return 1 + ask.settle.ids.length + (ask.receive?.max ?? 0);
    case "extend":
      return ask.leases.ids.length;
    default:
      return 1;
  }
}

/** Takes posts until none is waiting or the group is large enough, and cuts them into requests. */
function gather(first: Post): [id: number, ask: Ask][][] {
  const groups: [number, Ask][][] = [];
  let group: [number, Ask][] = [];
  let load = 0;
  for (let post: Post | undefined = first; post !== undefined; ) {
    for (let i = 0; i < post.length; i += 2) {
      const ask = post[i + 1] as Ask;
      const more = weight(ask);
      if (load > 0 && load + more > MOST_IN_GROUP) {
        groups.push(group);
        group = [];
        load = 0;
      }
      group.push([post[i] as number, ask]);
      load += more;
    }
    if (groups.length > 0) break;
    post = port === null ? undefined : (receiveMessageOnPort(port)?.message as Post | undefined);
  }
  groups.push(group);
  return groups;
}

try {
  const server = new Server(Database.open(path, synchronous, connectTimeout), synchronous);
  port.on("message", (first: Post) => {
    for (const group of gather(first)) tell(server.serve(group));
    if (server.closed) port.close();
  });
  tell({ kind: "opened" });
} catch (error) {
  tell({ kind: "refused", failure: toFailure(error, path, true) });
}
