import { UsageError } from "../../core/errors.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where a Redis or Valkey deployment is and how to log in. */
export interface RedisTarget {
  readonly kind: "single" | "sentinel" | "cluster";
  /** The server; or sentinels; or some of a cluster's nodes. */
  readonly addresses: readonly [Address, ...Address[]];
  /** The name sentinels know the master by. */
  readonly master: string | undefined;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
  /** The URL without its password, for messages. */
  readonly display: string;
}

const SCHEMES: Readonly<Record<string, { kind: RedisTarget["kind"]; tls: boolean }>> = {
  redis: { kind: "single", tls: false },
  rediss: { kind: "single", tls: true },
  "redis+sentinel": { kind: "sentinel", tls: false },
  "rediss+sentinel": { kind: "sentinel", tls: true },
  "redis+cluster": { kind: "cluster", tls: false },
  "rediss+cluster": { kind: "cluster", tls: true },
};

const FORM = /^([a-z+]+):\/\/(?:([^@/]*)@)?([^/?#]*)(\/[^?#]*)?$/;
const DEFAULT_PORT = { single: 6379, sentinel: 26379, cluster: 6379 };

/** Whether a URL is for this engine, by its scheme. */
export function isRedisUrl(url: string): boolean {
  return schemeOf(url) !== undefined;
}

function schemeOf(url: string): { kind: RedisTarget["kind"]; tls: boolean } | undefined {
  const scheme = url.slice(0, Math.max(0, url.indexOf("://")));
  return Object.hasOwn(SCHEMES, redisNamed(scheme)) ? SCHEMES[redisNamed(scheme)] : undefined;
}

function redisNamed(scheme: string): string {
  return scheme.replace(/^valkey/, "redis");
}

/**
 * Reads a store URL: `redis://user:password@host:port/database`, `rediss://…`, `redis+sentinel://h1,h2/mastername`,
 * `redis+cluster://h1,h2,h3`, or the same with `valkey` for `redis`. A sentinel URL may end in `/mastername/database`.
 *
 * @throws UsageError `BATON_STORE_URL_INVALID`
 */
export function parseRedisUrl(url: string): RedisTarget {
  const form = FORM.exec(url);
  const scheme = schemeOf(url);
  if (form === null || scheme === undefined) {
    throw invalid(url, "it is not of the form redis://user:password@host:port/database");
  }
  const [, name = "", login, hosts = "", path = ""] = form;
  const [username, password] = parseLogin(url, login);
  const parts = path.split("/").filter((part) => part !== "");
  const master = scheme.kind === "sentinel" ? parts.shift() : undefined;
  if (scheme.kind === "sentinel" && master === undefined) {
    throw invalid(url, `a ${name} URL ends in the master's name: ${name}://${hosts || "host1,host2"}/mymaster`);
  }
  const [database = "0", ...rest] = parts;
  if (!/^\d{1,5}$/.test(database) || rest.length > 0) throw invalid(url, `"${path}" is not a database number like /0`);
  if (scheme.kind === "cluster" && database !== "0") throw invalid(url, "a cluster has no databases but 0");

  const addresses = (hosts === "" ? ["localhost"] : hosts.split(",")).map((text) =>
    parseAddress(url, text, DEFAULT_PORT[scheme.kind]),
  );
  const [first, ...others] = addresses;
  if (first === undefined) throw invalid(url, "it names no host");
  if (scheme.kind === "single" && others.length > 0) {
    throw invalid(url, "it names several hosts; use redis+sentinel:// or redis+cluster:// for those");
  }
  return {
    kind: scheme.kind,
    addresses: [first, ...others],
    master,
    database: Number(database),
    username,
    password,
    tls: scheme.tls,
    display: hideLogin(url),
  };
}

function parseLogin(url: string, login: string | undefined): [string | undefined, string | undefined] {
  if (login === undefined || login === "") return [undefined, undefined];
  const [username = "", ...rest] = login.split(":");
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw invalid(url, "its user name or password has a % that is not an escape; write it as %25");
    }
  };
  return [username === "" ? undefined : decode(username), rest.length === 0 ? undefined : decode(rest.join(":"))];
}

function parseAddress(url: string, text: string, defaultPort: number): Address {
  const form = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(?::(\d+))?$/.exec(text.trim());
  const port = Number(form?.[2] ?? defaultPort);
  if (form === null || port < 1 || port > 65_535) throw invalid(url, `"${text}" is not a host or host:port`);
  return { host: (form[1] ?? "").replace(/^\[|\]$/g, ""), port };
}

function invalid(url: string, why: string): UsageError {
  return new UsageError("BATON_STORE_URL_INVALID", `The store URL "${hideLogin(url)}" can't be used: ${why}.`);
}

function hideLogin(url: string): string {
  return url.replace(/\/\/([^@/:]*):[^@/]*@/, "//$1:***@");
}
