import assert from "node:assert/strict";
import { MetricsHistory } from "../../webview/model/runModel";

interface Kept {
  readonly at: number;
  readonly intervalMs: number;
  readonly metrics: { readonly number: number };
}

describe("metrics that the view keeps", () => {
  it("has those of every moment, and none where the newest before it are stale", () => {
    const history = new MetricsHistory<Kept["metrics"]>();
    const all: Kept[] = [];
    let at = 1000;
    for (let number = 0; number < 2000; number++) {
      // Now and then nothing comes for a while.
      at += number % 97 === 0 ? 5000 : 150 + (number % 7) * 25;
      const intervalMs = number % 5 === 0 ? 400 : 200;
      all.push({ at, intervalMs, metrics: { number } });
      history.add("map#0", at, intervalMs, { number });
    }
    for (let moment = 900; moment < at + 3000; moment += 61) {
      const newest = all.findLast((one) => one.at <= moment);
      const fresh = newest !== undefined && moment - newest.at <= Math.max(1000, newest.intervalMs * 4);
      assert.deepEqual(history.at("map#0", moment), fresh ? newest : undefined, `at ${moment}`);
    }
    assert.equal(history.at("map#1", at), undefined);
  });

  it("lets every second one of the older half go when there are too many, and never the newest", () => {
    const history = new MetricsHistory<Kept["metrics"]>();
    const [count, most] = [130_000, 120_000];
    for (let number = 0; number < count; number++)
      for (const task of ["map#0", "map#1"]) history.add(task, number * 10, 200, { number });
    const numberAt = (task: string, number: number): number | undefined =>
      history.at(task, number * 10)?.metrics.number;
    let missing = 0;
    for (let number = 0; number < count; number++) {
      const kept = numberAt("map#1", number);
      assert.ok(kept === number || kept === number - 1, `${kept} at ${number}`);
      if (kept === number) continue;
      missing++;
      assert.ok(number < most / 2, "only old ones went");
    }
    assert.equal(missing, Math.floor((most + 1) / 4));
    assert.equal(numberAt("map#0", count - 1), count - 1);
  });
});
