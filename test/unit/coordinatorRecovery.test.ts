/** What a coordinator that takes over waits for, and what it does not. */
import assert from "node:assert/strict";
import { createJobMaster, stepJobMaster } from "../../simulator/core/jobMaster";
import type { JobMasterCommand, RecoveredJob } from "../../simulator/core/jobMasterState";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

const JOB = JSON.stringify({
  name: "two",
  runtime: { parallelism: 2, taskManagers: 2, slots: 1, checkpointing: { interval: "1s" } },
  operators: {
    numbers: { type: "source", connector: "generator", limit: 10 },
    out: { type: "sink", connector: "blackhole" },
  },
  edges: [{ from: "numbers", to: "out" }],
});

describe("a coordinator that takes over", () => {
  it("starts at once what does not live any more, and waits for nobody then", () => {
    assert.deepEqual(started(stepped({ awaited: [] })), ["taskmanager:0", "taskmanager:1"]);
  });

  it("waits for who lives, and starts the other when the last of them is there", () => {
    const master = recovering({ awaited: ["taskmanager:1"] });
    assert.deepEqual(started(stepJobMaster(master, { kind: "start" }, 0).commands), []);
    const connected = stepJobMaster(
      master,
      { kind: "workerConnected", process: "taskmanager:1", role: "taskmanager", pid: 7, dataAddress: "b" },
      5,
    );
    assert.deepEqual(started(connected.commands), ["taskmanager:0"]);
  });

  it("waits two seconds for who does not come, and then takes it for lost", () => {
    const master = recovering({ awaited: ["taskmanager:0", "taskmanager:1"] });
    stepJobMaster(master, { kind: "start" }, 0);
    stepJobMaster(
      master,
      { kind: "workerConnected", process: "taskmanager:1", role: "taskmanager", pid: 7, dataAddress: "b" },
      5,
    );
    assert.deepEqual(started(stepJobMaster(master, { kind: "timer", timer: "reconnect" }, 2_000).commands), [
      "taskmanager:0",
    ]);
  });

  it("waits for all there could be where nobody can tell who lives", () => {
    assert.deepEqual(started(stepped({})), []);
  });
});

function stepped(known: Partial<RecoveredJob>): readonly JobMasterCommand[] {
  return stepJobMaster(recovering(known), { kind: "start" }, 0).commands;
}

function recovering(known: Partial<RecoveredJob>): ReturnType<typeof createJobMaster> {
  const { job, problems } = parseJobFile(JOB, "/two.faultline.json");
  assert.ok(job, JSON.stringify(problems));
  return createJobMaster(job, 1, {
    attempts: new Map(),
    instances: [],
    completed: [],
    nextCheckpoint: 1,
    failureCount: 0,
    failoverCount: 0,
    ...known,
  });
}

function started(commands: readonly JobMasterCommand[]): string[] {
  return commands.flatMap((command) => (command.kind === "startProcess" ? [command.process] : []));
}
