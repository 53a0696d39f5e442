import { systemClock } from "../../src/core/clock.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { clientSuite } from "./suite.ts";

clientSuite("SQLite in memory", {
  shared: false,
  open: () => openSqliteStore({ path: ":memory:", synchronous: "full", clock: systemClock, connectTimeout: 5000 }),
});
