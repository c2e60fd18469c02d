/** When the faults of a schedule come: at a record, a checkpoint, an event, after a time, at random; each once, and the same again from a seed. */
import assert from "node:assert/strict";
import { FaultScheduler } from "../../simulator/client/faultScheduler";
import type { Run } from "../../simulator/client/run";
import type { FaultTrigger, ScheduledFault } from "../../simulator/faults/experiment";
import { FaultlineError } from "../../simulator/graph/errors";
import type { JournalEventBody } from "../../simulator/observe/journalEvent";

type Injection = Parameters<Run["inject"]>[0];

class Schedule {
  readonly injected: Injection[] = [];
  readonly scheduler: FaultScheduler;
  private readonly waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  private seq = 0;

  constructor(triggers: readonly FaultTrigger[], { target = "taskmanager:0", refuse = 0, gate }: { target?: string; refuse?: number; gate?: () => string | undefined } = {}) {
    let refusals = refuse;
    const run: Pick<Run, "inject"> = {
      inject: async (injection) => {
        if (refusals-- > 0) return Promise.reject(FaultlineError.of("FL1033", "It has no process at the moment."));
        this.injected.push(injection);
        for (const { count, resolve } of this.waiting) if (this.injected.length >= count) resolve();
        return Promise.resolve();
      },
    };
    const faults = triggers.map((trigger): ScheduledFault => ({ fault: "crash", target, parameters: {}, trigger, location: undefined }));
    this.scheduler = new FaultScheduler(run, faults, gate);
  }

  see(body: JournalEventBody): void {
    this.scheduler.observe({ ...body, seq: this.seq++, at: this.seq });
  }

  running(): void {
    this.see({ kind: "job.state", from: "CREATED", to: "RUNNING" });
  }

  sources(...offsets: number[]): void {
    const tasks = Object.fromEntries(offsets.map((sourceOffset, index) => [`texts#${index}`, { recordsIn: 0, recordsOut: 0, sourceOffset }]));
    this.see({ kind: "metrics", intervalMs: 250, process: "taskmanager:0", rssBytes: 1, tasks } as unknown as JournalEventBody);
  }

  checkpoint(checkpoint: number): void {
    this.see({ kind: "checkpoint.completed", checkpoint, durationMs: 1, bytes: 1, path: "", alignmentMs: 0, sourceOffsets: {} });
  }

  async until(count: number): Promise<void> {
    if (this.injected.length < count) await new Promise<void>((resolve) => this.waiting.push({ count, resolve }));
  }
}

describe("the schedule of an experiment", () => {
  it("at a record: when all sources together have emitted so many, once", () => {
    const schedule = new Schedule([{ kind: "record", record: 1000 }]);
    schedule.running();
    schedule.sources(400, 500);
    assert.equal(schedule.injected.length, 0);
    schedule.sources(500, 500);
    schedule.sources(900, 900);
    assert.equal(schedule.injected.length, 1);
    assert.deepEqual(schedule.injected[0], { fault: "crash", target: "taskmanager:0", parameters: {}, by: "schedule" });
  });

  it("at a checkpoint: that one, or a later one when that one never completed", () => {
    const schedule = new Schedule([{ kind: "checkpoint", checkpoint: 3 }]);
    schedule.checkpoint(1);
    schedule.checkpoint(2);
    assert.equal(schedule.injected.length, 0);
    schedule.checkpoint(4);
    schedule.checkpoint(5);
    assert.equal(schedule.injected.length, 1);
  });

  it("on an event whose fields are as said: when service:langid#1 is LOADING, and not when another is", () => {
    const schedule = new Schedule([{ kind: "event", event: "instance.phase", where: { instance: "langid#1", phase: "LOADING" } }]);
    const phase = (instance: string, to: "STARTING" | "LOADING"): void => schedule.see({ kind: "instance.phase", instance, attempt: 0, phase: to });
    phase("langid#0", "LOADING");
    phase("langid#1", "STARTING");
    assert.equal(schedule.injected.length, 0);
    phase("langid#1", "LOADING");
    phase("langid#1", "LOADING");
    assert.equal(schedule.injected.length, 1);
  });

  it("after a time from RUNNING, and not before the job runs", async () => {
    const schedule = new Schedule([{ kind: "after", delayMs: 5 }]);
    schedule.sources(1);
    assert.equal(schedule.injected.length, 0);
    schedule.running();
    await schedule.until(1);
    schedule.running();
    assert.equal(schedule.injected.length, 1);
  });

  it("at random: the same seed picks the same of several targets in the same order, another seed others", async () => {
    const picks = async (seed: number): Promise<readonly (number | undefined)[]> => {
      const schedule = new Schedule([{ kind: "random", count: 6, meanMs: 1, seed }], { target: "service:langid#*" });
      schedule.running();
      await schedule.until(6);
      return schedule.injected.map(({ pick }) => pick);
    };
    const first = await picks(7);
    assert.deepEqual(await picks(7), first);
    assert.notDeepEqual(await picks(8), first);
    assert.ok(first.every((pick) => pick !== undefined && pick >= 0 && pick < 1));
  });

  it("a target that is just being started again is hit as soon as it is there", async () => {
    const schedule = new Schedule([{ kind: "checkpoint", checkpoint: 1 }], { refuse: 2 });
    schedule.checkpoint(1);
    await schedule.until(1);
    assert.deepEqual(schedule.scheduler.problems, []);
  });

  it("a gate that does not hold lets no fault through, and says why", async () => {
    const schedule = new Schedule([{ kind: "checkpoint", checkpoint: 1 }, { kind: "record", record: 1 }], { gate: () => "calls were slow before" });
    schedule.checkpoint(1);
    schedule.sources(10);
    await Promise.resolve();
    assert.equal(schedule.injected.length, 0);
    assert.deepEqual(schedule.scheduler.problems.map(({ message }) => message), ["calls were slow before"]);
  });

  it("once the run is over nothing more comes", async () => {
    const schedule = new Schedule([{ kind: "after", delayMs: 1 }, { kind: "checkpoint", checkpoint: 1 }]);
    schedule.running();
    schedule.scheduler.end();
    schedule.checkpoint(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(schedule.injected.length, 0);
  });
});
