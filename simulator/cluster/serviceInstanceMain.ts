/**
 * Entry of a service instance's process: `serviceInstance RUN_DIRECTORY PROCESS SERVICE INSTANCE ATTEMPT [FAULTS]`; FAULTS are those that its
 * load is hit by, as JSON.
 */
import "../inference/modelThreadAhead";
import { stopModelThreadAhead } from "../inference/modelThreadStart";
import { causeOf, runServiceInstance } from "../inference/serviceInstance";
import type { ServiceInstance } from "../inference/serviceInstance";
import type { FaultOrder } from "../faults/faultDefinition";
import type { InstancePhase, JournalEventBody } from "../observe/journalEvent";
import { ServiceClients } from "./calledServices";
import { FaultPerformer } from "./faultPerformer";
import { openRpcTask } from "./inferenceClients";
import { CoordinatorLink } from "./links/coordinatorLink";
import { LinkFaultTable } from "./links/linkFaultTable";
import { exhaustMemory } from "./memoryExhaustion";
import type { LoadEffect } from "./modelFaultWorks";
import { faultyLoad as loadUnderFaults, modelFaultWorks } from "./modelFaultWorks";
import { controlSocket, relaySocket } from "./runDirectory";
import { WorkerConnection } from "./workerConnection";
import { startWorker } from "./workerMain";

const METRICS_INTERVAL_MS = 250;

const worker = startWorker();
const [service = "", instance = "", attemptText = "0", faultsText = "[]"] = worker.args;
const attempt = Number(attemptText);
const index = Number(instance.slice(instance.lastIndexOf("#") + 1));
const spec = worker.config.job.services.find((candidate) => candidate.id === service);
if (spec === undefined) throw new Error(`no service ${service} in this run`);

const faultyLoad = loadUnderFaults(spec, JSON.parse(faultsText) as FaultOrder[], worker.directory);

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
    if (message.kind === "performFault") faults.perform(message.order);
    if (message.kind === "endFault") faults.end(message.injection);
    if (message.kind === "endpoints") called?.update(message.service, message.instances);
    if (message.kind === "drain") void running?.drain().then(() => end(0));
  },
  // The model stays loaded and calls are answered while a new coordinator comes up.
  onDisconnected: () => undefined,
  onGivenUp: () => process.exit(1),
});

const links: LinkFaultTable = new LinkFaultTable(worker.process, worker.directory, (injection) => faults.end(injection), () => link.onChanged());
const link = new CoordinatorLink(
  controlSocket(worker.config.socketDirectory),
  relaySocket(worker.config.socketDirectory, worker.process, process.pid),
  links,
  () => connection,
);
const faults = new FaultPerformer(
  { ...modelFaultWorks(() => running?.models ?? []), "memory-exhaustion": exhaustMemory, ...links.works() },
  (message) => connection.send(message),
);

// Of code: what it calls, told of by the coordinator from the moment that this process is connected.
const called =
  spec.function === undefined
    ? undefined
    : new ServiceClients({ services: worker.config.job.services, instance, index, journal: (body) => tell(body) });
if (called !== undefined) stopModelThreadAhead();

runServiceInstance({
  spec: faultyLoad?.spec ?? spec,
  instance: index,
  attempt,
  ...(called === undefined
    ? {}
    : {
        openCode: () =>
          openRpcTask(spec, index, attempt, { modules: worker.config.functionModules, called, onDead: (error) => fail(error) }),
      }),
  token: worker.config.openServices === true ? undefined : worker.token,
  onPhase: ({ failedDevices, ...report }) => {
    for (const failed of failedDevices ?? []) log(`${failed.device} was not taken: ${failed.error}`);
    phase = report.phase;
    if (phase === "WARMING") tellEffects(faultyLoad?.loaded(report.previousPhaseMs ?? 0));
    device = report.device ?? device;
    address = report.address ?? address;
    connection.send({ kind: "instancePhase", instance, attempt, ...report });
  },
  onDeviceLost: (error) => fail(error),
}).then(
  (started) => {
    running = started;
    measuredMs = performance.now();
    setInterval(sendMetrics, METRICS_INTERVAL_MS);
  },
  (error: unknown) => {
    tellEffects(faultyLoad?.failed(causeOf(error).message));
    fail(error);
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

function fail(error: unknown): void {
  if (ending) return;
  connection.send({ kind: "instanceFailed", instance, attempt, cause: causeOf(error) });
  void end(1);
}

function tellEffects(effects: readonly LoadEffect[] = []): void {
  for (const effect of effects) connection.send({ kind: "faultEffective", ...effect });
}

function log(message: string): void {
  tell({ kind: "log", process: worker.process, level: "info", message });
}

function tell(body: JournalEventBody): void {
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
