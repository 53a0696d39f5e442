import { valkeyBinary } from "../support/redis-server.ts";
import { redis } from "./factories.ts";
import { conformance } from "./suite.ts";

const binary = valkeyBinary();

conformance("valkey", binary === undefined ? { ...redis(), missing: "there is no valkey-server on the PATH" } : redis(binary));
