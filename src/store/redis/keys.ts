/**
 * All key names of the Redis engine. `<prefix>` is `baton` unless set in connect().
 *
 * Of one partition, all in one hash slot:
 *
 * | key                       | type   | holds                                                                     |
 * |---------------------------|--------|---------------------------------------------------------------------------|
 * | `<prefix>:{<queue>}:messages` | hash   | id → record (see record.ts), of every message in any state            |
 * | `<prefix>:{<queue>}:ready`    | list   | ids of ready messages of priority 0 that never left the line, ascending |
 * | `<prefix>:{<queue>}:ranked`   | zset   | ids of the other ready messages; score: minus the priority            |
 * | `<prefix>:{<queue>}:delayed`  | zset   | `id`, or `id:priority` if it has one; score: when due, ms             |
 * | `<prefix>:{<queue>}:leases`   | zset   | `id:token` of active messages; score: when the lease runs out, ms     |
 * | `<prefix>:{<queue>}:dead`     | zset   | ids; score: time of death, ms                                         |
 * | `<prefix>:{<queue>}:inbox`    | list   | bodies pushed by other programs, not yet messages                     |
 * | `<prefix>:{<queue>}:wake`     | list   | at most one token, when there is something for an idle process        |
 * | `<prefix>:{<queue>}:meta`     | hash   | `sequence`: the last sequence given to an id                          |
 *
 * Of the whole store:
 *
 * | key                       | type | holds                                                                       |
 * |---------------------------|------|-----------------------------------------------------------------------------|
 * | `<prefix>:queues`         | set  | the names of all partitions                                                 |
 * | `<prefix>:nudge:<holder>` | list | makes this process's blocking command return; lives for microseconds (in a cluster: `<prefix>:{<queue>}:nudge:<holder>`) |
 *
 * A lease is the pair of message and token, as one member: it is in the set or it is not, which is all the fencing there
 * is. No key is made from message data, and none that matters has a time to live: an eviction policy can't touch them.
 */
export interface PartitionKeys {
  readonly messages: string;
  readonly ready: string;
  readonly ranked: string;
  readonly delayed: string;
  readonly leases: string;
  readonly dead: string;
  readonly inbox: string;
  readonly wake: string;
  readonly meta: string;
}

export function partitionKeys(prefix: string, queue: string): PartitionKeys {
  const base = `${prefix}:{${queue}}:`;
  return {
    messages: `${base}messages`,
    ready: `${base}ready`,
    ranked: `${base}ranked`,
    delayed: `${base}delayed`,
    leases: `${base}leases`,
    dead: `${base}dead`,
    inbox: `${base}inbox`,
    wake: `${base}wake`,
    meta: `${base}meta`,
  };
}

/** The type of each of a partition's keys, as `TYPE` says it. */
export const KEY_TYPES: Readonly<Record<keyof PartitionKeys, string>> = {
  messages: "hash",
  ready: "list",
  ranked: "zset",
  delayed: "zset",
  leases: "zset",
  dead: "zset",
  inbox: "list",
  wake: "list",
  meta: "hash",
};

/** The set of all partitions' names. */
export function registryKey(prefix: string): string {
  return `${prefix}:queues`;
}

/** The list a process pushes to, to end its own blocking command. In a cluster it shares the slot of the queue waited for. */
export function nudgeKey(prefix: string, holder: string, queue?: string): string {
  return queue === undefined ? `${prefix}:nudge:${holder}` : `${prefix}:{${queue}}:nudge:${holder}`;
}
