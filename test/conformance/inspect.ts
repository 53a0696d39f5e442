import assert from "node:assert/strict";
import { LONG } from "./bench.ts";
import type { Claim } from "./claim.ts";

export function inspectCases(claim: Claim): void {
  claim("a store tells what it is, where it is and what survives", async (bench) => {
    const { engine, version, location, durability, warnings } = await bench.store.inspect();
    assert(["sqlite", "redis"].includes(engine));
    assert.match(version, /\d+\.\d+/);
    assert.notEqual(location, "");
    assert.match(durability, /\w+ \w+/);
    assert(warnings.every((warning) => /\w+ \w+/.test(warning)));
  });

  claim("inspecting changes nothing", async (bench) => {
    await bench.sendAll([{}, { delay: LONG }, {}]);
    await bench.takeOne();
    const before = await bench.everything();
    const queues = await bench.store.queues();
    await bench.store.inspect();
    assert.deepEqual(await bench.everything(), before);
    assert.deepEqual(await bench.store.queues(), queues);
  });

  claim("nobody is told of a loss while the store is there", async (bench) => {
    const told: unknown[] = [];
    const stop = bench.store.onAvailability((lost) => told.push(lost));
    await bench.sendMany(10);
    await bench.take({ max: 10 });
    stop();
    stop();
    assert.deepEqual(told, []);
  });
}
