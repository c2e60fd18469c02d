/**
 * Journals as runs write them, made step by step: the language-detection job on two TaskManagers with two service instances. Times are
 * milliseconds from the run's start.
 */
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import type { Cause, JournalEvent, JournalEventBody, TaskMetrics } from "../../simulator/observe/journalEvent";
import { LatencyHistogram } from "../../simulator/observe/latencyHistogram";

export const START = 1_760_000_000_000;

const stream = (
  id: string,
  name: string,
  parallelism: number,
  kinds: readonly string[],
): GraphDescription["vertices"][number] => ({
  id,
  name,
  kind: "stream",
  parallelism,
  operators: kinds.map((kind) => ({ id: `${id}-${kind}`, name: kind, kind })),
});

export function sampleGraph(parallelism = 2, instances = 2): GraphDescription {
  const streams = ["messages", "classify", "per-language"];
  const subtasks = streams.flatMap((id) => Array.from({ length: parallelism }, (_, index) => `${id}#${index}`));
  return {
    name: "Language detection",
    vertices: [
      stream("messages", "messages -> ngrams", parallelism, ["source", "map"]),
      stream("classify", "classify -> every message", parallelism, ["rpc", "sink"]),
      stream("per-language", "per language -> counts", parallelism, ["window", "sink"]),
      {
        id: "langid",
        name: "langid",
        kind: "service",
        parallelism: instances,
        operators: [],
        service: { model: "langid.onnx", deployment: "rpc-service", device: "auto" },
      },
    ],
    edges: [
      {
        source: "messages",
        target: "classify",
        partitionType: "PIPELINED_BOUNDED",
        pattern: "ALL_TO_ALL",
        shipStrategy: "REBALANCE",
      },
      {
        source: "classify",
        target: "per-language",
        partitionType: "PIPELINED_BOUNDED",
        pattern: "ALL_TO_ALL",
        shipStrategy: "HASH",
      },
    ],
    regions: [
      { id: "region-1", vertices: streams, subtasks },
      ...Array.from({ length: instances }, (_, index) => ({
        id: `region-${index + 2}`,
        vertices: ["langid"],
        subtasks: [`langid#${index}`],
      })),
    ],
    calls: [{ source: "classify", target: "langid" }],
    origin: { form: "job-file", notes: [] },
  };
}

export interface SampleOptions {
  readonly parallelism?: number;
  readonly instances?: number;
  readonly loadDelayMs?: number;
  readonly name?: string;
}

/** Records a second of each source subtask while nothing is wrong. */
const RATE = 500;
const METRICS_MS = 250;

export class SampleRun {
  readonly #events: { at: number; order: number; body: JournalEventBody }[] = [];
  readonly graph: GraphDescription;
  readonly streams: readonly string[];
  readonly instances: readonly string[];
  readonly #attempt = new Map<string, number>();
  readonly #loadDelayMs: number;
  #failure = 0;
  #failover = 0;
  #injection = 0;
  #checkpoint = 0;
  #pid = 1000;
  readonly #pids = new Map<string, number>();
  /** [from, to, factor]: throughput of the whole job is multiplied. */
  readonly #slow: [from: number, to: number, factor: number][] = [];
  readonly #latencies: [from: number, to: number, ms: number][] = [];

  constructor(options: SampleOptions = {}) {
    this.graph = sampleGraph(options.parallelism, options.instances);
    this.#loadDelayMs = options.loadDelayMs ?? 0;
    const subtasks = (kind: string): string[] =>
      this.graph.vertices
        .filter((vertex) => vertex.kind === kind)
        .flatMap((vertex) => Array.from({ length: vertex.parallelism }, (_, index) => `${vertex.id}#${index}`));
    this.streams = subtasks("stream");
    this.instances = subtasks("service");
    this.at(0, {
      kind: "run.started",
      schema: 1,
      run: {
        id: "20251009-090640-7f3a",
        job: options.name ?? "Language detection",
        jobFile: "/home/user/jobs/language-detection.faultline.json",
        directory: "/home/user/.local/state/faultline/runs/20251009-090640-7f3a",
        engine: "local",
        deployment: "rpc-service",
        failoverStrategy: "region",
        scheduler: "default",
        machine: { cores: 2, memoryBytes: 24e9, platform: "linux-x64", node: "v20.20.2" },
      },
      graph: this.graph,
    });
  }

