/** What a real run's journal says of how long things take: a fold over its events. What it does not say keeps its usual time. */
import type { JournalEvent, JournalEventOf, ProcessName, SubtaskName } from "../observe/journalEvent";
import { LatencyHistogram } from "../observe/latencyHistogram";
import type { Distribution } from "./distribution";
import { constant } from "./distribution";
import type { ServiceTimings, SimulatedTimings } from "./simulatedTimings";

/** Values kept of each kind: a long run says the same again and again. */
const KEPT = 2_000;

/**
 * How long something took each time. Times that are as a simulation asks for them count where there are any, and the others where there are none:
 * once the job has run, things take other times than at its start, when every process starts at once and nothing is in the system's caches.
 */
class Measured {
  private readonly asAskedFor: number[] = [];
  private readonly others: number[] = [];

  add(ms: number, isAskedFor: boolean): void {
    const values = isAskedFor ? this.asAskedFor : this.others;
    if (values.length < KEPT && ms >= 0) values.push(ms);
  }

  get valuesMs(): readonly number[] {
    return this.asAskedFor.length > 0 ? this.asAskedFor : this.others;
  }

  or(usual: Distribution): Distribution {
    const { valuesMs } = this;
    return valuesMs.length === 0 ? usual : { kind: "measured", valuesMs };
  }
}

/** Tasks that were deployed to, or canceled in, one process in one moment: what is waited for is the last of them. */
interface TogetherOnProcess {
  readonly since: number;
  readonly first: boolean;
  longestMs: number | undefined;
}

/** What one service's instances did. */
class ServiceMeasures {
  readonly startMs = new Measured();
  readonly loadMs = new Measured();
  readonly warmMs = new Measured();
  /** In a process that had loaded the model before. */
  readonly again = { loadMs: new Measured(), warmMs: new Measured() };
  readonly inInstance = new LatencyHistogram();
  readonly atClient = new LatencyHistogram();
  /** Sums for the least squares of busy time over batches and requests. */
  readonly sums = { bb: 0, br: 0, rr: 0, bt: 0, rt: 0, batches: 0, requests: 0, busyMs: 0 };
}

export class Calibration {
  private readonly startedAt = new Map<ProcessName, number>();
  private readonly connectedAt = new Map<ProcessName, number>();
  /** `first`: in a process that has not had the model before. */
  private readonly phaseAt = new Map<SubtaskName, { readonly phase: string; readonly at: number; readonly first: boolean }>();
  /** Service and process id, where the model has been ready. */
  private readonly loaded = new Set<string>();
  private readonly deployed = new Map<SubtaskName, TogetherOnProcess>();
  private readonly canceling = new Map<SubtaskName, TogetherOnProcess>();
  private readonly deployments: TogetherOnProcess[] = [];
  private readonly cancellations: TogetherOnProcess[] = [];
  /** The last of each, by process. */
  private readonly lastDeployment = new Map<ProcessName, TogetherOnProcess>();
  private readonly lastCancellation = new Map<ProcessName, TogetherOnProcess>();
  /** Processes that have not had tasks yet. */
  private readonly fresh = new Set<ProcessName>();
  private hasRun = false;
  private recoveredAt: number | undefined;
  private readonly injectedAt = new Map<string, { readonly at: number; readonly fault: string }>();
  private readonly services = new Map<string, ServiceMeasures>();
  /** Vertices that load a model of their own before they run. */
  private readonly loading = new Set<string>();
  private readonly busy = new Map<string, { busyMs: number; records: number }>();
  private readonly processStartMs = new Measured();
  private readonly instanceStartMs = new Measured();
  private readonly reconnectMs = new Measured();
  private readonly exitMs = new Measured();
  private readonly terminateMs = new Measured();
  private readonly checkpointMs = new Measured();
  private readonly coordinatorMs = new Measured();

  /** How much the run says, for people: name → number of values. */
  get found(): Readonly<Record<string, number>> {
    const services = [...this.services.values()];
    return {
      "process starts": this.processStartMs.valuesMs.length + this.instanceStartMs.valuesMs.length,
      "ends noticed": this.exitMs.valuesMs.length,
      "task starts": this.deployments.length,
      "task cancels": this.cancellations.length,
      checkpoints: this.checkpointMs.valuesMs.length,
      "coordinator restarts": this.coordinatorMs.valuesMs.length,
      "model loads": services.reduce((sum, { loadMs }) => sum + loadMs.valuesMs.length, 0),
      "model runs": services.reduce((sum, { sums }) => sum + sums.batches, 0),
    };
  }

