import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { finishRun } from "../../simulator/client/finishRun";
import { clockAhead, watchFlink } from "../../simulator/client/watchFlink";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import type { JournalEvent, JournalEventBody, JournalEventOf } from "../../simulator/observe/journalEvent";
import { readJournal } from "../../simulator/observe/journalReader";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { reportText } from "../../simulator/observe/reportText";
import { json, madeUpJob, readRecording, recordings, replay, serve } from "../fixtures/flinkAnswers";

function gate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

describe("a job of a real Flink as a run", function () {
  this.timeout(60_000);
  let folder: string;
  let runs = 0;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "faultline-flink-"))));
  after(() => rmSync(folder, { recursive: true }));
  const newRun = (): string => path.join(folder, `run-${runs++}`);

  /** Follows the recorded answers to their end. */
  async function replayed(name: string): Promise<{ events: JournalEvent[]; directory: string }> {
    let drained = (): void => undefined;
    const server = await replay(readRecording(name), () => drained());
    const events: JournalEvent[] = [];
    const directory = newRun();
    const watch = await watchFlink({
      address: { url: server.url },
      directory,
      intervalMs: 1,
      onEvent: (event) => events.push(event),
    });
    drained = () => watch.stop();
    await watch.ended;
    await server.close();
    return { events, directory };
  }
  const of = <K extends JournalEvent["kind"]>(events: readonly JournalEvent[], kind: K): JournalEventOf<K>[] =>
    events.filter((event): event is JournalEventOf<K> => event.kind === kind);

  it("has recordings of both kinds of exchange", () => {
    const names = recordings();
    for (const kind of ["pointwise", "all-to-all"])
      assert.ok(
        names.some((name) => name.startsWith(`${kind}-2.`)),
        kind,
      );
  });

  for (const name of recordings()) {
    describe(name, () => {
      let events: JournalEvent[];
      let directory: string;
      before(async () => ({ events, directory } = await replayed(name)));

      it("gives a journal with the graph, its regions and every task's way", async () => {
        const [started] = events;
        assert.ok(started?.kind === "run.started");
        assert.equal(started.run.engine, "flink");
        assert.equal(started.graph.regions.length, name.startsWith("pointwise") ? 2 : 1);
        const fromDisk: JournalEvent[] = [];
        for await (const event of readJournal(path.join(directory, "journal.ndjson"))) fromDisk.push(event);
        assert.deepEqual(fromDisk, events);
        assert.equal(events.at(-1)?.kind, "run.ended");
        for (const region of started.graph.regions) {
          for (const task of region.subtasks) {
            const states = of(events, "task.state").filter((event) => event.task === task);
            assert.equal(states.at(-1)?.to, "RUNNING", task);
            assert.ok(states.at(-1)?.process?.startsWith("taskmanager:"), task);
            states.forEach((event, index) => {
              const before = states[index - 1];
              if (before?.attempt === event.attempt) assert.equal(event.from, before.to, `${task} after ${before.to}`);
            });
          }
        }
      });

      it("finds that Flink restarted exactly what was predicted", () => {
        const [compared, ...more] = of(events, "failover.compared");
        assert.ok(compared !== undefined && more.length === 0);
        assert.deepEqual([compared.agrees, compared.missing, compared.unexpected], [true, [], []]);
        const up = new Set(
          of(events, "task.state")
            .filter(({ attempt }) => attempt > 0)
            .map(({ task }) => task),
        );
        assert.equal(compared.actual, up.size);
        assert.equal(compared.predicted, up.size);
        const [started] = of(events, "run.started");
        const tasks = started?.graph.regions.flatMap(({ subtasks }) => subtasks).length ?? 0;
        assert.ok(
          name.startsWith("pointwise") ? up.size < tasks : up.size === tasks,
          `${up.size} of ${tasks} restarted`,
        );
        assert.equal(compared.lostProcesses.length, 1);
        assert.ok(compared.failed.length > 0);
        const lost = of(events, "process.lost").map(({ process }) => process);
        assert.deepEqual(lost, compared.lostProcesses);
      });

      it("has checkpoints, exceptions and metrics, and a report of all of it", async () => {
        assert.ok(of(events, "checkpoint.completed").length > 0);
        assert.ok(of(events, "failure").every(({ cause }) => cause.code === "FL5014" && cause.message !== ""));
        const metrics = of(events, "metrics").flatMap(({ tasks }) => Object.values(tasks ?? {}));
        // The example job with a window has hardly begun when its TaskManager is killed.
        if (name.startsWith("pointwise")) assert.ok(metrics.some(({ recordsOut }) => recordsOut > 0));
        for (const { busyMs, idleMs, backPressuredMs } of metrics)
          assert.ok(Math.min(busyMs, idleMs, backPressuredMs) >= 0);
        const { report } = await finishRun(directory);
        assert.equal(report.run.engine, "flink");
        assert.equal(report.run.state, "RUNNING");
        assert.deepEqual([report.predictions?.failovers, report.predictions?.agreed], [1, 1]);
        const [failure, ...others] = report.failures;
        assert.equal(others.length, 0, "one disturbance");
        assert.ok(failure !== undefined && failure.recoveredAfterMs !== null);
        assert.equal(failure.restartedTasks.length, report.predictions?.compared[0]?.actual);
        const text = reportText(report);
        assert.match(text, /Flink restarted exactly the tasks that were predicted, in the one failover\./);
        assert.doesNotMatch(text, /[0-9a-f]{32}/, "vertices have their names");
      });
    });
  }

  it("makes an event of a failover that is not the predicted one, with what is needed to find out why", async () => {
    const name = recordings().find((one) => one.startsWith("all-to-all"));
    assert.ok(name !== undefined);
    // As if the first subtask of the last vertex had kept its attempt.
    const kept = readRecording(name).map((answer) => {
      const body = structuredClone(answer.body) as {
        subtasks?: { attempt: number; status: string; subtask: number }[];
        id?: string;
      };
      const job = readRecording(name).find((one) => /^\/jobs\/[0-9a-f]{32}$/.test(one.path))?.body as {
        vertices: { id: string }[];
      };
      if (body.subtasks === undefined || body.id !== job.vertices.at(-1)?.id) return answer;
      for (const subtask of body.subtasks)
        if (subtask.subtask === 0) Object.assign(subtask, { attempt: 0, status: "RUNNING" });
      return { ...answer, body };
    });
    let drained = (): void => undefined;
    const server = await replay(kept, () => drained());
    const directory = newRun();
    const events: JournalEvent[] = [];
    const watch = await watchFlink({
      address: { url: server.url },
      directory,
      intervalMs: 1,
      onEvent: (event) => events.push(event),
    });
    drained = () => watch.stop();
    await watch.ended;
    await server.close();
    const [compared] = of(events, "failover.compared");
    assert.equal(compared?.agrees, false);
    assert.equal(compared.missing.length, 1);
    assert.ok(
      compared.evidence.some((line) =>
        line.startsWith(`${compared.missing[0]} (region-0) was RUNNING on taskmanager-`),
      ),
    );
    const { report } = await finishRun(directory);
    assert.match(reportText(report), /Flink restarted other tasks than predicted in 1 of 1 failover/);
  });

  it("has a whole report, however many write it at the same time", async () => {
    const { directory } = await replayed(recordings()[0] ?? "");
    const pages = await Promise.all(
      Array.from({ length: 16 }, async () => readFileSync((await finishRun(directory)).html, "utf8")),
    );
    for (const page of pages) assert.match(page, /^<!DOCTYPE html>[^]*<\/html>\s*$/i);
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.includes(".tmp")),
      [],
    );
  });

  it("says that the cluster was lost, and finds it again", async () => {
    const answers = madeUpJob(2, 2);
    const server = await serve((request, response) => {
      const body = answers(request.url ?? "");
      if (body === undefined) json(response, {}, 404);
      else json(response, body);
    });
    const lost = gate();
    const found = gate();
    const events: JournalEvent[] = [];
    const watch = await watchFlink({
      address: { url: server.url },
      directory: newRun(),
      intervalMs: 10,
      onEvent: (event) => {
        events.push(event);
        if (event.kind === "process.lost") lost.resolve();
        if (event.kind === "log" && event.message.includes("found again")) found.resolve();
      },
    });
    await server.close();
    await lost.promise;
    await server.open();
    await found.promise;
    watch.stop();
    await watch.ended;
    await server.close();
    const [log] = of(events, "log");
    assert.equal(log?.code, "FL5016");
    assert.match(log.message, /cannot be reached for the moment/);
    assert.equal(of(events, "process.lost").length, 1);
  });

  it("asks at the cluster's own interval, and a fifth as often while nobody looks", async () => {
    const answers = madeUpJob(1, 1);
    const refreshMs = 100;
    let isSeen = true;
    const askedAt: number[] = [];
    let onRound = (): void => undefined;
    const server = await serve((request, response) => {
      const url = request.url ?? "";
      if (/^\/jobs\/[0-9a-f]{32}$/.test(url)) {
        askedAt.push(performance.now());
        onRound();
      }
      const body = url === "/config" ? { "refresh-interval": refreshMs, "flink-version": "2.3.0" } : answers(url);
      json(response, body ?? {}, body === undefined ? 404 : 200);
    });
    const rounds = (count: number): Promise<readonly number[]> =>
      new Promise((resolve) => {
        askedAt.length = 0;
        onRound = () => {
          if (askedAt.length > count) resolve(askedAt.slice(1).map((at, index) => at - (askedAt[index] ?? 0)));
        };
      });
    const watch = await watchFlink({ address: { url: server.url }, directory: newRun(), visible: () => isSeen });
    const seen = await rounds(5);
    isSeen = false;
    await rounds(1);
    const hidden = await rounds(2);
    watch.stop();
    await watch.ended;
    await server.close();
    // Timers of Node may come a moment early.
    assert.ok(Math.min(...seen) >= refreshMs - 5, `while seen: ${seen.map(Math.round).join(", ")}`);
    assert.ok(Math.min(...hidden) >= 5 * (refreshMs - 50), `while hidden: ${hidden.map(Math.round).join(", ")}`);
    assert.ok(Math.min(...hidden) > 2 * Math.min(...seen));
  });

  it("waits for the plan of a job that is being initialized, and for a cluster that is too busy to say it", async () => {
    const answers = madeUpJob(2, 2);
    let asked = 0;
    const server = await serve((request, response) => {
      const url = request.url ?? "";
      const body = answers(url);
      if (!/^\/jobs\/[0-9a-f]{32}$/.test(url)) return json(response, body ?? {}, body === undefined ? 404 : 200);
      asked++;
      if (asked === 1) return json(response, { errors: ["Internal server error."] }, 500);
      if (asked === 2) return json(response, { ...(body as object), state: "INITIALIZING", plan: {}, vertices: [] });
      return json(response, body);
    });
    const watch = await watchFlink({ address: { url: server.url }, directory: newRun(), intervalMs: 10 });
    watch.stop();
    await watch.ended;
    assert.ok(asked >= 3);
    asked = 0;
    const impatient = watchFlink({
      address: { url: server.url },
      job: "0123456789abcdef0123456789abcdef",
      directory: newRun(),
      patienceMs: 0,
    });
    await assert.rejects(impatient, (error: Error & { code?: string }) => error.code === "FL5009");
    await server.close();
  });

  it("tells a clock that is another from an answer that took long", () => {
    assert.equal(clockAhead(1_000_000, 999_000, 1_000_400), 0);
    assert.equal(clockAhead(5_000_000, 1_000_000, 1_000_100), 3_999_950);
    assert.equal(clockAhead(1_000_000, 4_600_000, 4_600_010), -3_600_005);
    assert.equal(clockAhead(1_004_000, 1_000_000, 1_009_000), 0, "half of a long answer is no difference");
  });

  it("ends when the job vanishes from its cluster", async () => {
    const answers = madeUpJob(2, 2);
    let vanished = false;
    const server = await serve((request, response) => {
      const body = vanished && request.url?.startsWith("/jobs/0") === true ? undefined : answers(request.url ?? "");
      if (body === undefined) json(response, { errors: ["not found"] }, 404);
      else json(response, body);
    });
    const watch = await watchFlink({
      address: { url: server.url },
      directory: newRun(),
      intervalMs: 5,
      onEvent: (event) => (vanished ||= event.kind === "task.state" && event.to === "RUNNING"),
    });
    const { state, cause } = await watch.ended;
    assert.equal(state, "SUSPENDED");
    assert.equal(cause?.code, "FL5006");
    await server.close();
  });

  it("asks of a job with 5,000 subtasks a part in each round, while nothing happens", async () => {
    const answers = madeUpJob(5, 1_000);
    const server = await serve((request, response) => {
      const body = answers(request.url ?? "");
      if (body === undefined) json(response, {}, 404);
      else json(response, body);
    });
    const rounds = gate();
    let asked = 0;
    const watch = await watchFlink({
      address: { url: server.url },
      directory: newRun(),
      intervalMs: 1,
      onEvent: () => undefined,
    });
    const timer = setInterval(() => {
      asked = server.asked.filter((url) => /^\/jobs\/[0-9a-f]{32}$/.test(url)).length;
      if (asked >= 6) rounds.resolve();
    }, 20);
    await rounds.promise;
    clearInterval(timer);
    watch.stop();
    await watch.ended;
    await server.close();
    const vertices = server.asked.filter((url) => url.includes("/vertices/")).length;
    assert.ok(vertices < 5 * (asked - 1), `${vertices} answers about vertices in ${asked} rounds`);
  });
});

