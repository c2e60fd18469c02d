/** The JobMaster drives the autoscaler: by what instances say of themselves, in both directions, draining what goes. */
import assert from "node:assert/strict";
import { createJobMaster, stepJobMaster, type StepResult } from "../../simulator/core/jobMaster";
import type { JobMasterInput, JobMasterState } from "../../simulator/core/jobMasterState";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

const JOB = JSON.stringify({
  services: { m: { model: "m.onnx", autoscaler: { max: 3, targetQueueTime: "100ms", coolDown: "1s" } } },
  operators: {
    a: { type: "source", connector: "generator" },
    ask: { type: "rpc", service: "m" },
    c: { type: "sink", connector: "blackhole" },
  },
  edges: [
    { from: "a", to: "ask" },
    { from: "ask", to: "c" },
  ],
});

/** A job whose processes do what they are told; time goes by in steps of an observation. */
class Scaled {
  nowMs = 0;
  readonly scaled: string[] = [];
  readonly drained: string[] = [];
  private readonly master: JobMasterState;
  private readonly serving = new Set<string>();

  constructor() {
    const { job, problems } = parseJobFile(JOB, "/m.faultline.json");
    assert.ok(job, JSON.stringify(problems));
    this.master = createJobMaster(job, 1);
    this.step({ kind: "start" });
    this.step({ kind: "workerConnected", process: "taskmanager:0", role: "taskmanager", pid: 1, dataAddress: "a" });
    for (const task of this.master.tasks.values()) {
      if (task.vertexKind !== "stream") continue;
      this.step({ kind: "taskState", task: task.name, attempt: 0, state: "INITIALIZING" });
      this.step({ kind: "taskState", task: task.name, attempt: 0, state: "RUNNING" });
    }
    assert.equal(this.master.jobState, "RUNNING");
  }

  get instances(): readonly string[] {
    return [...this.serving].sort();
  }

  /** One observation later, with every instance saying this of itself. */
  observe(load: { readonly queueDepth: number; readonly busyShare: number }): void {
    this.nowMs += 500;
    for (const instance of this.serving) {
      this.step({
        kind: "instanceLoad",
        instance,
        attempt: 0,
        intervalMs: 500,
        requests: 50,
        batches: 50,
        busyMs: load.busyShare * 500,
        queueDepth: load.queueDepth,
        inFlight: 1,
      });
    }
    this.step({ kind: "timer", timer: "autoscaler" });
  }

  private step(input: JobMasterInput): void {
    const { commands, events }: StepResult = stepJobMaster(this.master, input, this.nowMs);
    for (const event of events) {
      if (event.kind === "service.scaled")
        this.scaled.push(`${event.from} to ${event.to} by ${event.by}: ${event.reason}`);
    }
    for (const command of commands) {
      if (command.kind === "startProcess" && command.instance !== undefined) {
        const { instance, attempt } = command.instance;
        this.step({ kind: "workerConnected", process: command.process, role: "service", pid: 2 });
        this.step({ kind: "instancePhase", instance, attempt, phase: "LOADING" });
        this.step({ kind: "instancePhase", instance, attempt, phase: "READY", address: `${instance}:1` });
        this.serving.add(instance);
      }
      if (command.kind === "endProcess" && command.how === "drain") {
        this.drained.push(command.process);
        this.serving.delete(command.process.slice("service:".length));
      }
    }
  }
}

describe("a service with an autoscaler", () => {
  it("gets instances while requests wait, up to its most, and loses them by drain once it is calm, down to its fewest", () => {
    const job = new Scaled();
    assert.deepEqual(job.instances, ["m#0"]);
    for (let at = 0; at < 3; at++) job.observe({ queueDepth: 30, busyShare: 1 });
    assert.deepEqual(job.scaled, ["1 to 2 by autoscaler: requests wait 300 ms, wanted are 100 ms"]);
    for (let at = 0; at < 20; at++) job.observe({ queueDepth: 30, busyShare: 1 });
    assert.deepEqual(job.instances, ["m#0", "m#1", "m#2"], "never more than its most");
    for (let at = 0; at < 20; at++) job.observe({ queueDepth: 0, busyShare: 0.1 });
    assert.deepEqual(job.instances, ["m#0"], "never fewer than its fewest");
    assert.deepEqual(job.drained, ["service:m#2", "service:m#1"]);
    assert.equal(job.scaled.length, 4);
  });

  it("stays as it is under a load that it can carry", () => {
    const job = new Scaled();
    for (let at = 0; at < 40; at++) job.observe({ queueDepth: 2, busyShare: 0.7 });
    assert.deepEqual(job.scaled, []);
  });
});
