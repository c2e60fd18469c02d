/** What a real run's journal says of how long things take: a fold over its events. What it does not say keeps its usual time. */
import type { JournalEvent, JournalEventOf, ProcessName, SubtaskName } from "../observe/journalEvent";
import { LatencyHistogram } from "../observe/latencyHistogram";
import type { Distribution } from "./distribution";
import { constant } from "./distribution";
import type { ServiceTimings, SimulatedTimings } from "./simulatedTimings";

/** Values kept of each kind: a long run says the same again and again. */
const KEPT = 2_000;

/** What one service's instances did. */
class ServiceMeasures {
  readonly startMs: number[] = [];
  readonly loadMs: number[] = [];
  readonly warmMs: number[] = [];
  readonly inInstance = new LatencyHistogram();
  readonly atClient = new LatencyHistogram();
  /** Sums for the least squares of busy time over batches and requests. */
  readonly sums = { bb: 0, br: 0, rr: 0, bt: 0, rt: 0, batches: 0, requests: 0, busyMs: 0 };
}

export class Calibration {
  private readonly startedAt = new Map<ProcessName, number>();
  private readonly connectedAt = new Map<ProcessName, number>();
  private readonly phaseAt = new Map<SubtaskName, { readonly phase: string; readonly at: number }>();
  private readonly deployedAt = new Map<SubtaskName, number>();
  private readonly cancelingAt = new Map<SubtaskName, number>();
  private readonly injectedAt = new Map<string, number>();
  private readonly services = new Map<string, ServiceMeasures>();
  /** Vertices that load a model of their own before they run. */
  private readonly loading = new Set<string>();
  private readonly busy = new Map<string, { busyMs: number; records: number }>();
  private readonly processStartMs: number[] = [];
  private readonly exitMs: number[] = [];
  private readonly taskStartMs: number[] = [];
  private readonly taskCancelMs: number[] = [];
  private readonly checkpointMs: number[] = [];
  private readonly coordinatorMs: number[] = [];

  /** How much the run says, for people: name → number of values. */
  get found(): Readonly<Record<string, number>> {
    const services = [...this.services.values()];
    return {
      "process starts": this.processStartMs.length,
      "ends noticed": this.exitMs.length,
      "task starts": this.taskStartMs.length,
      "task cancels": this.taskCancelMs.length,
      checkpoints: this.checkpointMs.length,
      "coordinator restarts": this.coordinatorMs.length,
      "model loads": services.reduce((sum, { loadMs }) => sum + loadMs.length, 0),
      "model runs": services.reduce((sum, { sums }) => sum + sums.batches, 0),
    };
  }

  observe(event: JournalEvent): void {
    switch (event.kind) {
      case "run.started":
        for (const vertex of event.graph.vertices) {
          if (event.run.deployment === "embedded" && vertex.operators.some(({ kind }) => kind === "rpc")) this.loading.add(vertex.id);
        }
        return;
      case "process.started":
        this.startedAt.set(event.process, event.at);
        return;
      case "process.connected": {
        const started = this.startedAt.get(event.process);
        if (started !== undefined && event.process !== "coordinator") keep(this.processStartMs, event.at - started);
        this.startedAt.delete(event.process);
        this.connectedAt.set(event.process, event.at);
        return;
      }
      case "process.lost": {
        const injected = this.injectedAt.get(event.process);
        if (injected !== undefined && event.evidence.by !== "heartbeat") keep(this.exitMs, event.at - injected);
        this.injectedAt.delete(event.process);
        return;
      }
      case "fault.injected":
        if (event.fault === "crash") this.injectedAt.set(event.target, event.at);
        return;
      case "coordinator.recovered": {
        const injected = this.injectedAt.get("coordinator");
        if (injected !== undefined) keep(this.coordinatorMs, event.at - injected);
        this.injectedAt.delete("coordinator");
        return;
      }
      case "task.state":
        this.taskState(event);
        return;
      case "instance.phase":
        this.instancePhase(event);
        return;
      case "checkpoint.completed":
        keep(this.checkpointMs, event.durationMs);
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
    const known = (values: readonly number[], other: Distribution): Distribution => (values.length === 0 ? other : { kind: "measured", valuesMs: values });
    return {
      ...usual,
      processStartMs: known(this.processStartMs, usual.processStartMs),
      exitMs: known(this.exitMs, usual.exitMs),
      taskStartMs: known(this.taskStartMs, usual.taskStartMs),
      taskCancelMs: known(this.taskCancelMs, usual.taskCancelMs),
      // The journal says how long a checkpoint takes as a whole.
      snapshotMs: this.checkpointMs.length === 0 ? usual.snapshotMs : constant(1),
      storeMs: known(this.checkpointMs, usual.storeMs),
      coordinatorRestartMs: known(this.coordinatorMs, usual.coordinatorRestartMs),
      recordMs: recordMs === 0 ? usual.recordMs : recordMs,
      services,
      anyService: [...services.values()][0] ?? usual.anyService,
    };
  }

  private taskState({ task, to, at, vertexKind }: JournalEventOf<"task.state">): void {
    if (vertexKind !== "stream") return;
    if (to === "DEPLOYING") this.deployedAt.set(task, at);
    if (to === "CANCELING") this.cancelingAt.set(task, at);
    if (to === "RUNNING") {
      const deployed = this.deployedAt.get(task);
      if (deployed !== undefined && !this.loading.has(vertexOf(task))) keep(this.taskStartMs, at - deployed);
    }
    if (to === "CANCELED") {
      const canceling = this.cancelingAt.get(task);
      if (canceling !== undefined) keep(this.taskCancelMs, at - canceling);
      this.cancelingAt.delete(task);
    }
  }

  private instancePhase({ instance, phase, at, loadDelayMs }: JournalEventOf<"instance.phase">): void {
    const before = this.phaseAt.get(instance);
    this.phaseAt.set(instance, { phase, at });
    const measures = this.serviceOf(instance);
    if (phase === "LOADING") {
      const connected = this.connectedAt.get(`service:${instance}`);
      if (connected !== undefined) keep(measures.startMs, Math.max(0, at - connected));
    }
    if (phase === "WARMING" && before?.phase === "LOADING") keep(measures.loadMs, Math.max(0, at - before.at - (loadDelayMs ?? 0)));
    if (phase === "READY" && before?.phase === "WARMING") keep(measures.warmMs, at - before.at);
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

function serviceTimings({ startMs, loadMs, warmMs, sums, inInstance, atClient }: ServiceMeasures, usual: ServiceTimings): ServiceTimings {
  const known = (values: readonly number[], other: Distribution): Distribution => (values.length === 0 ? other : { kind: "measured", valuesMs: values });
  const [inside, outside] = [inInstance.quantile(0.5), atClient.quantile(0.5)];
  return {
    startMs: known(startMs, usual.startMs),
    loadMs: known(loadMs, usual.loadMs),
    warmMs: known(warmMs, usual.warmMs),
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

function keep(values: number[], ms: number): void {
  if (values.length < KEPT && ms >= 0) values.push(ms);
}