  at(ms: number, body: JournalEventBody): this {
    this.#events.push({ at: ms, order: this.#events.length, body });
    return this;
  }

  taskManagerOf(task: string): string {
    return `taskmanager:${Number(task.slice(task.lastIndexOf("#") + 1)) % 2}`;
  }

  process(ms: number, process: string): void {
    const pid = this.#pid++;
    this.#pids.set(process, pid);
    this.at(ms, { kind: "process.started", process, pid });
    this.at(ms + 65, { kind: "process.connected", process, pid });
  }

  lost(ms: number, process: string, signal = "SIGKILL"): void {
    const pid = this.#pids.get(process) ?? 0;
    this.at(ms, {
      kind: "process.lost",
      process,
      pid,
      evidence: { by: "exit", exitCode: null, signal },
      expected: false,
    });
  }

  /** Everything starts; RUNNING at about 600 ms. */
  start(): this {
    this.at(1, { kind: "job.state", from: "INITIALIZING", to: "CREATED" });
    this.at(2, { kind: "job.state", from: "CREATED", to: "RUNNING" });
    for (const process of ["taskmanager:0", "taskmanager:1"]) this.process(3, process);
    for (const [index, instance] of this.instances.entries()) this.bringUp(instance, 5 + index, 0);
    for (const [index, task] of this.streams.entries()) this.deploy(task, 200 + index, 0);
    this.at(620, { kind: "sink.first-record", task: "classify#0" });
    return this;
  }

  state(ms: number, task: string, from: string, to: string, cause?: Cause): void {
    const vertexKind = this.instances.includes(task) ? "service" : "stream";
    const process = vertexKind === "service" ? `service:${task}` : this.taskManagerOf(task);
    const attempt = this.#attempt.get(task) ?? 0;
    this.at(ms, {
      kind: "task.state",
      task,
      vertexKind,
      attempt,
      from,
      to,
      process,
      ...(cause ? { cause } : {}),
    } as JournalEventBody);
  }

