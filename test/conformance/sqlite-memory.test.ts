import { sqliteMemory } from "./factories.ts";
import { conformance } from "./suite.ts";

conformance("sqlite in memory", sqliteMemory);
