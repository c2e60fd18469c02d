/** What the JobMaster does with savepoints: when it takes them, what comes of them when something fails, and how they end a job. */
import assert from "node:assert/strict";
import { createJobMaster, stepJobMaster } from "../../simulator/core/jobMaster";
import type { JobMasterCommand, JobMasterInput } from "../../simulator/core/jobMasterState";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import type { JournalEventBody, JournalEventKind } from "../../simulator/observe/journalEvent";

const JOB = {
  name: "savepoints",
  runtime: {
    parallelism: 1,
    taskManagers: 1,
    slots: 1,
    checkpointing: { interval: "1s" },
    restartStrategy: { type: "fixed-delay", attempts: 9, delay: "0ms" },
  },
  operators: {
    numbers: { type: "source", connector: "generator" },
    out: { type: "sink", connector: "blackhole", chaining: "HEAD" },
  },
  edges: [{ from: "numbers", to: "out" }],
};
const TASKS = ["numbers#0", "out#0"] as const;

/** The JobMaster of a small job, with a TaskManager that does as it is told. */
class Master {
  readonly events: JournalEventBody[] = [];
  readonly commands: JobMasterCommand[] = [];
  private nowMs = 0;
  private readonly state;

  constructor() {
    const { job } = parseJobFile(JSON.stringify(JOB), "/job.faultline.json");
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

  get jobState(): string {
    return this.state.jobState;
  }

  /** Every task that was deployed says that it runs. */
  run(): void {
    for (const name of TASKS) {
      const task = this.state.tasks.get(name);
      assert.equal(task?.state, "DEPLOYING", name);
      this.step({ kind: "taskState", task: name, attempt: task.attempt, state: "INITIALIZING" });
      this.step({ kind: "taskState", task: name, attempt: task.attempt, state: "RUNNING" });
    }
  }

  each(state: "FINISHED" | "CANCELED", tasks: readonly string[] = TASKS): void {
    for (const task of tasks)
      this.step({ kind: "taskState", task, attempt: this.state.tasks.get(task)?.attempt ?? -1, state });
  }

  fail(task: string): void {
    this.step({
      kind: "taskState",
      task,
      attempt: this.state.tasks.get(task)?.attempt ?? -1,
      state: "FAILED",
      cause: { code: "FL2003", message: "broken" },
    });
  }

  acknowledge(checkpoint: number): void {
    for (const task of TASKS) {
      const handle = { path: `checkpoints/chk-${checkpoint}/${task}`, bytes: 1, sha256: "" };
      this.step({
        kind: "checkpointAck",
        checkpoint,
        task,
        attempt: this.state.tasks.get(task)?.attempt ?? -1,
        handle,
        alignmentMs: 0,
      });
    }
  }

  stored(checkpoint: number): void {
    this.step({ kind: "checkpointStored", checkpoint, bytes: 1, path: `checkpoints/chk-${checkpoint}` });
  }

  savepoint(request: string, stop = false): void {
    this.step({ kind: "savepoint", savepoint: { request, directory: `/${request}`, stop } });
  }

  of(kind: JournalEventKind): JournalEventBody[] {
    return this.events.filter((event) => event.kind === kind);
  }

  barriers(): (string | undefined)[] {
    return this.commands.flatMap((command) => (command.kind === "triggerBarriers" ? [command.savepoint] : []));
  }

  notified(): number[] {
    return this.commands.flatMap((command) =>
      command.kind === "notifyCheckpointComplete" ? [command.checkpoint] : [],
    );
  }

  restores(): (number | undefined)[] {
    return this.commands.flatMap((command) =>
      command.kind === "deploy" ? command.deployments.map(({ restore }) => restore?.checkpoint) : [],
    );
  }
}

describe("savepoints of the JobMaster", () => {
  it("waits for a pending checkpoint, has no effect on sinks, and is not gone back to", () => {
    const master = new Master();
    master.step({ kind: "triggerCheckpoint" });
    master.savepoint("a");
    master.savepoint("a");
    assert.deepEqual(master.barriers(), [undefined], "it waits");
    master.acknowledge(1);
    master.stored(1);
    assert.deepEqual(master.barriers(), [undefined, "go on"], "and is taken once");
    master.step({ kind: "triggerCheckpoint" });
    assert.equal(master.barriers().length, 2, "alone");
    master.acknowledge(2);
    master.stored(2);
    assert.deepEqual(master.notified(), [1]);
    assert.equal(master.of("savepoint.completed").length, 1);
    assert.ok(master.commands.some((command) => command.kind === "discardCheckpoint" && command.checkpoint === 2));
    master.fail("out#0");
    master.each("CANCELED", ["numbers#0"]);
    assert.deepEqual(master.restores().slice(2), [1, 1]);
  });

  it("a failure before it is complete makes it fail, and the job goes on", () => {
    const master = new Master();
    master.savepoint("a", true);
    master.savepoint("b");
    assert.deepEqual(
      master.of("savepoint.failed").map((event) => "request" in event && event.request),
      ["b"],
      "nothing after a stop",
    );
    master.fail("out#0");
    assert.deepEqual(
      master.of("savepoint.failed").map((event) => "request" in event && event.request),
      ["b", "a"],
    );
    master.savepoint("c");
    assert.equal(master.of("savepoint.failed").length, 3, "not while it restarts");
    master.each("CANCELED", ["numbers#0"]);
    master.run();
    assert.equal(master.jobState, "RUNNING");
    master.step({ kind: "triggerCheckpoint" });
    assert.deepEqual(master.barriers(), ["suspend", undefined]);
  });

  it("one that stops: tasks are told, finish, and the job is FINISHED", () => {
    const master = new Master();
    master.savepoint("a", true);
    assert.deepEqual(master.barriers(), ["suspend"]);
    master.acknowledge(1);
    master.stored(1);
    assert.deepEqual(master.notified(), [1]);
    master.step({ kind: "timer", timer: "checkpoint" });
    assert.equal(master.barriers().length, 1, "no checkpoint comes after it");
    master.each("FINISHED");
    assert.equal(master.jobState, "FINISHED");
  });

  it("one that stops, and a task fails before it has committed: restored from it, and over, without a record more", () => {
    const master = new Master();
    master.savepoint("a", true);
    master.acknowledge(1);
    master.stored(1);
    master.fail("out#0");
    master.each("CANCELED", ["numbers#0"]);
    assert.deepEqual(master.restores().slice(2), [1, 1]);
    master.run();
    assert.equal(master.barriers().length, 1);
    master.each("CANCELED");
    assert.equal(master.jobState, "FINISHED");
  });

  it("one that cannot be written fails alone", () => {
    const master = new Master();
    master.savepoint("a", true);
    master.acknowledge(1);
    master.step({
      kind: "checkpointStoreFailed",
      checkpoint: 1,
      cause: { code: "FL2006", message: "The disk is full." },
    });
    assert.deepEqual(
      master.of("savepoint.failed").map((event) => "cause" in event && event.cause?.message),
      ["The disk is full."],
    );
    assert.deepEqual([master.jobState, master.of("failure")], ["RUNNING", []]);
    assert.ok(
      master.commands.some((command) => command.kind === "notifyCheckpointAborted"),
      "suspended tasks go on",
    );
  });
});
