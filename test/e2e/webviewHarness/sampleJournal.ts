/**
 * Journals that the tests of the graph view show: what a run of the language detection job writes when one service instance is killed.
 * Times and counts are made up for drawing; nothing here is a measurement.
 */
import type { GraphDescription } from "../../../simulator/graph/graphDescription";
import type { ExecutionState } from "../../../simulator/graph/executionState";
import type {
  InstancePhase,
  JournalEvent,
  JournalEventBody,
  TaskMetrics,
} from "../../../simulator/observe/journalEvent";
import { mulberry, subtasksOf } from "./sampleGraphs";

export const START = 1_760_000_000_000;

export class JournalScript {
  readonly events: JournalEvent[] = [];
  readonly #random: () => number;

  constructor(
    readonly graph: GraphDescription,
    seed = 7,
  ) {
    this.#random = mulberry(seed);
  }

  /** `ms` from the start of the run. */
  at(ms: number, body: JournalEventBody): this {
    this.events.push({ ...body, seq: -1, at: START + ms });
    return this;
  }

  /** In the order of time, numbered from 0; metrics carry the attempt of their time, endpoints the instances that took calls then. */
  done(): JournalEvent[] {
    const attempts = new Map<string, number>();
    const serving = new Map<string, { instance: string; attempt: number; address: string }>();
    return this.events
      .sort((a, b) => a.at - b.at)
      .map((event, seq) => {
        if (event.kind === "task.state") {
          attempts.set(event.task, event.attempt);
          if (event.to !== "RUNNING") serving.delete(event.task);
        }
        if (event.kind === "instance.phase" && event.phase === "READY") {
          const { instance, attempt, address = "" } = event;
          serving.set(instance, { instance, attempt, address });
        }
        if (event.kind === "service.endpoints") {
          const instances = [...serving.values()].filter(({ instance }) => instance.startsWith(`${event.service}#`));
          return { ...event, seq, instances };
        }
        if (event.kind !== "metrics") return { ...event, seq };
        const current = <M extends { readonly attempt: number }>(metrics: Readonly<Record<string, M>> | undefined) =>
          metrics &&
          Object.fromEntries(
            Object.entries(metrics).map(([name, one]) => [name, { ...one, attempt: attempts.get(name) ?? 1 }]),
          );
        return { ...event, seq, tasks: current(event.tasks), instances: current(event.instances) };
      });
  }

  begin(): this {
    this.at(0, {
      kind: "run.started",
      schema: 1,
      run: {
        id: "20251009-085320-k3f9",
        job: this.graph.name,
        jobFile: "/workspace/language-detection.faultline.json",
        directory: "/workspace/.faultline/runs/20251009-085320-k3f9",
        engine: "local",
        deployment: "rpc-service",
        failoverStrategy: "region",
        scheduler: "default",
        machine: { cores: 8, memoryBytes: 16 * 2 ** 30, platform: "linux", node: "v20.20.0" },
      },
      graph: this.graph,
    });
    this.at(1, { kind: "job.state", from: "INITIALIZING", to: "CREATED" });
    this.at(120, { kind: "job.state", from: "CREATED", to: "RUNNING" });
    return this;
  }

