import { model } from "./factories.ts";
import { conformance } from "./suite.ts";

conformance("model", model);
