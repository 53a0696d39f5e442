#!/usr/bin/env node
/* oxlint-disable no-console, typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return */
/*
 * Redis clients, and two ways of keeping leases, compared on Baton's calls: EVALSHA with a batch of bodies (send), and with
 * a batch of leases to end and as many messages to take (exchange). Starts its own server; three interleaved rounds, of
 * which the medians are shown.
 *
 *     npm install && npm start
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createClient } from "@redis/client";
import { Redis } from "ioredis";
import Valkey from "iovalkey";

const ROUNDS = 3;
/** Messages, messages a call, calls in flight. */
const LOADS = [
  [200_000, 200, 2],
  [20_000, 1, 1],
  [30_000, 1, 100],
];
const KEYS = ["ready", "messages", "meta", "leases", "tokens"].map((name) => `baton:{q}:${name}`);
const BODY = `\n${JSON.stringify("x".repeat(98))}`;

const SEND = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local first = math.max(now, tonumber(redis.call('HGET', KEYS[3], 'seq') or '0') + 1)
local n = #ARGV - 1
redis.call('HSET', KEYS[3], 'seq', string.format('%d', first + n))
local ids, records = {}, {}
for i = 1, n do
  local id = string.format('%013x', first + i) .. ARGV[1]
  ids[i], records[2 * i - 1], records[2 * i] = id, id, ARGV[i + 1]
end
redis.call('HSET', KEYS[2], unpack(records))
redis.call('RPUSH', KEYS[1], unpack(ids))
return first`;

const TAKE = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ended = tonumber(ARGV[4])
if ended > 0 then END_LEASES end
redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 100)
local ids = redis.call('LPOP', KEYS[1], ARGV[2])
if not ids or #ids == 0 then return {} end
local records = redis.call('HMGET', KEYS[2], unpack(ids))
local leases, tokens, reply = {}, {}, {}
for i = 1, #ids do
  leases[2 * i - 1], leases[2 * i] = now + tonumber(ARGV[3]), LEASE
  tokens[2 * i - 1], tokens[2 * i] = ids[i], ARGV[1]
  reply[2 * i - 1], reply[2 * i] = ids[i], records[i]
end
redis.call('ZADD', KEYS[4], unpack(leases))
KEEP_TOKENS
return reply`;

/** How a lease is kept: with its token in a hash beside the zset, or as the zset's member. */
const EXCHANGES = {
  hash: script(
    `local ids, held = {}, {}
     for i = 1, ended do ids[i] = ARGV[4 + i] end
     local tokens = redis.call('HMGET', KEYS[5], unpack(ids))
     for i = 1, ended do if tokens[i] == ARGV[4 + ended + i] then held[#held + 1] = ids[i] end end
     if #held > 0 then
       redis.call('ZREM', KEYS[4], unpack(held))
       redis.call('HDEL', KEYS[5], unpack(held))
       redis.call('HDEL', KEYS[2], unpack(held))
     end`,
    "ids[i]",
    "redis.call('HSET', KEYS[5], unpack(tokens))",
  ),
  member: script(
    `local asked, held, ids = {}, {}, {}
     for i = 1, ended do asked[i] = ARGV[4 + i] .. ':' .. ARGV[4 + ended + i] end
     local scores = redis.call('ZMSCORE', KEYS[4], unpack(asked))
     for i = 1, ended do if scores[i] then held[#held + 1], ids[#ids + 1] = asked[i], ARGV[4 + i] end end
     if #held > 0 then
       redis.call('ZREM', KEYS[4], unpack(held))
       redis.call('HDEL', KEYS[2], unpack(ids))
     end`,
    "ids[i] .. ':' .. ARGV[1]",
    "",
  ),
};

function script(end, lease, keep) {
  return TAKE.replace("END_LEASES", () => end).replace("LEASE", () => lease).replace("KEEP_TOKENS", () => keep);
}

const CLIENTS = {
  async "@redis/client"(port) {
    const client = createClient({ socket: { host: "127.0.0.1", port }, RESP: 3 });
    await client.connect();
    return { send: (...args) => client.sendCommand(args), close: () => client.close() };
  },
  ioredis: (port) => redisLike(new Redis({ port, host: "127.0.0.1", lazyConnect: true })),
  iovalkey: (port) => redisLike(new Valkey({ port, host: "127.0.0.1", lazyConnect: true })),
};

async function redisLike(client) {
  await client.connect();
  return { send: (name, ...args) => client.call(name, ...args), close: () => client.quit() };
}

async function measure(port, name, [count, batch, flight], leases) {
  const client = await CLIENTS[name](port);
  await client.send("FLUSHALL");
  const sendSha = String(await client.send("SCRIPT", "LOAD", SEND));
  const takeSha = String(await client.send("SCRIPT", "LOAD", EXCHANGES[leases]));
  const bodies = Array.from({ length: batch }, () => BODY);
  let left = count / batch;
  const sent = await cost(client, count, flight, async () => {
    while (left-- > 0) await client.send("EVALSHA", sendSha, "3", ...KEYS.slice(0, 3), "abcde", ...bodies);
  });
  let calls = 0;
  const taken = await cost(client, count, flight, async () => {
    for (let acks = []; ; ) {
      const token = `session12345.${(calls++).toString(36)}`;
      const reply = await client.send("EVALSHA", takeSha, "5", ...KEYS, token, String(batch), "30000", String(acks.length / 2), ...acks);
      if (reply.length === 0) return;
      const ids = reply.filter((_, i) => i % 2 === 0);
      acks = [...ids, ...ids.map(() => token)];
    }
  });
  await client.close();
  return {
    client: name, leases, batch, "in flight": flight,
    "send/s": sent.rate, "send client µs": sent.client, "send server µs": sent.server,
    "exchange/s": taken.rate, "exchange client µs": taken.client, "exchange server µs": taken.server,
  };
}

/** Rate, and microseconds of CPU a message on both sides. */
async function cost(client, count, flight, work) {
  const server = await serverCpu(client);
  const own = process.cpuUsage();
  const started = performance.now();
  await Promise.all(Array.from({ length: flight }, work));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(own);
  return {
    rate: Math.round(count / seconds),
    client: round((user + system) / count),
    server: round(((await serverCpu(client)) - server) / count),
  };
}

async function serverCpu(client) {
  const info = String(await client.send("INFO", "cpu"));
  const field = (name) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
  return (field("used_cpu_user") + field("used_cpu_sys")) * 1e6;
}

function round(number) {
  return Math.round(number * 100) / 100;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const port = await freePort();
const server = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], { stdio: ["ignore", "pipe", "inherit"] });
try {
  for await (const text of server.stdout) if (String(text).includes("Ready to accept")) break;
  const rows = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of Object.keys(CLIENTS)) for (const load of LOADS) rows.push(await measure(port, name, load, "hash"));
    rows.push(await measure(port, "@redis/client", LOADS[0], "member"));
  }
  const groups = Map.groupBy(rows, (row) => [row.client, row.leases, row.batch, row["in flight"]].join());
  console.table(
    [...groups.values()].map((group) =>
      Object.fromEntries(Object.entries(group[0]).map(([key, value]) => [key, typeof value === "number" ? median(group.map((row) => row[key])) : value])),
    ),
  );
} finally {
  server.kill();
}
