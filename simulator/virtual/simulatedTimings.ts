/** What takes how long in a simulated cluster. The defaults are what a small machine showed (`docs/performance.md`); a real run's replace them. */
import type { Distribution } from "./distribution";
import { constant, lognormal } from "./distribution";

export interface ServiceTimings {
  /** From the process's first line until it begins to load the model. */
  readonly startMs: Distribution;
  readonly loadMs: Distribution;
  readonly warmMs: Distribution;
  /** The same where the process has loaded the model before, as one with an embedded model does; as the first time where absent. */
  readonly again?: { readonly loadMs: Distribution; readonly warmMs: Distribution };
  /** One run of the model: `fixedMs` and `perRowMs` for each request in it, times a factor around 1. */
  readonly run: { readonly fixedMs: number; readonly perRowMs: number; readonly spread: number };
  /** What a call takes besides its wait and its run: encoding, the way there and the way back. */
  readonly callMs: Distribution;
}

export interface SimulatedTimings {
  /** From the decision until the process of a TaskManager has connected. */
  readonly processStartMs: Distribution;
  /** The same of a service instance. */
  readonly instanceStartMs: Distribution;
  /** From the end of a process until its parent knows. */
  readonly exitMs: Distribution;
  /** From asking a process to end (SIGTERM) until its parent knows of the end. */
  readonly terminateMs: Distribution;
  readonly controlMs: Distribution;
  /** From the deployment of tasks to a process until the last of them runs, without loading a model. */
  readonly taskStartMs: Distribution;
  /** The same for the first tasks of a process, which still has to load and to compile what they need. */
  readonly firstTaskStartMs: Distribution;
  readonly taskCancelMs: Distribution;
  /** From the barrier at the sources until the tasks of a process, which write their state together, have acknowledged. */
  readonly snapshotMs: Distribution;
  readonly storeMs: Distribution;
  readonly coordinatorRestartMs: Distribution;
  /** From when another coordinator is there until a process that had lived on has connected to it. */
  readonly reconnectMs: Distribution;
  /** What a stream task spends on a record. */
  readonly recordMs: number;
  readonly services: ReadonlyMap<string, ServiceTimings>;
  readonly anyService: ServiceTimings;
}

export const DEFAULT_TIMINGS: SimulatedTimings = {
  processStartMs: lognormal(250),
  instanceStartMs: lognormal(250),
  exitMs: lognormal(8),
  terminateMs: lognormal(20),
  controlMs: lognormal(0.5),
  taskStartMs: lognormal(40),
  firstTaskStartMs: lognormal(80),
  taskCancelMs: lognormal(5),
  snapshotMs: lognormal(20),
  storeMs: lognormal(15),
  coordinatorRestartMs: lognormal(600),
  reconnectMs: lognormal(60),
  recordMs: 0.02,
  services: new Map(),
  anyService: {
    startMs: lognormal(100),
    loadMs: lognormal(30_000),
    warmMs: lognormal(1_000),
    run: { fixedMs: 5, perRowMs: 1, spread: 0.15 },
    callMs: lognormal(1),
  },
};

export function timingsOf(timings: SimulatedTimings, service: string): ServiceTimings {
  return timings.services.get(service) ?? timings.anyService;
}

/** The same with every service's times changed. */
export function withServiceTimings(timings: SimulatedTimings, change: (of: ServiceTimings) => ServiceTimings): SimulatedTimings {
  return {
    ...timings,
    services: new Map([...timings.services].map(([service, of]) => [service, change(of)])),
    anyService: change(timings.anyService),
  };
}

export const INSTANT = constant(0);
