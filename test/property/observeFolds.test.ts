import { strict as assert } from "node:assert";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { applyEvent } from "../../simulator/observe/applyEvent";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { readJournal } from "../../simulator/observe/journalReader";
import { JournalWriter } from "../../simulator/observe/journalWriter";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { reportHtml } from "../../simulator/observe/reportHtml";
import { reportText } from "../../simulator/observe/reportText";
import { initialRunState, restore, snapshot } from "../../simulator/observe/runState";
import { traceExport } from "../../simulator/observe/traceExport";
import { SampleRun } from "../unit/observeSampleRun";

type Step = {
  readonly kind: "instance" | "taskmanager" | "slow";
  readonly afterMs: number;
  readonly index: number;
  readonly injected: boolean;
};

/** A run with faults one after the other and over one another. */
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom("instance" as const, "taskmanager" as const, "slow" as const),
    afterMs: fc.integer({ min: 0, max: 3000 }),
    index: fc.integer({ min: 0, max: 1 }),
    injected: fc.boolean(),
  }),
  { maxLength: 6 },
);

function journalOf(list: readonly Step[]): JournalEvent[] {
  const run = new SampleRun().start();
  let at = 3_000;
  for (const { kind, afterMs, index, injected } of list) {
    at += afterMs;
    if (kind === "instance") run.killInstance(at, `langid#${index}`, injected);
    else if (kind === "taskmanager") run.killTaskManager(at, `taskmanager:${index}`, 200, injected);
    else run.inject(at, "slow-inference", `service:langid#${index}`, "slower");
  }
  return run
    .metrics(600, at + 4_000)
    .checkpoints(1_000, at, 1_000)
    .end(at + 4_000)
    .events();
}

describe("folds over any journal", () => {
  it("report as many disturbances as there were faults and failures, none recovered before it was noticed", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const report = reportOf(journalOf(list));
        const injected = list.filter((step) => step.injected || step.kind === "slow").length;
        assert.equal(report.injected, injected);
        assert.ok(report.failures.length >= injected);
        assert.ok(report.failures.length <= list.length, `${report.failures.length} of ${list.length}`);
        for (const failure of report.failures) {
          const { detectedAfterMs, recoveredAfterMs } = failure;
          if (detectedAfterMs !== null && recoveredAfterMs !== null)
            assert.ok(recoveredAfterMs >= detectedAfterMs, JSON.stringify(failure));
          assert.ok(failure.untouchedTasks + failure.restartedTasks.length <= report.run.streamTasks);
          if (failure.dip !== null)
            assert.ok(failure.dip.depth >= 0 && failure.dip.depth <= 1, JSON.stringify(failure.dip));
          const times = failure.phases.map((phase) => phase.afterMs);
          assert.deepEqual(
            times,
            times.toSorted((a, b) => a - b),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it("break at nothing that is left out, cut off or out of order", () => {
    fc.assert(
      fc.property(
        steps,
        fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (list, dice, cutAt) => {
          const whole = journalOf(list);
          const events = whole
            .slice(0, Math.ceil(whole.length * cutAt))
            .filter(() => (dice.next().value as number) > 1);
          if ((dice.next().value as number) > 5) events.reverse();
          const report = reportOf(events);
          assert.ok(reportHtml(events, report).length > 0);
          assert.ok(reportText(report).length > 0);
          assert.ok(traceExport(events).traceEvents.length > 0);
          JSON.parse(JSON.stringify(report));
          events.reduce(applyEvent, initialRunState());
        },
      ),
      { numRuns: 60 },
    );
  });

  it("go on from a snapshot at any event to the same state", () => {
    fc.assert(
      fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), (list, share) => {
        const events = journalOf(list);
        const at = Math.floor(events.length * share);
        const straight = events.reduce(applyEvent, initialRunState());
        const half = events.slice(0, at).reduce(applyEvent, initialRunState());
        const resumed = events
          .slice(at)
          .reduce(applyEvent, restore(JSON.parse(JSON.stringify(snapshot(half))) as ReturnType<typeof snapshot>));
        const text = (state: typeof straight): unknown => JSON.parse(JSON.stringify(snapshot(state)));
        assert.deepEqual(text(resumed), text(straight));
      }),
      { numRuns: 60 },
    );
  });
});

describe("a journal cut off anywhere", () => {
  it("is taken up again after its last whole line, with nothing of it lost and nothing torn left", async () => {
    const made = journalOf([{ kind: "instance", afterMs: 0, index: 1, injected: true }]).slice(0, 60);
    const events = JSON.parse(JSON.stringify(made)) as JournalEvent[];
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), async (share, zeros) => {
        const directory = fs.mkdtempSync(join(tmpdir(), "faultline-cut-"));
        try {
          const file = join(directory, "journal.ndjson");
          const text = Buffer.from(events.map((event) => JSON.stringify(event) + "\n").join(""));
          const cut = Math.floor(text.length * share);
          fs.writeFileSync(file, Buffer.concat([text.subarray(0, cut), Buffer.alloc(zeros ? 100 : 0)]));
          const whole = text.subarray(0, cut).toString("utf8").split("\n");
          // A line that lacks its line feed alone is whole, unless zeros follow it.
          const last = whole.at(-1) ?? "";
          const good =
            whole.length - 1 + (!zeros && last !== "" && last === JSON.stringify(events[whole.length - 1]) ? 1 : 0);
          const writer = await JournalWriter.open(directory, { recover: true });
          assert.equal(writer.nextSeq, good);
          if (good > 0) writer.append({ kind: "coordinator.recovered", pid: 1 });
          await writer.close();
          const read: JournalEvent[] = [];
          for await (const event of readJournal(file)) read.push(event);
          assert.deepEqual(read.slice(0, good), events.slice(0, good));
          assert.equal(read.length, good > 0 ? good + 1 : 0);
        } finally {
          fs.rmSync(directory, { recursive: true, force: true });
        }
      }),
      { numRuns: 150 },
    );
  });
});
