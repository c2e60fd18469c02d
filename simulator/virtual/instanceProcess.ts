/** A service instance's process in a virtual world: the instance, its connection to the coordinator, and what it does when it is told to. */
import type { ServiceSpec } from "../graph/jobFile";
import type { InstancePhase, SubtaskName } from "../observe/journalEvent";
import type { ConnectionEnd } from "./virtualConnection";
import { VirtualInstance } from "./virtualInstance";
import type { InstanceOptions, InstanceTiming } from "./virtualInstance";
import type { VirtualProcess } from "./virtualProcess";
import { WorkerLink } from "./workerLink";
import type { ControlConnection, CoordinatorMessage } from "./workerLink";

/** How often a real instance sends its metrics. */
const LOAD_INTERVAL_MS = 250;

export interface InstanceProcess {
  readonly instance: VirtualInstance;
  readonly link: WorkerLink;
}

export interface InstanceProcessOptions {
  readonly process: VirtualProcess;
  readonly spec: ServiceSpec;
  readonly what: { readonly instance: SubtaskName; readonly attempt: number };
  readonly address: string;
  readonly heartbeatIntervalMs: number;
  readonly timing: InstanceTiming;
  dial(worker: ConnectionEnd<CoordinatorMessage>): ControlConnection | undefined;
  readonly onRun?: InstanceOptions["onRun"];
  readonly onPhase?: InstanceOptions["onPhase"];
}

export function startInstanceProcess(options: InstanceProcessOptions): InstanceProcess {
  const { process, spec, what, address, timing } = options;
  let phase: InstancePhase = "STARTING";
  const link: WorkerLink = new WorkerLink({
    process,
    heartbeatIntervalMs: options.heartbeatIntervalMs,
    dial: (worker) => options.dial(worker),
    hello: () => ({
      process: process.name,
      role: "service",
      pid: process.pid,
      instance: { instance: what.instance, attempt: what.attempt, phase, address: takesCalls(phase) ? address : undefined },
    }),
    handle: (command) => {
      if (command.kind !== "endProcess") return;
      const end = (): void => {
        if (takesCalls(phase) || phase === "DRAINING") tellLoad();
        link.close();
        process.exit(0);
      };
      if (command.how === "shutdown") end();
      else if (command.how === "drain") instance.drain(end);
    },
    // The model stays loaded and calls are answered while a new coordinator comes up.
    onDisconnected: () => undefined,
  });
  // Nobody but an autoscaler asks for it, and it would be most of what happens in a long simulation.
  const tellLoad = (): void => {
    const load = instance.takeLoad();
    if (load !== undefined) link.send({ kind: "instanceLoad", instance: what.instance, attempt: what.attempt, ...load });
  };
  const tellLoadLater = (): void => {
    process.timer(process.now + LOAD_INTERVAL_MS, () => {
      tellLoad();
      tellLoadLater();
    });
  };
  const instance: VirtualInstance = new VirtualInstance({
    spec,
    instance: what.instance,
    attempt: what.attempt,
    process,
    timing,
    onRun: options.onRun,
    onPhase: (entered, previousPhaseMs) => {
      phase = entered;
      if (entered === "READY" && spec.autoscaler !== undefined) tellLoadLater();
      options.onPhase?.(entered, previousPhaseMs);
      link.send({
        kind: "instancePhase",
        instance: what.instance,
        attempt: what.attempt,
        phase: entered,
        previousPhaseMs,
        ...(takesCalls(entered) ? { address } : {}),
      });
    },
  });
  instance.start();
  return { instance, link };
}

function takesCalls(phase: InstancePhase): boolean {
  return phase === "READY" || phase === "SERVING";
}