  observe(event: JournalEvent): void {
    switch (event.kind) {
      case "run.started":
        this.hasRun = false;
        for (const vertex of event.graph.vertices) {
          if (event.run.deployment === "embedded" && vertex.operators.some(({ kind }) => kind === "rpc")) this.loading.add(vertex.id);
        }
        return;
      case "process.started":
        this.startedAt.set(event.process, event.at);
        return;
      case "process.connected":
        this.connected(event);
        return;
      case "process.lost":
        this.lost(event);
        return;
      case "fault.injected":
        if (event.fault !== "crash" && event.fault !== "terminate") return;
        this.injectedAt.set(event.target, event);
        return;
      case "coordinator.recovered": {
        const injected = this.injectedAt.get("coordinator");
        if (injected !== undefined) this.coordinatorMs.add(event.at - injected.at, this.hasRun);
        this.injectedAt.delete("coordinator");
        this.recoveredAt = event.at;
        return;
      }
      case "job.state":
        if (event.to === "RUNNING") {
          this.hasRun = true;
          this.recoveredAt = undefined;
        }
        return;
      case "task.state":
        this.taskState(event);
        return;
      case "instance.phase":
        this.instancePhase(event);
        return;
      case "checkpoint.completed":
        this.checkpointMs.add(event.durationMs, true);
        return;
      case "metrics":
        this.metrics(event);
        return;
      default:
    }
  }

  /** @param usual for what the run says nothing of. */
  timings(usual: SimulatedTimings): SimulatedTimings {
    const services = new Map([...this.services].map(([service, measures]): [string, ServiceTimings] => [service, serviceTimings(measures, usual.anyService)]));
    let recordMs = 0;
    for (const { busyMs, records } of this.busy.values()) if (records > 100) recordMs = Math.max(recordMs, busyMs / records);
    const taskStart = { first: new Measured(), again: new Measured() };
    for (const { first, longestMs } of this.deployments) if (longestMs !== undefined) (first ? taskStart.first : taskStart.again).add(longestMs, true);
    const taskCancel = new Measured();
    for (const { longestMs } of this.cancellations) if (longestMs !== undefined) taskCancel.add(longestMs, true);
    return {
      ...usual,
      processStartMs: this.processStartMs.or(usual.processStartMs),
      instanceStartMs: this.instanceStartMs.or(this.processStartMs.or(usual.instanceStartMs)),
      reconnectMs: this.reconnectMs.or(usual.reconnectMs),
      exitMs: this.exitMs.or(usual.exitMs),
      terminateMs: this.terminateMs.or(usual.terminateMs),
      taskStartMs: taskStart.again.or(taskStart.first.or(usual.taskStartMs)),
      firstTaskStartMs: taskStart.first.or(taskStart.again.or(usual.firstTaskStartMs)),
      taskCancelMs: taskCancel.or(usual.taskCancelMs),
      // The journal says how long a checkpoint takes as a whole.
      snapshotMs: this.checkpointMs.valuesMs.length === 0 ? usual.snapshotMs : constant(1),
      storeMs: this.checkpointMs.or(usual.storeMs),
      coordinatorRestartMs: this.coordinatorMs.or(usual.coordinatorRestartMs),
      recordMs: recordMs === 0 ? usual.recordMs : recordMs,
      services,
      anyService: [...services.values()][0] ?? usual.anyService,
    };
  }

  private lost({ process, at, evidence }: JournalEventOf<"process.lost">): void {
    const injected = this.injectedAt.get(process);
    this.injectedAt.delete(process);
    if (injected === undefined || evidence.by === "heartbeat") return;
    (injected.fault === "crash" ? this.exitMs : this.terminateMs).add(at - injected.at, this.hasRun);
  }

  private connected({ process, at }: JournalEventOf<"process.connected">): void {
    const started = this.startedAt.get(process);
    this.startedAt.delete(process);
    this.connectedAt.set(process, at);
    if (process === "coordinator") return;
    if (started !== undefined) {
      (process.startsWith("service:") ? this.instanceStartMs : this.processStartMs).add(at - started, this.hasRun);
      this.fresh.add(process);
    } else if (this.recoveredAt !== undefined) this.reconnectMs.add(at - this.recoveredAt, true);
  }

  private taskState({ task, to, at, vertexKind, process }: JournalEventOf<"task.state">): void {
    if (vertexKind !== "stream" || process === undefined) return;
    if (to === "DEPLOYING") {
      this.deployed.set(task, together(this.lastDeployment, this.deployments, process, at, this.fresh.delete(process)));
    } else if (to === "CANCELING") this.canceling.set(task, together(this.lastCancellation, this.cancellations, process, at, false));
    else if (to === "RUNNING" && !this.loading.has(vertexOf(task))) note(this.deployed.get(task), at);
    else if (to === "CANCELED") {
      note(this.canceling.get(task), at);
      this.canceling.delete(task);
    }
  }

