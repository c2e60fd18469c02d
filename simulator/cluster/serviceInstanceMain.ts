/** Entry of a service instance's process: `serviceInstance RUN_DIRECTORY PROCESS SERVICE INSTANCE ATTEMPT`. */
import "../inference/modelThreadAhead";
import { causeOf, runServiceInstance } from "../inference/serviceInstance";
import type { ServiceInstance } from "../inference/serviceInstance";
import type { InstancePhase } from "../observe/journalEvent";
import { controlSocket } from "./runDirectory";
import { WorkerConnection } from "./workerConnection";
import { startWorker } from "./workerMain";

const METRICS_INTERVAL_MS = 250;

const worker = startWorker();
const [service = "", instance = "", attemptText = "0"] = worker.args;
const attempt = Number(attemptText);
const spec = worker.config.job.services.find((candidate) => candidate.id === service);
if (spec === undefined) throw new Error(`no service ${service} in this run`);

let running: ServiceInstance | undefined;
let phase: InstancePhase = "STARTING";
let device: string | undefined;
let address: string | undefined;
let ending = false;
let measuredMs = performance.now();

const connection = WorkerConnection.open({
  socket: controlSocket(worker.config.socketDirectory),
  token: worker.token,
  hello: () => ({
    kind: "hello",
    role: "service",
    process: worker.process,
    pid: process.pid,
    instance: { instance, attempt, phase, address, device },
  }),
  onMessage: (message) => {
    if (message.kind === "shutdown") void end(0);
    if (message.kind === "drain") void running?.drain().then(() => end(0));
  },
  // The model stays loaded and calls are answered while a new coordinator comes up.
  onDisconnected: () => undefined,
  onGivenUp: () => process.exit(1),
});

runServiceInstance({
  spec,
  instance: Number(instance.slice(instance.lastIndexOf("#") + 1)),
  attempt,
  token: worker.token,
  onPhase: ({ failedDevices, ...report }) => {
    for (const failed of failedDevices ?? []) log(`${failed.device} was not taken: ${failed.error}`);
    phase = report.phase;
    device = report.device ?? device;
    address = report.address ?? address;
    connection.send({ kind: "instancePhase", instance, attempt, ...report });
  },
}).then(
  (started) => {
    running = started;
    measuredMs = performance.now();
    setInterval(sendMetrics, METRICS_INTERVAL_MS);
  },
  (error: unknown) => {
    connection.send({ kind: "instanceFailed", instance, attempt, cause: causeOf(error) });
    void end(1);
  },
);

/** What was done since the last time. */
function sendMetrics(): void {
  if (running === undefined) return;
  const nowMs = performance.now();
  connection.send({
    kind: "journal",
    at: performance.timeOrigin + nowMs,
    body: {
      kind: "metrics",
      intervalMs: nowMs - measuredMs,
      process: worker.process,
      rssBytes: process.memoryUsage.rss(),
      instances: { [instance]: running.takeMetrics() },
    },
  });
  measuredMs = nowMs;
}

function log(message: string): void {
  const body = { kind: "log", process: worker.process, level: "info", message } as const;
  connection.send({ kind: "journal", at: performance.timeOrigin + performance.now(), body });
}

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  sendMetrics();
  await connection.close();
  process.exit(code);
}

process.on("SIGTERM", () => process.exit(143));
