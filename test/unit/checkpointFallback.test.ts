/** A checkpoint that cannot be read when a task is restored: the JobMaster goes back to the one before, once, and for good. */
import assert from "node:assert/strict";
import { RecoveredJobFold } from "../../simulator/core/recoveredJob";
import { createJobMaster, stepJobMaster } from "../../simulator/core/jobMaster";
import type { JobMasterCommand, JobMasterInput } from "../../simulator/core/jobMasterState";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import type { Cause, JournalEventBody } from "../../simulator/observe/journalEvent";

const TASKS = ["numbers#0", "out#0"] as const;
const DAMAGED: Cause = { code: "FL2007", message: "The state file of out#0 cannot be read: its content has changed." };

class Master {
  readonly events: JournalEventBody[] = [];
  readonly commands: JobMasterCommand[] = [];
  private nowMs = 0;
  private readonly state;

  constructor(retained: number) {
    const { job } = parseJobFile(
      JSON.stringify({
        name: "fallback",
        runtime: { parallelism: 1, taskManagers: 1, slots: 1, checkpointing: { interval: "1s", retained }, restartStrategy: { type: "fixed-delay", attempts: 9, delay: "0ms" } },
        operators: { numbers: { type: "source", connector: "generator" }, out: { type: "sink", connector: "blackhole", chaining: "HEAD" } },
        edges: [{ from: "numbers", to: "out" }],
      }),
      "/job.faultline.json",
    );
    assert.ok(job !== undefined);
    this.state = createJobMaster(job, 1);
    this.step({ kind: "start" });
    this.step({ kind: "workerConnected", process: "taskmanager:0", role: "taskmanager", pid: 1, dataAddress: "d" });
    this.run();
  }

  step(input: JobMasterInput): void {
    const { commands, events } = stepJobMaster(this.state, input, ++this.nowMs);
    this.events.push(...events);
    this.commands.push(...commands);
  }

  say(task: string, state: "INITIALIZING" | "RUNNING" | "FAILED" | "CANCELED", cause?: Cause): void {
    this.step({ kind: "taskState", task, attempt: this.state.tasks.get(task)?.attempt ?? -1, state, ...(cause === undefined ? {} : { cause }) });
  }

  run(): void {
    for (const task of TASKS) this.say(task, "INITIALIZING");
    for (const task of TASKS) this.say(task, "RUNNING");
  }

  /** The periodic checkpoint, to its end. */
  checkpoint(): number {
    this.step({ kind: "timer", timer: "checkpoint" });
    const { checkpoint } = this.events.findLast((event) => event.kind === "checkpoint.triggered") as { checkpoint: number };
    for (const task of TASKS) {
      const handle = { path: `checkpoints/chk-${checkpoint}/${task}`, bytes: 1, sha256: "" };
      this.step({ kind: "checkpointAck", checkpoint, task, attempt: this.state.tasks.get(task)?.attempt ?? -1, handle, alignmentMs: 0 });
    }
    this.step({ kind: "checkpointStored", checkpoint, bytes: 1, path: `checkpoints/chk-${checkpoint}` });
    return checkpoint;
  }

  /** A task fails while it runs; the others are cancelled and all are deployed again. */
  restart(): void {
    this.say("numbers#0", "FAILED", { code: "FL2003", message: "broken" });
    this.say("out#0", "CANCELED");
  }

  damaged(): readonly number[] {
    return this.events.flatMap((event) => (event.kind === "checkpoint.damaged" ? [event.checkpoint] : []));
  }

  discarded(): readonly number[] {
    return this.commands.flatMap((command) => (command.kind === "discardCheckpoint" ? [command.checkpoint] : []));
  }

  /** Of the two tasks, in their latest deployment. */
  restoredFrom(): readonly (number | undefined)[] {
    return this.commands.flatMap((command) => (command.kind === "deploy" ? command.deployments.map(({ restore }) => restore?.checkpoint) : [])).slice(-2);
  }
}