  private instancePhase({ instance, phase, at, loadDelayMs, pid }: JournalEventOf<"instance.phase">): void {
    const before = this.phaseAt.get(instance);
    const here = `${vertexOf(instance)} ${pid}`;
    const first = pid === undefined || !this.loaded.has(here);
    this.phaseAt.set(instance, { phase, at, first });
    const measures = this.serviceOf(instance);
    if (phase === "LOADING") {
      const connected = this.connectedAt.get(`service:${instance}`);
      if (connected !== undefined) measures.startMs.add(Math.max(0, at - connected), this.hasRun);
    }
    const { loadMs, warmMs } = first ? measures : measures.again;
    const isAskedFor = first ? this.hasRun : !this.loadsForTheFirstTime;
    if (phase === "WARMING" && before?.phase === "LOADING") loadMs.add(Math.max(0, at - before.at - (loadDelayMs ?? 0)), isAskedFor);
    if (phase !== "READY" || before?.phase !== "WARMING") return;
    warmMs.add(at - before.at, isAskedFor);
    this.loaded.add(here);
  }

  /**
   * Somewhere a model is loaded into a process that has not had it. A load into a process that had takes longer beside it, but nobody waits for
   * that one: the first load takes longer still. So it must not stand for the time of a load alone, for which everybody waits.
   */
  private get loadsForTheFirstTime(): boolean {
    for (const { phase, first } of this.phaseAt.values()) if (first && (phase === "LOADING" || phase === "WARMING")) return true;
    return false;
  }

  private metrics({ tasks, instances }: JournalEventOf<"metrics">): void {
    for (const task in tasks) {
      const { busyMs, recordsIn, recordsOut, rpc } = tasks[task];
      const vertex = this.busy.get(vertexOf(task)) ?? { busyMs: 0, records: 0 };
      this.busy.set(vertexOf(task), vertex);
      vertex.busyMs += busyMs;
      vertex.records += Math.max(recordsIn, recordsOut);
      if (rpc !== undefined) this.measuresOf(rpc.service).atClient.merge(rpc.latencyMs);
    }
    for (const instance in instances) {
      const { batches, requests, busyMs, latencyMs } = instances[instance];
      const { sums, inInstance } = this.serviceOf(instance);
      inInstance.merge(latencyMs);
      if (batches === 0) continue;
      sums.bb += batches * batches;
      sums.br += batches * requests;
      sums.rr += requests * requests;
      sums.bt += batches * busyMs;
      sums.rt += requests * busyMs;
      sums.batches += batches;
      sums.requests += requests;
      sums.busyMs += busyMs;
    }
  }

  private serviceOf(instance: SubtaskName): ServiceMeasures {
    return this.measuresOf(vertexOf(instance));
  }

  private measuresOf(service: string): ServiceMeasures {
    let measures = this.services.get(service);
    if (measures === undefined) this.services.set(service, (measures = new ServiceMeasures()));
    return measures;
  }
}

function serviceTimings({ startMs, loadMs, warmMs, again, sums, inInstance, atClient }: ServiceMeasures, usual: ServiceTimings): ServiceTimings {
  const [inside, outside] = [inInstance.quantile(0.5), atClient.quantile(0.5)];
  return {
    startMs: startMs.or(usual.startMs),
    loadMs: loadMs.or(usual.loadMs),
    warmMs: warmMs.or(usual.warmMs),
    ...(again.loadMs.valuesMs.length === 0 ? {} : { again: { loadMs: again.loadMs.or(usual.loadMs), warmMs: again.warmMs.or(usual.warmMs) } }),
    run: sums.batches === 0 ? usual.run : { ...runTime(sums), spread: usual.run.spread },
    callMs: inside === null || outside === null ? usual.callMs : constant(Math.max(0.05, outside - inside)),
  };
}

/** Least squares of busy time = fixed · batches + perRow · requests; neither is less than nothing. */
function runTime({ bb, br, rr, bt, rt, batches, requests, busyMs }: ServiceMeasures["sums"]): { readonly fixedMs: number; readonly perRowMs: number } {
  const determinant = bb * rr - br * br;
  if (determinant > 1e-9 * bb * rr) {
    const fixedMs = (bt * rr - rt * br) / determinant;
    const perRowMs = (bb * rt - br * bt) / determinant;
    if (fixedMs >= 0 && perRowMs >= 0) return { fixedMs, perRowMs };
    if (fixedMs < 0) return { fixedMs: 0, perRowMs: busyMs / Math.max(1, requests) };
  }
  return { fixedMs: busyMs / batches, perRowMs: 0 };
}

function vertexOf(task: SubtaskName): string {
  return task.slice(0, task.lastIndexOf("#"));
}

/** Joins what happens in the process in the same moment. */
function together(last: Map<ProcessName, TogetherOnProcess>, all: TogetherOnProcess[], process: ProcessName, at: number, first: boolean): TogetherOnProcess {
  const known = last.get(process);
  // Events of one decision have one time, but for the microseconds of writing them.
  if (known !== undefined && at - known.since < 5) return known;
  const begun: TogetherOnProcess = { since: at, first, longestMs: undefined };
  last.set(process, begun);
  if (all.length < KEPT) all.push(begun);
  return begun;
}

function note(one: TogetherOnProcess | undefined, at: number): void {
  if (one !== undefined) one.longestMs = Math.max(one.longestMs ?? 0, at - one.since);
}
