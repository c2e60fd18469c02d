/** A debug run has nothing that fires because somebody looks at a breakpoint. */
import assert from "node:assert/strict";
import { withoutTimeouts } from "../../simulator/cluster/inspector";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

const JOB = {
  name: "impatient",
  runtime: {
    taskManagers: 1,
    checkpointing: { interval: "1s", timeout: "2s" },
    heartbeat: { timeout: "3s", interval: "1s" },
  },
  services: {
    model: {
      model: "model.onnx",
      parallelism: 2,
      queue: { maxWait: "1s" },
      hedging: { after: "20ms" },
      transport: "pekko-rpc",
      autoscaler: { min: 1, max: 4 },
    },
  },
  operators: {
    texts: {
      type: "source",
      connector: "file",
      path: "texts.ndjson",
      format: "ndjson",
      eventTime: { field: "at", idleness: "1s" },
    },
    ask: { type: "rpc", service: "model", timeout: "1s" },
    out: { type: "sink", connector: "file", path: "out" },
  },
  edges: [
    { from: "texts", to: "ask" },
    { from: "ask", to: "out" },
  ],
};

const AN_HOUR_MS = 3_600_000;

describe("a debug run", () => {
  it("waits for a person, whatever its job file says", () => {
    const { job, problems } = parseJobFile(JSON.stringify(JOB), "impatient.faultline.json");
    assert.ok(job !== undefined, JSON.stringify(problems));
    const [before] = job.services;
    assert.ok(before?.hedging !== undefined && before.autoscaler !== undefined && before.transport === "pekko-rpc");
    const patient = withoutTimeouts(job);
    assert.ok(patient.runtime.heartbeatTimeoutMs > AN_HOUR_MS);
    assert.ok((patient.runtime.checkpointing?.timeoutMs ?? 0) > AN_HOUR_MS);
    const [service] = patient.services;
    assert.ok(service !== undefined && service.queue.maxWaitMs > AN_HOUR_MS);
    assert.deepEqual(
      [service.hedging, service.outlierEjection, service.autoscaler, service.transport],
      [undefined, undefined, undefined, "streams"],
    );
    const rpc = patient.operators.find((operator) => operator.kind === "rpc");
    assert.ok(rpc?.kind === "rpc" && rpc.rpc.timeoutMs > AN_HOUR_MS);
    const source = patient.operators.find((operator) => operator.kind === "source");
    assert.ok(source?.kind === "source" && (source.source.eventTime?.idlenessMs ?? 0) > AN_HOUR_MS);
  });
});