  deploy(task: string, ms: number, attempt: number): number {
    this.#attempt.set(task, attempt);
    if (attempt > 0) this.state(ms - 1, task, "CANCELED", "CREATED");
    this.state(ms, task, "CREATED", "SCHEDULED");
    this.state(ms + 5, task, "SCHEDULED", "DEPLOYING");
    this.state(ms + 20, task, "DEPLOYING", "INITIALIZING");
    if (attempt > 0)
      this.at(ms + 40, { kind: "task.restored", task, attempt, checkpoint: this.#checkpoint, bytes: 2048 });
    this.state(ms + 60, task, "INITIALIZING", "RUNNING");
    return ms + 60;
  }

  /** A service instance from its process to its first answer; gives when it was registered. */
  bringUp(instance: string, ms: number, attempt: number): number {
    this.#attempt.set(instance, attempt);
    const phase = (at: number, name: string, more: object = {}): void => {
      this.at(at, { kind: "instance.phase", instance, attempt, phase: name, ...more } as JournalEventBody);
    };
    if (attempt > 0) this.state(ms - 1, instance, "FAILED", "CREATED");
    this.state(ms, instance, "CREATED", "SCHEDULED");
    this.process(ms, `service:${instance}`);
    const pid = this.#pids.get(`service:${instance}`);
    this.state(ms + 1, instance, "SCHEDULED", "DEPLOYING");
    phase(ms + 1, "STARTING", { pid });
    const loading = ms + 180;
    this.state(loading, instance, "DEPLOYING", "INITIALIZING");
    phase(loading, "LOADING", { pid });
    const warming = loading + 45 + this.#loadDelayMs;
    const known = {
      pid,
      device: "cpu",
      address: `127.0.0.1:${40000 + attempt}`,
      loadDelayMs: this.#loadDelayMs || undefined,
    };
    phase(warming, "WARMING", { ...known, previousPhaseMs: warming - loading });
    phase(warming + 8, "READY", { ...known, previousPhaseMs: 8 });
    this.state(warming + 8, instance, "INITIALIZING", "RUNNING");
    this.endpoints(warming + 9);
    phase(warming + 14, "SERVING", known);
    return warming + 9;
  }

  /** Who is among them is filled in when the journal is made, from what ran at that time. */
  endpoints(ms: number): void {
    this.at(ms, { kind: "service.endpoints", service: "langid", instances: [] });
  }

  inject(ms: number, fault: string, target: string, evidence?: string): number {
    const injection = ++this.#injection;
    this.at(ms, { kind: "fault.injected", injection, fault, target, parameters: {}, by: "command" });
    if (evidence !== undefined) this.at(ms + 4, { kind: "fault.effective", injection, evidence });
    return injection;
  }

  /** SIGKILL to one service instance; gives when it was back. */
  killInstance(ms: number, instance: string, injected = true): number {
    if (injected)
      this.inject(
        ms,
        "crash",
        `service:${instance}`,
        `process ${this.#pids.get(`service:${instance}`) ?? 0} ended by SIGKILL`,
      );
    const attempt = this.#attempt.get(instance) ?? 0;
    const process = `service:${instance}`;
    const failure = ++this.#failure;
    const failover = ++this.#failover;
    this.lost(ms + 9, process);
    const cause: Cause = { code: "FL2005", message: `Process ${process} was lost: ended by SIGKILL.` };
    this.state(ms + 9, instance, "RUNNING", "FAILED", cause);
    this.at(ms + 9, { kind: "failure", id: failure, task: instance, attempt, process, cause });
    this.endpoints(ms + 10);
    this.at(ms + 10, {
      kind: "failover",
      id: failover,
      failures: [failure],
      strategy: "region",
      regions: [this.graph.regions.find((region) => region.subtasks.includes(instance))?.id ?? ""],
      tasks: [],
      instances: [instance],
      untouched: this.streams.length + this.instances.length - 1,
      delayMs: 0,
    });
    this.at(ms + 11, {
      kind: "client.ejected",
      task: "classify#0",
      service: "langid",
      instance,
      reason: "connection lost",
    });
    this.at(ms + 12, {
      kind: "client.retry",
      task: "classify#0",
      service: "langid",
      instance,
      requests: 5,
      reason: "UNAVAILABLE",
    });
    this.at(ms + 12, {
      kind: "client.retry",
      task: "classify#1",
      service: "langid",
      instance,
      requests: 3,
      reason: "UNAVAILABLE",
    });
    const back = this.bringUp(instance, ms + 12, attempt + 1);
    this.at(back + 1, { kind: "failover.finished", id: failover });
    this.#slow.push([ms, ms + 60, 0.4]);
    this.#latencies.push([ms, ms + 250, 70]);
    return back;
  }

  /** SIGKILL to a TaskManager; the whole stream region restarts. Gives when it ran again. */
  killTaskManager(ms: number, process: string, delayMs = 300, injected = true): number {
    if (injected) this.inject(ms, "crash", process, `process ${this.#pids.get(process) ?? 0} ended by SIGKILL`);
    this.lost(ms + 11, process);
    const cause: Cause = { code: "FL2005", message: `Process ${process} was lost: ended by SIGKILL.` };
    const failures: number[] = [];
    for (const task of this.streams) {
      if (this.taskManagerOf(task) !== process) continue;
      const id = ++this.#failure;
      failures.push(id);
      this.state(ms + 11, task, "RUNNING", "FAILED", cause);
      this.at(ms + 11, { kind: "failure", id, task, attempt: this.#attempt.get(task) ?? 0, process, cause });
    }
    const failover = ++this.#failover;
    this.at(ms + 12, {
      kind: "failover",
      id: failover,
      failures,
      strategy: "region",
      regions: ["region-1"],
      tasks: this.streams,
      instances: [],
      untouched: this.instances.length,
      delayMs,
      restoredCheckpoint: this.#checkpoint,
    });
    this.at(ms + 12, { kind: "job.state", from: "RUNNING", to: "RESTARTING" });
    for (const task of this.streams) {
      if (this.taskManagerOf(task) === process) continue;
      this.state(ms + 13, task, "RUNNING", "CANCELING");
      this.state(ms + 25, task, "CANCELING", "CANCELED");
    }
    this.process(ms + 13, process);
    let running = 0;
    for (const [index, task] of this.streams.entries()) {
      running = this.deploy(task, ms + 12 + delayMs + index, (this.#attempt.get(task) ?? 0) + 1);
    }
    for (const task of this.streams.filter((one) => one.startsWith("messages#"))) {
      this.at(ms + 12 + delayMs + 41, {
        kind: "source.rewound",
        task,
        attempt: this.#attempt.get(task) ?? 0,
        records: 210,
      });
    }
    this.at(running, { kind: "job.state", from: "RESTARTING", to: "RUNNING" });
    this.at(running + 1, { kind: "failover.finished", id: failover });
    this.#slow.push([ms, running + 30, 0]);
    return running;
  }

  checkpoints(from: number, to: number, everyMs: number): this {
    for (let ms = from; ms < to; ms += everyMs) {
      if (this.#slow.some(([a, b, factor]) => factor === 0 && ms + 40 > a && ms < b)) continue;
      const checkpoint = ++this.#checkpoint;
      this.at(ms, { kind: "checkpoint.triggered", checkpoint, tasks: this.streams.length, reason: "periodic" });
      const sourceOffsets = Object.fromEntries(
        this.streams
          .filter((task) => task.startsWith("messages#"))
          .map((task) => [task, Math.floor(((ms - 600) / 1000) * RATE)]),
      );
      this.at(ms + 34, {
        kind: "checkpoint.completed",
        checkpoint,
        durationMs: 30 + (checkpoint % 5) * 3,
        bytes: 40_000 + checkpoint * 13,
        path: `checkpoints/chk-${checkpoint}`,
        alignmentMs: 4,
        sourceOffsets,
      });
      this.at(ms + 36, {
        kind: "sink.committed",
        task: "classify#0",
        checkpoint,
        files: [`part-0-${checkpoint}.ndjson`],
        records: everyMs,
      });
    }
    return this;
  }

  /** Throughput multiplied by `factor` and calls taking `latencyMs`, for what has no process events: a slow service. */
  slow(from: number, to: number, factor: number, latencyMs: number): this {
    this.#slow.push([from, to, factor]);
    this.#latencies.push([from, to, latencyMs]);
    return this;
  }

  metrics(from: number, to: number): this {
    const noise = (seed: number): number => 1 + 0.04 * Math.sin(seed * 12.9898);
    const share = (a: number, b: number): number => {
      let sum = 0;
      for (let ms = a; ms < b; ms += 10) sum += this.#slow.find(([x, y]) => ms >= x && ms < y)?.[2] ?? 1;
      return sum / ((b - a) / 10);
    };
    for (let ms = from + METRICS_MS; ms <= to; ms += METRICS_MS) {
      const factor = share(ms - METRICS_MS, ms);
      for (const process of ["taskmanager:0", "taskmanager:1"]) {
        const tasks: Record<string, TaskMetrics> = {};
        for (const task of this.streams.filter((one) => this.taskManagerOf(one) === process)) {
          const records = Math.round(RATE * (METRICS_MS / 1000) * factor * noise(ms + task.length));
          const latency = new LatencyHistogram();
          const slowed = this.#latencies.find(([a, b]) => ms > a && ms - METRICS_MS < b)?.[2];
          for (let call = 0; call < records; call++)
            latency.record(slowed !== undefined && call % 10 === 0 ? slowed : 1.5 + (call % 17) / 10);
          tasks[task] = {
            attempt: 0,
            recordsIn: task.startsWith("messages#") ? 0 : records,
            recordsOut: records,
            ...(task.startsWith("messages#") ? { sourceOffset: Math.floor(((ms - 600) / 1000) * RATE) } : {}),
            bytesIn: records * 120,
            bytesOut: records * 140,
            busyMs: METRICS_MS * 0.4 * factor,
            backPressuredMs: factor < 1 ? METRICS_MS * 0.3 : 0,
            idleMs: METRICS_MS * (factor < 1 ? 0.3 : 0.6),
            buffersInUse: 3,
            ...(task.startsWith("classify#")
              ? {
                  rpc: {
                    service: "langid",
                    requests: records,
                    succeeded: records,
                    retried: 0,
                    failed: 0,
                    inFlight: 8,
                    latencyMs: latency.take(),
                  },
                }
              : {}),
          };
        }
        if (factor > 0) this.at(ms, { kind: "metrics", intervalMs: METRICS_MS, process, rssBytes: 9e7, tasks });
      }
      for (const instance of this.instances) {
        const requests = Math.round(RATE * (METRICS_MS / 1000) * factor);
        this.at(ms, {
          kind: "metrics",
          intervalMs: METRICS_MS,
          process: `service:${instance}`,
          rssBytes: 1.2e8,
          instances: {
            [instance]: {
              attempt: 0,
              requests,
              rejected: 0,
              batches: Math.ceil(requests / 4),
              batchSizes: { 4: Math.ceil(requests / 4) },
              queueDepth: 2,
              inFlight: 4,
              busyMs: 90,
              wastedMs: factor < 1 ? 1.5 : 0,
              latencyMs: {},
            },
          },
        });
      }
    }
    return this;
  }

  end(ms: number, state: "FINISHED" | "FAILED" | "CANCELED" = "FINISHED"): this {
    for (const task of this.streams) this.state(ms - 20, task, "RUNNING", "FINISHED");
    for (const instance of this.instances) this.state(ms - 10, instance, "RUNNING", "CANCELED");
    this.at(ms - 5, { kind: "job.state", from: "RUNNING", to: state });
    return this.at(ms, { kind: "run.ended", state });
  }

  /** In the order of time, as a journal. */
  events(): JournalEvent[] {
    const running = new Map<string, number>();
    const attempts = new Map<string, number>();
    return this.#events
      .toSorted((a, b) => a.at - b.at || a.order - b.order)
      .map(({ at, body }, seq) => {
        if (body.kind === "task.state") attempts.set(body.task, body.attempt);
        if (body.kind === "metrics" && body.tasks !== undefined) {
          const entries = Object.entries(body.tasks).map(([task, one]) => [
            task,
            { ...one, attempt: attempts.get(task) ?? 0 },
          ]);
          return { seq, at: START + at, ...body, tasks: Object.fromEntries(entries) as Record<string, TaskMetrics> };
        }
        if (body.kind === "task.state" && body.vertexKind === "service") {
          if (body.to === "RUNNING") running.set(body.task, body.attempt);
          else running.delete(body.task);
        }
        if (body.kind !== "service.endpoints") return { seq, at: START + at, ...body };
        const instances = this.instances
          .filter((instance) => running.has(instance))
          .map((instance) => ({ instance, attempt: running.get(instance) ?? 0, address: "127.0.0.1:1" }));
        return { seq, at: START + at, ...body, instances };
      });
  }
}