  task(task: string, attempt: number, steps: readonly (readonly [number, ExecutionState])[], process: string): this {
    let from: ExecutionState = "CREATED";
    for (const [ms, to] of steps) {
      this.at(ms, { kind: "task.state", task, vertexKind: this.#kind(task), attempt, from, to, process });
      from = to;
    }
    return this;
  }

  instance(
    instance: string,
    attempt: number,
    at: number,
    pid: number,
    durations = { start: 180, load: 420, warm: 260 },
  ): this {
    const loading = at + durations.start;
    const warming = loading + durations.load;
    const ready = warming + durations.warm;
    const phase = (ms: number, name: InstancePhase, previousPhaseMs?: number): void => {
      const known = ms >= warming;
      this.at(ms, {
        kind: "instance.phase",
        instance,
        attempt,
        phase: name,
        pid,
        ...(known ? { device: "cpu" } : {}),
        ...(ms >= ready ? { address: `127.0.0.1:${42000 + (pid % 1000)}` } : {}),
        ...(previousPhaseMs === undefined ? {} : { previousPhaseMs }),
      });
    };
    this.at(at, { kind: "process.started", process: `service:${instance}`, pid });
    this.task(
      instance,
      attempt,
      [
        [at - 8, "CREATED"],
        [at - 6, "SCHEDULED"],
        [at, "DEPLOYING"],
        [loading, "INITIALIZING"],
        [ready, "RUNNING"],
      ],
      `service:${instance}`,
    );
    phase(at, "STARTING");
    phase(loading, "LOADING", durations.start);
    phase(warming, "WARMING", durations.load);
    phase(ready, "READY", durations.warm);
    phase(ready + 12, "SERVING", 12);
    return this.endpoints(ready + 0.5, instance.slice(0, instance.lastIndexOf("#")));
  }

  /** Clients are told who takes calls; who that is, is filled in by {@link done}. */
  endpoints(ms: number, service: string): this {
    return this.at(ms, { kind: "service.endpoints", service, instances: [] });
  }

  startAll(): this {
    this.at(30, { kind: "process.started", process: "taskmanager:0", pid: 4101 });
    this.at(31, { kind: "process.started", process: "taskmanager:1", pid: 4102 });
    let pid = 4200;
    for (const vertex of this.graph.vertices) {
      for (const [index, task] of subtasksOf(vertex).entries()) {
        if (vertex.kind === "service") this.instance(task, 1, 60 + index * 3, pid++);
        else {
          this.task(
            task,
            1,
            [
              [125, "CREATED"],
              [126, "SCHEDULED"],
              [140, "DEPLOYING"],
              [260, "INITIALIZING"],
              [310, "RUNNING"],
            ],
            `taskmanager:${index % 2}`,
          );
        }
      }
    }
    return this;
  }

  checkpoints(from: number, to: number, everyMs: number): this {
    let checkpoint = 1;
    for (let ms = from; ms < to; ms += everyMs) {
      this.at(ms, { kind: "checkpoint.triggered", checkpoint, tasks: 8, reason: "periodic" });
      this.at(ms + 40, {
        kind: "checkpoint.completed",
        checkpoint,
        durationMs: 40,
        bytes: 21_400,
        path: `chk-${checkpoint}`,
        alignmentMs: 3,
        sourceOffsets: {},
      });
      checkpoint++;
    }
    return this;
  }

  /** Metrics of every task each 200 ms; `rate(ms)` is what a source subtask emits a second. */
  metrics(
    from: number,
    to: number,
    rate: (ms: number) => number,
    down: (instance: string, ms: number) => boolean = () => false,
  ): this {
    const intervalMs = 200;
    for (let ms = from; ms < to; ms += intervalMs) {
      const tasks: Record<string, TaskMetrics> = {};
      for (const vertex of this.graph.vertices) {
        if (vertex.kind !== "stream") continue;
        for (const task of subtasksOf(vertex)) {
          const records = Math.round(((rate(ms) * intervalMs) / 1000) * (0.95 + this.#random() * 0.1));
          const source = vertex.operators[0]?.kind === "source";
          const sink = vertex.operators.at(-1)?.kind === "sink";
          const calls = this.graph.calls.find((call) => call.source === vertex.id);
          const busyMs = Math.round(intervalMs * (calls === undefined ? 0.3 : 0.55) + this.#random() * 12);
          tasks[task] = {
            attempt: 1,
            recordsIn: source ? 0 : records,
            recordsOut: sink && !source ? 0 : records,
            bytesIn: records * 80,
            bytesOut: records * 80,
            busyMs,
            backPressuredMs: source ? Math.round(intervalMs * 0.2) : 0,
            idleMs: Math.max(0, intervalMs - busyMs - (source ? 40 : 0)),
            buffersInUse: 3,
            ...(calls === undefined
              ? {}
              : {
                  rpc: {
                    service: calls.target,
                    requests: records,
                    succeeded: records,
                    retried: 0,
                    failed: 0,
                    inFlight: 6 + Math.round(this.#random() * 6),
                    latencyMs: {
                      100: Math.round(records * 0.6),
                      120: Math.round(records * 0.38),
                      160: Math.max(1, Math.round(records * 0.02)),
                    },
                  },
                }),
          };
        }
      }
      this.at(ms, { kind: "metrics", intervalMs, process: "taskmanager:0", rssBytes: 140e6, tasks });
      for (const vertex of this.graph.vertices) {
        if (vertex.kind !== "service") continue;
        for (const instance of subtasksOf(vertex)) {
          if (down(instance, ms)) continue;
          const requests = Math.round((rate(ms) * intervalMs) / 1000);
          this.at(ms + 1, {
            kind: "metrics",
            intervalMs,
            process: `service:${instance}`,
            rssBytes: 210e6,
            instances: {
              [instance]: {
                attempt: 1,
                requests,
                rejected: 0,
                batches: Math.ceil(requests / 8),
                batchSizes: { 8: Math.floor(requests / 8), 3: 1 },
                queueDepth: Math.round(this.#random() * 4),
                inFlight: 4 + Math.round(this.#random() * 4),
                busyMs: Math.round(intervalMs * 0.6),
                wastedMs: 0,
                latencyMs: { 90: requests },
              },
            },
          });
        }
      }
    }
    return this;
  }

  #kind(task: string): "stream" | "service" {
    const vertex = task.slice(0, task.lastIndexOf("#"));
    return this.graph.vertices.find((one) => one.id === vertex)?.kind ?? "stream";
  }
}

/** One service instance is killed after 6 s and serves again 0.9 s later; the run goes on until `until` ms. */
export function killedInstance(graph: GraphDescription, until = 12_000): JournalEvent[] {
  const script = new JournalScript(graph).begin().startAll();
  const killed = 6000;
  const back = killed + 60 + 180 + 420 + 260;
  script
    .checkpoints(1500, until, 2000)
    .metrics(
      400,
      until,
      (ms) => (ms > killed && ms < back ? 330 : 620),
      (instance, ms) => instance === "langid#1" && ms > killed && ms < back,
    )
    .at(killed, {
      kind: "fault.injected",
      injection: 1,
      fault: "crash",
      target: "service:langid#1",
      parameters: {},
      by: "command",
    })
    .at(killed + 4, { kind: "fault.effective", injection: 1, evidence: "Process 4201 ended with SIGKILL." })
    .at(killed + 9, {
      kind: "process.lost",
      process: "service:langid#1",
      pid: 4201,
      evidence: { by: "exit", exitCode: null, signal: "SIGKILL" },
      expected: false,
    })
    .at(killed + 9.2, {
      kind: "task.state",
      task: "langid#1",
      vertexKind: "service",
      attempt: 1,
      from: "RUNNING",
      to: "FAILED",
      process: "service:langid#1",
      cause: { code: "FL2005", message: "The process of langid#1 ended with SIGKILL." },
    })
    .endpoints(killed + 9.3, "langid")
    .at(killed + 9.4, {
      kind: "failure",
      id: 1,
      task: "langid#1",
      attempt: 1,
      process: "service:langid#1",
      cause: { code: "FL2005", message: "The process of langid#1 ended with SIGKILL." },
    })
    .at(killed + 9.6, {
      kind: "failover",
      id: 1,
      failures: [1],
      strategy: "region",
      regions: ["region-2"],
      tasks: [],
      instances: ["langid#1"],
      untouched: 9,
      delayMs: 50,
    })
    .at(killed + 14, {
      kind: "client.retry",
      task: "classify#0",
      service: "langid",
      instance: "langid#1",
      requests: 7,
      reason: "UNAVAILABLE",
    })
    .at(killed + 15, {
      kind: "client.retry",
      task: "classify#1",
      service: "langid",
      instance: "langid#1",
      requests: 5,
      reason: "UNAVAILABLE",
    });
  script.instance("langid#1", 2, killed + 60, 4311);
  script.at(back + 14, { kind: "failover.finished", id: 1 });
  return script.done();
}

/** A TaskManager dies: with one region for the whole data plane, all of it restarts; the service instances do not notice. */
export function lostTaskManager(graph: GraphDescription, until = 12_000): JournalEvent[] {
  const script = new JournalScript(graph).begin().startAll();
  const lost = 6000;
  const tasks = graph.vertices
    .filter((vertex) => vertex.kind === "stream")
    .flatMap((vertex) => subtasksOf(vertex).map((task, index) => ({ task, index })));
  const dead = tasks.filter(({ index }) => index % 2 === 1);
  script.checkpoints(1500, lost, 2000).checkpoints(lost + 2500, until, 2000);
  script
    .metrics(400, until, (ms) => (ms > lost && ms < lost + 1500 ? 0 : ms > lost && ms < lost + 2600 ? 900 : 620))
    .at(lost, {
      kind: "fault.injected",
      injection: 1,
      fault: "crash",
      target: "taskmanager:1",
      parameters: {},
      by: "command",
    })
    .at(lost + 5, { kind: "fault.effective", injection: 1, evidence: "Process 4102 ended with SIGKILL." })
    .at(lost + 11, {
      kind: "process.lost",
      process: "taskmanager:1",
      pid: 4102,
      evidence: { by: "exit", exitCode: null, signal: "SIGKILL" },
      expected: false,
    });
  const cause = { code: "FL2005", message: "TaskManager 1 was lost." } as const;
  dead.forEach(({ task }, i) => {
    script.at(lost + 12, {
      kind: "task.state",
      task,
      vertexKind: "stream",
      attempt: 1,
      from: "RUNNING",
      to: "FAILED",
      process: "taskmanager:1",
      cause,
    });
    script.at(lost + 12 + i * 0.1, { kind: "failure", id: i + 1, task, attempt: 1, process: "taskmanager:1", cause });
  });
  script.at(lost + 13, {
    kind: "failover",
    id: 1,
    failures: dead.map((_, i) => i + 1),
    strategy: "region",
    regions: ["region-0"],
    tasks: tasks.map(({ task }) => task),
    instances: [],
    untouched: 2,
    delayMs: 1000,
    restoredCheckpoint: 3,
  });
  script.at(lost + 14, { kind: "job.state", from: "RUNNING", to: "RESTARTING" });
  for (const { task, index } of tasks) {
    if (index % 2 === 0)
      script.task(
        task,
        1,
        [
          [lost + 15, "CANCELING"],
          [lost + 40, "CANCELED"],
        ],
        "taskmanager:0",
      );
    script.task(
      task,
      2,
      [
        [lost + 1013, "CREATED"],
        [lost + 1014, "SCHEDULED"],
        [lost + 1200, "DEPLOYING"],
        [lost + 1320, "INITIALIZING"],
        [lost + 1490, "RUNNING"],
      ],
      `taskmanager:${index % 2}`,
    );
  }
  script.at(lost + 1492, { kind: "job.state", from: "RESTARTING", to: "RUNNING" });
  script.at(lost + 1495, { kind: "failover.finished", id: 1 });
  return script.done();
}

/** A run whose second vertex is skewed: a few of its subtasks are busy all the time, so that those before it are held up. */
export function loadedRun(graph: GraphDescription): JournalEvent[] {
  const script = new JournalScript(graph).begin().startAll();
  graph.vertices.forEach((vertex, place) => {
    const tasks = Object.fromEntries(
      subtasksOf(vertex).map((task, index) => {
        const busyMs = place === 1 ? (index % 17 === 3 ? 198 : 20 + ((index * 37) % 110)) : (index * 13) % 70;
        const backPressuredMs = place === 0 && index % 5 === 1 ? 150 : 0;
        const counts = { recordsIn: 20 + busyMs, recordsOut: 20 + busyMs, bytesIn: 9000, bytesOut: 9000 };
        const times = { busyMs, backPressuredMs, idleMs: Math.max(0, 200 - busyMs - backPressuredMs) };
        return [task, { attempt: 1, ...counts, ...times, buffersInUse: 2 }];
      }),
    );
    script.at(2000, { kind: "metrics", intervalMs: 200, process: "taskmanager:0", rssBytes: 1e8, tasks });
  });
  return script.done();
}
