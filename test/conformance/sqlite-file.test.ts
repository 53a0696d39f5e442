import { sqliteFile } from "./factories.ts";
import { conformance } from "./suite.ts";

conformance("sqlite in a file", sqliteFile);
