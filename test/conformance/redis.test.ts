import { redis } from "./factories.ts";
import { conformance } from "./suite.ts";

conformance("redis", redis());
