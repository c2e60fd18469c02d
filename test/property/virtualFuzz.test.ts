import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "mocha";
import { parseFuzzCase } from "../../simulator/virtual/fuzzCaseText";
import { fuzzCase, runFuzzCase } from "../../simulator/virtual/fuzzSeed";
import { CORE_MUTATIONS } from "../fuzz/coreMutations";
import { catchMutation, keptSchedule, notices, SCHEDULES } from "../fuzz/mutationTable";

const SEEDS = 500;
const EACH = 100;

describe("random jobs under random faults, in virtual time", () => {
  for (let from = 1; from <= SEEDS; from += EACH) {
    it(`seeds ${from} to ${from + EACH - 1} break no rule`, () => {
      let faults = 0;
      for (let seed = from; seed < from + EACH; seed++) {
        const { violation, faults: injected } = runFuzzCase(fuzzCase(seed));
        assert.equal(
          violation,
          undefined,
          `seed ${seed}: ${violation?.message}; again: npm run fuzz -- --seed ${seed}`,
        );
        faults += injected;
      }
      assert.ok(faults > EACH, `only ${faults} faults happened`);
    });
  }
});

describe("random jobs without faults", () => {
  it("no job overloads its services by itself and restarts for ever", () => {
    // Three rpc operators, nine subtasks: 288 calls at once of one instance.
    const { violation, faults, world } = runFuzzCase(fuzzCase(3499));
    assert.equal(violation, undefined, violation?.message);
    assert.equal(faults, 0);
    const events = world.journal.events;
    assert.ok(events.some(({ kind }) => kind === "service.endpoints"));
    assert.deepEqual(events.filter(({ kind }) => kind === "client.retry" || kind === "failure"), []);
  });
});

describe("schedules that were kept", () => {
  for (const file of readdirSync(SCHEDULES)) {
    it(`${file} breaks no rule`, () => {
      const { violation } = runFuzzCase(parseFuzzCase(readFileSync(join(SCHEDULES, file), "utf8")));
      assert.equal(
        violation,
        undefined,
        `${violation?.message}; again: npm run fuzz -- --replay test/fixtures/schedules/${file}`,
      );
    });
  }
});

describe("rules of the JobMaster, broken on purpose", () => {
  for (const mutation of CORE_MUTATIONS) {
    it(`noticed: ${mutation.name}`, async () => {
      const kept = keptSchedule(mutation);
      if (kept !== undefined && (await notices(kept, mutation))) return;
      // The order of events has changed since the schedule was kept: look for another one.
      const { seed } = await catchMutation(mutation, 2_000);
      assert.ok(seed !== undefined, "no seed notices; see npm run fuzz -- --mutations");
    });
  }
});
