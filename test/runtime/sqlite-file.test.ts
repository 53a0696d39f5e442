import { after } from "node:test";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { tempDirectory } from "../support/temp.ts";
import { clientSuite } from "./suite.ts";

const directory = tempDirectory();
after(() => directory.remove());

clientSuite("a SQLite file", {
  shared: true,
  open: () =>
    openSqliteStore({ path: join(directory.path, "baton.db"), synchronous: "full", clock: systemClock, connectTimeout: 5000 }),
});
