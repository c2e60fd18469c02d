import { strict as assert } from "node:assert";
import colors from "picocolors";
import { countText, durationText, shareText, subtasksText } from "../../simulator/observe/figureText";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { verdict } from "../../simulator/observe/reportSentences";
import { reportText } from "../../simulator/observe/reportText";
import type { OutputVerification, RunReport } from "../../simulator/observe/runReport";
import { SampleRun } from "./observeSampleRun";

const counted = (lost = 0, duplicated = 0): OutputVerification => ({
  in: 9800,
  out: 9800 - lost + duplicated,
  expected: 9800,
  lost,
  duplicated,
  sinks: [
    {
      sink: "every-message",
      method: "identity",
      expected: 9800,
      committed: 9800 - lost + duplicated,
      lost,
      duplicated,
      examples: { lost: lost > 0 ? ["17"] : [], duplicated: duplicated > 0 ? ["4"] : [] },
    },
  ],
});

function killedInstance(verification?: OutputVerification): RunReport {
  const run = new SampleRun().start();
  run.killInstance(10_000, "langid#1");
  return reportOf(run.checkpoints(1000, 20_000, 1000).metrics(600, 20_000).end(20_000).events(), { verification });
}

describe("report on the terminal", () => {
  it("tells a killed instance in sentences", () => {
    const text = reportText(killedInstance(counted()));
    for (const sentence of [
      "1 fault: 1 service instance restarted, no stream task did; no record was lost or duplicated.",
      "1. crash of service:langid#1, 10 s into the run",
      "Noticed after 9 ms: the process of service:langid#1 was ended by SIGKILL.",
      "Restarted: langid#1. Not restarted: all 6 stream tasks and 1 other service instance.",
      "langid#1 served again after 251 ms; its cold start took 233 ms (233 ms at the run's start).",
      "8 calls retried.",
    ]) {
      assert.ok(text.includes(sentence), `${sentence}\n is not in\n${text}`);
    }
    assert.match(text, /^Records +9,800 in +9,800 out +0 lost +0 duplicated +950\/s$/m);
  });

  it("tells a killed TaskManager", () => {
    const run = new SampleRun().start();
    run.checkpoints(1000, 10_000, 1000);
    run.killTaskManager(10_000, "taskmanager:1");
    const text = reportText(reportOf(run.metrics(600, 20_000).end(20_000).events(), { verification: counted() }));
    assert.match(text, /all 6 stream tasks restarted, the service instances ran on; no record was lost/);
    assert.match(text, /Restarted: 6 stream tasks \(messages#0–1, classify#0–1, per-language#0–1\)/);
    assert.match(text, /All of it ran again after 377 ms, from checkpoint 9\./);
    assert.match(text, /420 records replayed\. Throughput fell by \d+ % and was back after/);
  });

  it("puts loss and duplication into the first sentence, with examples below", () => {
    const report = killedInstance(counted(3, 1));
    assert.match(verdict(report), /3 records were lost and 1 duplicated\.$/);
    const text = reportText(report);
    assert.match(text, /Sink every-message: 3 lost, 1 duplicated of 9,800\. Lost: 17\. Duplicated: 4\./);
    assert.match(verdict(killedInstance(counted(1))), /1 record was lost, none duplicated/);
    assert.match(verdict(killedInstance(counted(0, 2))), /2 records were duplicated, none lost/);
    assert.match(verdict(killedInstance()), /could not be counted/);
  });

  it("tells a failed job by its cause", () => {
    const run = new SampleRun().start();
    run.at(5000, {
      kind: "run.ended",
      state: "FAILED",
      cause: { code: "FL2004", message: "ngrams failed on record 17", hint: "See ngrams.ts:4:3." },
    });
    const text = reportText(reportOf(run.events()));
    assert.match(text, /The job failed: ngrams failed on record 17\. Loss/);
    assert.match(text, /See ngrams\.ts:4:3\./);
  });

  it("keeps to the width, with and without colours", () => {
    const report = killedInstance(counted(3, 1));
    for (const columns of [20, 80, 100, 120, 400]) {
      for (const line of reportText(report, { columns }).split("\n"))
        assert.ok(line.length <= Math.min(Math.max(80, columns), 120), `${columns}: ${line}`);
    }
    const painted = reportText(report, { paint: colors.createColors(true) });
    assert.ok(painted.includes("\u001b["));

    assert.equal(painted.replace(/\u001b\[\d+m/g, "").replace(/ +$/gm, ""), reportText(report));
  });

  it("lets nothing from outside steer the terminal", () => {
    const run = new SampleRun({ name: "job\u001b[2J\r\nname\u202e" }).start();
    run.inject(2000, "crash\u001b]0;x\u0007", "service:langid#1\n\nReport: fine", "gone");
    const text = reportText(reportOf(run.end(5000).events()));

    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.match(text, /^job \[2J name/);
    assert.doesNotMatch(text, /^Report: fine/m);
  });
});

describe("figures as text", () => {
  it("writes durations", () => {
    const expected: [number, string][] = [
      [0, "0 ms"],
      [0.004, "0 ms"],
      [0.5, "0.5 ms"],
      [1.04, "1 ms"],
      [9.94, "9.9 ms"],
      [9.96, "10 ms"],
      [999.4, "999 ms"],
      [999.6, "1 s"],
      [1234, "1.23 s"],
      [12_345, "12.3 s"],
      [59_960, "1 min"],
      [125_000, "2 min 5 s"],
      [3_600_000, "1 h"],
      [11_040_000, "3 h 4 min"],
    ];
    for (const [ms, text] of expected) assert.equal(durationText(ms), text);
  });

  it("writes counts, shares and names of subtasks", () => {
    assert.equal(countText(1_234_567), "1,234,567");
    assert.equal(countText(950.05), "950");
    assert.equal(countText(12.34), "12.3");
    assert.equal(countText(0.126), "0.13");
    assert.equal(countText(-1234), "-1,234");
    assert.equal(shareText(0.126), "13 %");
    assert.equal(shareText(0.004), "0.4 %");
    assert.equal(shareText(0), "0 %");
    assert.equal(subtasksText(["a#0", "a#2", "a#1", "b#7", "c", "a#9"]), "a#0–2, a#9, b#7, c");
    assert.equal(subtasksText(["a#0", "b#0", "c#0"], 2), "a#0, b#0 and 1 more");
  });
});