describe("a checkpoint that cannot be read", () => {
  it("is gone back behind, said in the journal, deleted, and the failover names the one before", () => {
    const master = new Master(2);
    const [first, second] = [master.checkpoint(), master.checkpoint()];
    master.restart();
    assert.deepEqual(master.restoredFrom(), [second, second]);
    master.say("out#0", "INITIALIZING");
    master.say("out#0", "FAILED", DAMAGED);
    assert.deepEqual(master.damaged(), [second]);
    assert.ok(master.discarded().includes(second), "repaired later, it must not come back: sinks have taken back what it committed");
    const failover = master.events.findLast((event) => event.kind === "failover");
    assert.equal(failover?.kind === "failover" ? failover.restoredCheckpoint : undefined, first);
    master.say("numbers#0", "CANCELED");
    assert.deepEqual(master.restoredFrom(), [first, first]);
    master.run();
    assert.ok(master.checkpoint() > second, "numbers are not given twice");
  });

  it("said by two tasks of the same restart, one checkpoint is given up and not two", () => {
    const master = new Master(3);
    const [, second, third] = [master.checkpoint(), master.checkpoint(), master.checkpoint()];
    master.restart();
    master.say("out#0", "FAILED", DAMAGED);
    master.say("numbers#0", "FAILED", DAMAGED);
    assert.deepEqual(master.damaged(), [third]);
    assert.deepEqual(master.restoredFrom(), [second, second]);
  });

  it("with none before it, is tried again and again: the job never begins anew by itself", () => {
    const master = new Master(1);
    const only = master.checkpoint();
    for (let time = 0; time < 3; time++) {
      if (time === 0) master.restart();
      else {
        master.say("out#0", "FAILED", DAMAGED);
        master.say("numbers#0", "CANCELED");
      }
      assert.deepEqual(master.restoredFrom(), [only, only]);
    }
    assert.deepEqual(master.damaged(), []);
  });

  it("is not given up for the same code from a task that runs: that is of a savepoint or a sink", () => {
    const master = new Master(2);
    const [, second] = [master.checkpoint(), master.checkpoint()];
    master.restart();
    master.run();
    master.say("out#0", "FAILED", DAMAGED);
    master.say("numbers#0", "CANCELED");
    assert.deepEqual(master.damaged(), []);
    assert.deepEqual(master.restoredFrom(), [second, second]);
  });

  it("that stopped the job with a savepoint is not gone back behind: no record after it may count", () => {
    const master = new Master(2);
    master.checkpoint();
    master.step({ kind: "savepoint", savepoint: { request: "s", directory: "/s", stop: true } });
    const { checkpoint } = master.events.findLast((event) => event.kind === "checkpoint.triggered") as { checkpoint: number };
    for (const task of TASKS) {
      const handle = { path: `checkpoints/chk-${checkpoint}/${task}`, bytes: 1, sha256: "" };
      master.step({ kind: "checkpointAck", checkpoint, task, attempt: 0, handle, alignmentMs: 0 });
    }
    master.step({ kind: "checkpointStored", checkpoint, bytes: 1, path: `checkpoints/chk-${checkpoint}` });
    master.restart();
    assert.deepEqual(master.restoredFrom(), [checkpoint, checkpoint]);
    master.say("out#0", "FAILED", DAMAGED);
    master.say("numbers#0", "CANCELED");
    assert.deepEqual(master.restoredFrom(), [checkpoint, checkpoint]);
    assert.deepEqual(master.damaged(), []);
  });
});

describe("a checkpoint that was gone back behind, for the coordinator that takes over", () => {
  const onDisk = [1, 2, 3].map((checkpoint) => ({ checkpoint, final: false, handles: new Map(), sourceOffsets: new Map() }));
  const damaged = (checkpoint: number): JournalEventBody => ({ kind: "checkpoint.damaged", checkpoint, path: `checkpoints/chk-${checkpoint}`, cause: DAMAGED });
  const restorable = (...events: readonly JournalEventBody[]): readonly number[] => {
    const fold = new RecoveredJobFold();
    for (const event of events) fold.observe(event);
    return fold.result({ completed: onDisk, nextCheckpoint: 4 }).completed.map(({ checkpoint }) => checkpoint);
  };

  it("is not restored, although it was not deleted and can be read again", () => {
    assert.deepEqual(restorable(damaged(3)), [1, 2]);
    assert.deepEqual(restorable({ kind: "coordinator.recovered", pid: 1, fromCheckpoint: 2 }, damaged(3)), [1, 2]);
    assert.deepEqual(restorable({ kind: "coordinator.recovered", pid: 1, fromCheckpoint: undefined }, damaged(2), damaged(3)), [1]);
  });

  it("is one among others when it was older than the one restored: nothing went back behind it", () => {
    assert.deepEqual(restorable({ kind: "coordinator.recovered", pid: 1, fromCheckpoint: 3 }, damaged(1)), [1, 2, 3]);
  });
});
