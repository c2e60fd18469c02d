import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "mocha";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { journalDigest, journalText } from "../fixtures/journalDigest";

// 12 and 160 change the number of instances, and leave some out.
const SEEDS = [3, 7, 12, 28, 55, 160];
const SCRIPT = join(__dirname, "..", "fixtures", "journalDigest.ts");

describe("the same seed gives the same journal, byte for byte", () => {
  it("twice in one process", () => {
    const text = journalText(7, 0);
    assert.ok(text.split("\n").length > 50, "the seed does hardly anything");
    assert.equal(journalText(7, 0), text);
    assert.notEqual(journalText(8, 0), text);
  });

  for (const settings of [
    { TZ: "Pacific/Apia", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
    { TZ: "America/St_Johns", LANG: "C", LC_ALL: "C" },
  ]) {
    it(`in another process with TZ=${settings.TZ} and LANG=${settings.LANG}`, () => {
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        ["--require", "tsx/cjs", SCRIPT, ...SEEDS.map(String)],
        {
          env: { ...process.env, ...settings },
          encoding: "utf8",
        },
      );
      assert.equal(status, 0, stderr);
      assert.equal(stdout, journalDigest(SEEDS, 0));
    });
  }

  it("on another day, but for the day", () => {
    // Whole milliseconds that doubles hold exactly, so that only the beginning differs.
    const leapDay = Date.UTC(2028, 1, 29, 23, 59, 59);
    for (const seed of SEEDS) {
      const events = journalText(seed, leapDay).trim().split("\n");
      const shifted = events.map((line) => {
        const event = JSON.parse(line) as JournalEvent;
        return JSON.stringify({ ...event, at: Math.round((event.at - leapDay) * 1000) / 1000 });
      });
      assert.equal(`${shifted.join("\n")}\n`, journalText(seed, 0));
    }
  });
});
