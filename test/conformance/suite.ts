import { after, before, describe, it } from "node:test";
import type { Store } from "../../src/store/store.ts";
import { Bench } from "./bench.ts";
import type { Claim } from "./claim.ts";
import { closeCases } from "./close.ts";
import { countsCases } from "./counts.ts";
import { healCases } from "./exchange-heal.ts";
import { receiveCases } from "./exchange-receive.ts";
import { settleCases } from "./exchange-settle.ts";
import { extendCases } from "./extend.ts";
import { getCases } from "./get.ts";
import type { Harness, StoreFactory } from "./harness.ts";
import { inspectCases } from "./inspect.ts";
import { integrityCases } from "./integrity.ts";
import { listCases } from "./list.ts";
import { orderCases } from "./order.ts";
import { queuesCases } from "./queues.ts";
import { raceCases } from "./races.ts";
import { sendCases } from "./send.ts";
import { waitCases } from "./wait.ts";

const GROUPS: Readonly<Record<string, (claim: Claim) => void>> = {
  send: sendCases,
  "exchange, receiving": receiveCases,
  "exchange, settling": settleCases,
  "exchange, healing": healCases,
  extend: extendCases,
  wait: waitCases,
  get: getCases,
  list: listCases,
  counts: countsCases,
  queues: queuesCases,
  inspect: inspectCases,
  close: closeCases,
  order: orderCases,
  integrity: integrityCases,
  races: raceCases,
};

/**
 * States what every engine must do, as tests: each case is registered for each engine, and those an engine can't run are
 * skipped with a reason, so the number of cases is the same for all.
 */
export function conformance(engine: string, factory: StoreFactory): void {
  describe(`conformance: ${engine}`, () => {
    let harness: Harness | undefined;
    let second: Promise<Store> | undefined;
    const names = new Set<string>();
    let skipped = 0;

    const open = (): Harness => {
      if (harness === undefined) throw new Error("The store could not be opened.");
      return harness;
    };
    const other = (): Promise<Store> => {
      const { another } = open();
      if (another === undefined) throw new Error('The case needs "another".');
      second ??= another();
      return second;
    };

    before(async () => {
      if (factory.missing === undefined) harness = await factory.open();
    });
    after(async () => {
      await harness?.close();
      console.log(`conformance ${engine}: ${names.size} cases, ${skipped} skipped`);
    });

    for (const [group, cases] of Object.entries(GROUPS)) {
      describe(group, () => {
        cases((name, run, ...needs) => {
          if (names.has(name)) throw new Error(`Two cases have the name "${name}".`);
          names.add(name);
          const queue = `q${names.size}`;
          const lacked = needs.map((need) => factory.lacks?.[need]).find((reason) => reason !== undefined);
          const skip = factory.missing ?? factory.skips?.[name] ?? lacked;
          if (skip !== undefined) skipped += 1;
          it(name, { skip: skip ?? false }, async () => {
            const bench = new Bench(open(), queue, other, () => factory.open());
            try {
              await run(bench);
            } finally {
              await bench.close();
            }
          });
        });
      });
    }

    for (const name of Object.keys(factory.skips ?? {})) {
      if (!names.has(name)) throw new Error(`${engine} skips "${name}", which is not a case.`);
    }
  });
}
