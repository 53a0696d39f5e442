import { type Baton, connect } from "../index.ts";
import type { Notes } from "./notes.ts";
import type { GlobalOptions } from "./options.ts";

export interface OpenOptions extends GlobalOptions {
  /** The largest body to be sent, in bytes. */
  readonly maxBody?: number | undefined;
  /** Where the loss of the store is told. */
  readonly notes: Notes;
}

/** Runs `use` with a connection, and closes it whatever happens. A store that goes away meanwhile is waited for, and said once. */
export async function withBaton<T>(options: OpenOptions, use: (baton: Baton) => Promise<T>): Promise<T> {
  const { store, connectTimeout, maxBody, notes, verbose = false } = options;
  const baton = await connect(store, {
    ...(connectTimeout === undefined ? {} : { connectTimeout }),
    ...(maxBody === undefined ? {} : { maxBodyBytes: maxBody }),
  });
  if (verbose) notes.say("baton: connected", { event: "connected" });
  let lostAt: number | undefined;
  const unwatch = baton.onAvailability((error) => {
    if (error !== undefined && lostAt === undefined) {
      lostAt = performance.now();
      notes.say(`baton: store lost: ${error.message}; waiting`, { event: "store-lost", message: error.message });
    } else if (error === undefined && lostAt !== undefined) {
      const seconds = ((performance.now() - lostAt) / 1000).toFixed(1);
      lostAt = undefined;
      notes.say(`baton: store back after ${seconds} s`, { event: "store-back", seconds: Number(seconds) });
    }
  });
  try {
    return await use(baton);
  } finally {
    unwatch();
    await baton.close();
  }
}
