/** The JobMaster tells instances of code whom they can call, as it tells TaskManagers, and deploys nothing that would wait for them. */
import assert from "node:assert/strict";
import { createJobMaster, stepJobMaster } from "../../simulator/core/jobMaster";
import type { JobMasterInput } from "../../simulator/core/jobMasterState";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

function jobOf(services: object, runtime: object = {}): Master {
  const text = JSON.stringify({
    runtime,
    services,
    operators: {
      numbers: { type: "source", connector: "generator" },
      ask: { type: "rpc", service: "code" },
      out: { type: "sink", connector: "blackhole" },
    },
    edges: [
      { from: "numbers", to: "ask" },
      { from: "ask", to: "out" },
    ],
  });
  const { job, problems } = parseJobFile(text, "/code.faultline.json");
  assert.ok(job, JSON.stringify(problems));
  return new Master(createJobMaster(job, 1));
}

class Master {
  /** `PROCESS SERVICE: INSTANCES`, in order. */
  readonly pushed: string[] = [];
  deployed = 0;

  constructor(private readonly state: ReturnType<typeof createJobMaster>) {}

  step(input: JobMasterInput): void {
    for (const command of stepJobMaster(this.state, input, 0).commands) {
      if (command.kind === "deploy") this.deployed += command.deployments.length;
      if (command.kind !== "pushEndpoints") continue;
      const names = command.instances.map(({ instance, attempt }) => `${instance}/${attempt}`);
      this.pushed.push(`${command.process} ${command.service}: ${names.join(" ")}`);
    }
  }

  connect(process: string): void {
    const role = process.startsWith("service:") ? "service" : "taskmanager";
    this.step({ kind: "workerConnected", process, role, pid: 1, ...(role === "service" ? {} : { dataAddress: "d" }) });
  }

  ready(instance: string, attempt = 0): void {
    for (const phase of ["LOADING", "WARMING", "READY"] as const)
      this.step({ kind: "instancePhase", instance, attempt, phase, ...(phase === "READY" ? { address: "a:1" } : {}) });
  }

  take(): string[] {
    return this.pushed.splice(0);
  }
}

describe("services of code and the JobMaster", () => {
  it("are told whom they can call when they connect and at every change; models are told nothing", () => {
    const master = jobOf({
      code: { function: "f.ts#f", calls: ["m"], parallelism: 2 },
      m: { model: "m.onnx" },
    });
    master.step({ kind: "start" });
    master.connect("taskmanager:0");
    master.connect("service:code#0");
    assert.deepEqual(master.take(), ["service:code#0 m: "]);
    master.connect("service:m#0");
    assert.deepEqual(master.take(), []);
    master.ready("m#0");
    assert.deepEqual(master.take(), ["taskmanager:0 m: m#0/0", "service:code#0 m: m#0/0"]);
    master.connect("service:code#1");
    assert.deepEqual(master.take(), ["service:code#1 m: m#0/0"], "what is there already");
    master.step({
      kind: "workerLost",
      process: "service:m#0",
      pid: 1,
      evidence: { by: "exit", exitCode: null, signal: "SIGKILL" },
    });
    assert.deepEqual(master.take(), ["taskmanager:0 m: ", "service:code#0 m: ", "service:code#1 m: "]);
  });

  it("hold their callers back until what they call can be called as well", () => {
    const master = jobOf({ code: { function: "f.ts#f", calls: ["m"] }, m: { model: "m.onnx" } });
    master.step({ kind: "start" });
    for (const process of ["taskmanager:0", "service:code#0", "service:m#0"]) master.connect(process);
    master.ready("code#0");
    assert.equal(master.deployed, 0);
    master.ready("m#0");
    assert.equal(master.deployed, 1);
  });

  it("go by the sidecars of their own TaskManager", () => {
    const sidecar = { deployment: "sidecar" };
    const services = { code: { function: "f.ts#f", calls: ["m"], ...sidecar }, m: { model: "m.onnx", ...sidecar } };
    const master = jobOf(services, { taskManagers: 2 });
    master.step({ kind: "start" });
    for (const index of [0, 1])
      for (const process of ["taskmanager:", "service:code#", "service:m#"]) master.connect(`${process}${index}`);
    master.take();
    master.ready("m#1");
    assert.deepEqual(master.take().sort(), [
      "service:code#0 m: ",
      "service:code#1 m: m#1/0",
      "taskmanager:0 m: ",
      "taskmanager:1 m: m#1/0",
    ]);
  });
});