describe("services beside a job of a real Flink, in the report", () => {
  const GRAPH: GraphDescription = {
    name: "job",
    vertices: [
      { id: "v", name: "classify", kind: "stream", parallelism: 1, operators: [] },
      {
        id: "langid",
        name: "langid",
        kind: "service",
        parallelism: 1,
        operators: [],
        service: { model: "m.onnx", deployment: "external", device: "auto" },
      },
    ],
    edges: [],
    regions: [{ id: "region-0", vertices: ["v"], subtasks: ["v#0"] }],
    calls: [],
    origin: { form: "rest-job", notes: [] },
  };
  const machine = { cores: 2, memoryBytes: 1, platform: "linux", node: "v20" };
  const run = {
    id: "r",
    job: "job",
    jobFile: "",
    directory: "/r",
    engine: "flink",
    deployment: "external",
    failoverStrategy: "region",
    scheduler: "default",
    machine,
  } as const;

  /** A fault on `target`, and a task that fails after it, in a run of which nobody knows who calls the service. */
  function failuresOf(
    target: string,
  ): readonly { readonly fault: string; readonly restartedTasks: readonly string[] }[] {
    const bodies: readonly (readonly [number, JournalEventBody])[] = [
      [0, { kind: "run.started", schema: 1, run, graph: GRAPH }],
      [1, { kind: "job.state", from: "CREATED", to: "RUNNING" }],
      [100, { kind: "fault.injected", injection: 1, fault: "black-hole", target, parameters: {}, by: "schedule" }],
      [101, { kind: "fault.effective", injection: 1, evidence: "seen" }],
      [200, { kind: "failure", id: 1, task: "v#0", attempt: 0, cause: { code: "FL5014", message: "timed out" } }],
      [
        201,
        {
          kind: "failover",
          id: 1,
          failures: [1],
          strategy: "region",
          regions: ["region-0"],
          tasks: ["v#0"],
          instances: [],
          untouched: 0,
          delayMs: 0,
        },
      ],
      [300, { kind: "failover.finished", id: 1 }],
    ];
    return reportOf(bodies.map(([at, body], seq) => ({ ...body, seq, at: 1_000_000 + at }))).failures;
  }

  it("a task that fails after a fault on a service, or on a link to one, failed for it: who calls is not known", () => {
    for (const target of ["service:langid#0", "link:taskmanager:tm-1->service:langid#0"]) {
      const failures = failuresOf(target);
      assert.deepEqual(
        failures.map(({ fault, restartedTasks }) => [fault, restartedTasks]),
        [["black-hole", ["v#0"]]],
        target,
      );
    }
  });
});
