import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { readSweep } from "../../simulator/cli/simulateOptions";
import type { SimulationRequest } from "../../simulator/client/simulateJob";
import { planFor } from "../../simulator/client/simulateJob";
import { runSimulation, youngGenerationMib } from "../../simulator/client/simulationThreads";
import { FaultlineError } from "../../simulator/graph/errors";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { sweepChart } from "../../simulator/observe/sweepChart";
import { meanRate, nextArrivalMs, rateAt } from "../../simulator/virtual/arrivals";
import type { ArrivalPattern } from "../../simulator/virtual/arrivals";
import { Calibration } from "../../simulator/virtual/calibration";
import { Chance } from "../../simulator/virtual/chance";
import { constant, medianOf } from "../../simulator/virtual/distribution";
import { predictFault } from "../../simulator/virtual/predictFault";
import { RecordLog } from "../../simulator/virtual/recordLog";
import { RegionSnapshots } from "../../simulator/virtual/regionSnapshots";
import { estimate, partsOf, resultsOf, runPart } from "../../simulator/virtual/simulation";
import type { SimulationResult } from "../../simulator/observe/simulationResult";
import { checkSimulation } from "../../simulator/virtual/simulationChecks";
import { simulateRun } from "../../simulator/virtual/simulationRun";
import { DEFAULT_TIMINGS, timingsOf, withServiceTimings } from "../../simulator/virtual/simulatedTimings";
import { simulatedJob } from "../fixtures/simulatedJob";

const JOB = simulatedJob({ parallelism: 4, instances: 3, slots: 2, ship: "HASH", checkpointMs: 2_000 });
const REQUEST: Omit<SimulationRequest, "jobFile"> = {
  seed: 1,
  seeds: 2,
  durationMs: 120_000,
  deployments: ["rpc-service"],
  strategies: ["region"],
  ratePerSecond: 100,
  loadTimeMs: 2_000,
  repairMs: 5_000,
};

function run(changes: Partial<SimulationRequest>): readonly SimulationResult[] {
  const plan = planFor(JOB, { ...REQUEST, ...changes });
  return resultsOf(plan, partsOf(plan).map((part) => runPart(plan, part)));
}

describe("simulate", () => {
  it("gives every record that comes, and depends on nothing but its input", () => {
    const [result] = run({});
    assert.equal(JSON.stringify(run({})), JSON.stringify([result]));
    assert.notEqual(JSON.stringify(run({ seed: 3 })), JSON.stringify([result]));
    assert.ok(Math.abs((result.throughputPerSecond?.mean ?? 0) - 100) < 5);
    assert.equal(result.goodput?.mean, 1);
    assert.equal(result.downtime.ms?.mean, 0);
    assert.deepEqual(result.states, { RUNNING: 2 });
  });

  it("gives the same in threads, however many, and says how far it is", async () => {
    const changes: Partial<SimulationRequest> = { deployments: ["rpc-service", "embedded"], mtbfMs: { model: 30_000 }, seeds: 3 };
    const shares: number[] = [];
    const results = await runSimulation(planFor(JOB, { ...REQUEST, ...changes }), { onProgress: ({ done, runs }) => shares.push(done / runs) });
    assert.equal(JSON.stringify(results), JSON.stringify(run(changes)));
    assert.equal(shares.at(-1), 1);
    assert.deepEqual(shares, [...shares].sort((a, b) => a - b));
  });

  it("restarts the instance alone as a service, and the whole region where the model is embedded", () => {
    const [service, embedded, sidecar] = run({ deployments: ["rpc-service", "embedded", "sidecar"], mtbfMs: { model: 30_000 } });
    assert.ok((service.faults?.mean ?? 0) >= 3, "hardly anything failed");
    assert.equal(service.tasksRestarted?.mean, 0);
    assert.ok((service.instancesRestarted?.mean ?? 0) >= 3);
    assert.equal(service.goodput?.mean, 1);
    assert.equal(embedded.instancesRestarted?.mean, 0);
    assert.ok((embedded.tasksRestarted?.mean ?? 0) >= 3 * 8);
    assert.ok((embedded.goodput?.mean ?? 1) < 1);
    assert.ok((embedded.downtime.ms?.mean ?? 0) > (service.downtime.ms?.mean ?? 0));
    assert.ok((sidecar.instancesRestarted?.mean ?? 0) >= 3);
  });

  it("is worse off with the strategy full", () => {
    const [region, full] = run({ strategies: ["region", "full"], mtbfMs: { model: 30_000 } });
    assert.ok((full.tasksRestarted?.mean ?? 0) > (region.tasksRestarted?.mean ?? 0));
    assert.ok((full.downtime.ms?.mean ?? 0) > (region.downtime.ms?.mean ?? 0));
  });

  it("survives every kind of failure, again and again", () => {
    const kinds = { device: 1, node: 1, taskmanager: 1, model: 1, task: 1, hang: 1, coordinator: 1 } as const;
    for (const result of run({ deployments: ["rpc-service", "sidecar", "embedded", "external"], mtbfMs: mapValues(kinds, () => 60_000), faultEveryMs: 15_000, seeds: 1, durationMs: 900_000 })) {
      assert.deepEqual(result.states, { RUNNING: 1 }, result.deployment);
      assert.ok((result.faults?.mean ?? 0) > 50);
      assert.ok((result.throughputPerSecond?.mean ?? 0) > 20, `${result.deployment} gave ${result.throughputPerSecond?.mean} records/s`);
    }
  });

  it("takes too little capacity for what it is", () => {
    const [result] = run({ instances: 1, ratePerSecond: 3_000, runTimeMs: 5, rowTimeMs: 1, durationMs: 20_000 });
    // Eight requests in 13 ms.
    assert.ok(Math.abs((result.throughputPerSecond?.mean ?? 0) - 615) < 60, `${result.throughputPerSecond?.mean}`);
    assert.ok((result.records.waiting?.mean ?? 0) > 20_000);
  });
});

describe("what cannot be simulated", () => {
  const cases: readonly (readonly [string, Partial<SimulationRequest>, string])[] = [
    ["no rate", { ratePerSecond: 0 }, "FL1050"],
    ["an impossible rate", { ratePerSecond: 1e12 }, "FL1050"],
    ["a rate below nothing", { ratePerSecond: -5 }, "FL1050"],
    ["no parallelism", { parallelism: 0 }, "FL1050"],
    ["half an instance", { instances: 0.5 }, "FL1050"],
    ["no nodes", { nodes: 0 }, "FL1050"],
    ["no GPUs", { devices: 0 }, "FL1050"],
    ["no seeds", { seeds: 0 }, "FL1050"],
    ["no time", { durationMs: 0 }, "FL1050"],
    ["a failure each millisecond", { mtbfMs: { device: 1 } }, "FL1050"],
    ["a burst longer than its period", { burst: { factor: 5, everyMs: 1_000, lastsMs: 2_000 } }, "FL1050"],
    ["a model that is larger than any device", { deviceMemoryBytes: 16e9, modelMemoryBytes: 140e9 }, "FL1051"],
    ["a node without a device that has to hold a copy", { deployments: ["embedded"], devices: 1 }, "FL1051"],
    ["too few devices for the copies", { devices: 1, deviceMemoryBytes: 16e9, modelMemoryBytes: 14e9 }, "FL1051"],
  ];
  for (const [what, changes, code] of cases) {
    it(`${what}: ${code}`, () => {
      assert.throws(
        () => planFor(JOB, { ...REQUEST, ...changes }),
        (error) => error instanceof FaultlineError && error.code === code && !error.message.includes("undefined"),
      );
    });
  }

  it("says first that it would need too much memory", () => {
    const plan = planFor(JOB, { ...REQUEST, parallelism: 30_000, instances: 1_000 });
    const [problem] = checkSimulation(plan, 500e6);
    assert.equal(problem.code, "FL1052");
    assert.match(problem.message, /about \d+(\.\d)? GB.*500 MB/);
  });
});

describe("parts of a simulation", () => {
  it("has bursts at the end of each period", () => {
    const pattern: ArrivalPattern = { ratePerSecond: 10, burst: { factor: 5, everyMs: 1_000, lastsMs: 200 }, kind: "external" };
    assert.equal(rateAt(pattern, 799), 10);
    assert.equal(rateAt(pattern, 800), 50);
    assert.equal(rateAt(pattern, 1_000), 10);
    assert.equal(meanRate(pattern), 18);
    const chance = new Chance(1);
    let count = 0;
    for (let at = 0; at < 100_000; at = nextArrivalMs(pattern, 1, at, chance)) count++;
    assert.ok(Math.abs(count - 1_800) < 150, `${count} arrivals`);
  });

  it("keeps records as long as they may be asked for", () => {
    const log = new RecordLog();
    for (let record = 0; record < 5_000; record++) {
      log.append(record * 10);
      if (record % 100 === 0) log.forgetBefore(record - 50);
    }
    assert.equal(log.arrivedAtMs(4_960), 49_600);
    assert.equal(log.finish(4_960), true);
    assert.equal(log.finish(4_960), false);
  });

  it("keeps where regions were at checkpoints as long as those are kept", () => {
    const snapshots = new RegionSnapshots(3);
    snapshots.keep(0, 7, 40);
    snapshots.keep(2, 7, 50);
    snapshots.keepInFlight(2, 7, [48, 49]);
    snapshots.keep(0, 8, 60);
    snapshots.keep(1, 7, 0);
    assert.deepEqual([0, 1, 2].map((region) => snapshots.positionAt(region, 7)), [40, 0, 50]);
    assert.deepEqual([0, 1, 2].map((region) => snapshots.positionAt(region, 8)), [60, undefined, undefined]);
    assert.deepEqual([2, 0].map((region) => snapshots.inFlightAt(region, 7)), [[48, 49], []]);
    assert.deepEqual([snapshots.positionAt(0, undefined), snapshots.positionAt(0, 9), snapshots.inFlightAt(2, undefined)], [undefined, undefined, []]);
    snapshots.forgetBefore(8);
    assert.deepEqual([snapshots.positionAt(0, 7), snapshots.inFlightAt(2, 7), snapshots.positionAt(0, 8)], [undefined, [], 60]);
  });

  it("lets the tasks of a process write their state together, each process in its own time", () => {
    const median = (taskManagers: number): number => {
      const durations: number[] = [];
      simulateRun({
        job: simulatedJob({ parallelism: 24, instances: 2, slots: 24 / taskManagers, ship: "FORWARD", checkpointMs: 10_000 }),
        seed: 1,
        durationMs: 1_200_000,
        arrivals: { ratePerSecond: 10, burst: undefined, kind: "external" },
        machines: { nodes: taskManagers, devices: 2, copiesPerDevice: 1 },
        timings: { ...DEFAULT_TIMINGS, snapshotMs: { kind: "lognormal", medianMs: 200, spread: 1 }, controlMs: constant(1), storeMs: constant(1) },
        failures: { mtbfMs: {}, everyMs: undefined, deviceRepairMs: 60_000, nodeRepairMs: 60_000 },
        onEvent: (event) => {
          if (event.kind === "checkpoint.completed") durations.push(event.durationMs);
        },
      });
      assert.ok(durations.length > 100, `${durations.length} checkpoints`);
      return durations.sort((a, b) => a - b)[Math.floor(durations.length / 2)];
    };
    const [one, many] = [median(1), median(24)];
    assert.ok(one > 140 && one < 280, `one process takes its one time, 200 ms in the middle: ${one}`);
    assert.ok(many > 800, `of 24 processes the slowest counts: ${many}`);
  });

  it("gives a large job's simulation a larger young generation", () => {
    const subtasks = [99, 10_002, 40_000, 98_304, 1_000_000];
    const sizes = subtasks.map(youngGenerationMib);
    assert.deepEqual(sizes, [192, 192, 315, 768, 768]);
    assert.ok(sizes.every((mib) => mib % 3 === 0), "three spaces of the same size");
  });

  it("estimates a mean with its interval", () => {
    assert.deepEqual(estimate([2, 2, 2]), { mean: 2, low: 2, high: 2 });
    assert.equal(estimate([null, undefined]), null);
    const spread = estimate([1, 3]);
    assert.equal(spread?.mean, 2);
    assert.ok(Math.abs((spread?.high ?? 0) - (2 + 12.706)) < 1e-6);
    assert.equal(spread?.low, 0);
  });

  it("reads sweeps", () => {
    assert.deepEqual(readSweep("parallelism=1..64").values, ["1", "2", "4", "8", "16", "32", "64"]);
    assert.deepEqual(readSweep("rate=100..400:100").values, ["100", "200", "300", "400"]);
    assert.deepEqual(readSweep("load-time=1s,30s").values, ["1s", "30s"]);
    for (const text of ["parallelism", "speed=1..2", "parallelism=4..1", "rate=1..1000:1"]) assert.throws(() => readSweep(text), FaultlineError);
  });

  it("draws a sweep, with names as text", () => {
    const value = { mean: 5, low: 4, high: 6 };
    const page = sweepChart({ title: "<job>", parameter: "parallelism", labels: ["1", "2"], panels: [{ title: "T", unit: "records/s", lines: [{ name: "a<b", values: [value, null] }] }] });
    assert.ok(page.includes("&lt;job&gt;") && page.includes("a&lt;b") && !page.includes("<job>") && !page.includes("NaN"));
  });

  it("takes times from a journal", () => {
    const calibration = new Calibration();
    let seq = 0;
    const observe = (at: number, event: object): void => calibration.observe({ seq: seq++, at, ...event } as unknown as Parameters<Calibration["observe"]>[0]);
    observe(0, { kind: "process.started", process: "service:m#0", pid: 1 });
    observe(80, { kind: "process.connected", process: "service:m#0", pid: 1 });
    for (const [at, phase] of [[90, "LOADING"], [1_090, "WARMING"], [1_190, "READY"]] as const) observe(at, { kind: "instance.phase", instance: "m#0", attempt: 0, phase, loadDelayMs: 400 });
    for (const [batches, requests] of [[10, 20], [10, 80], [5, 40]]) {
      observe(2_000, { kind: "metrics", intervalMs: 250, process: "service:m#0", rssBytes: 1, instances: { "m#0": { batches, requests, busyMs: 4 * batches + 0.5 * requests, latencyMs: {} } } });
    }
    const { services, instanceStartMs } = calibration.timings(DEFAULT_TIMINGS);
    const times = services.get("m");
    assert.ok(times !== undefined);
    assert.equal(medianOf(instanceStartMs), 80);
    assert.deepEqual([medianOf(times.startMs), medianOf(times.loadMs), medianOf(times.warmMs)], [10, 600, 100]);
    assert.ok(Math.abs(times.run.fixedMs - 4) < 1e-6 && Math.abs(times.run.perRowMs - 0.5) < 1e-6);
    assert.equal(timingsOf(DEFAULT_TIMINGS, "other"), DEFAULT_TIMINGS.anyService);
  });

  it("takes the times after failures rather than those of the start, and tells first tasks of a process from later ones", () => {
    const calibration = new Calibration();
    let seq = 0;
    const observe = (at: number, event: object): void => calibration.observe({ seq: seq++, at, ...event } as unknown as Parameters<Calibration["observe"]>[0]);
    const deploy = (at: number, readyAt: readonly number[]): void => {
      readyAt.forEach((_, index) => observe(at, { kind: "task.state", task: `t#${index}`, vertexKind: "stream", attempt: 0, from: "SCHEDULED", to: "DEPLOYING", process: "taskmanager:0" }));
      readyAt.forEach((ready, index) => observe(ready, { kind: "task.state", task: `t#${index}`, vertexKind: "stream", attempt: 0, from: "INITIALIZING", to: "RUNNING", process: "taskmanager:0" }));
    };
    observe(0, { kind: "process.started", process: "taskmanager:0", pid: 1 });
    observe(400, { kind: "process.connected", process: "taskmanager:0", pid: 1 });
    deploy(410, [450, 500]);
    observe(500, { kind: "job.state", from: "CREATED", to: "RUNNING" });
    assert.equal(medianOf(calibration.timings(DEFAULT_TIMINGS).processStartMs), 400);
    observe(1_000, { kind: "fault.injected", injection: 1, fault: "crash", target: "taskmanager:0", parameters: {}, by: "command" });
    observe(1_012, { kind: "process.lost", process: "taskmanager:0", pid: 1, evidence: { by: "exit", exitCode: null, signal: "SIGKILL" }, expected: false });
    observe(1_013, { kind: "process.started", process: "taskmanager:0", pid: 2 });
    observe(1_133, { kind: "process.connected", process: "taskmanager:0", pid: 2 });
    deploy(1_140, [1_200, 1_230]);
    observe(1_230, { kind: "job.state", from: "RESTARTING", to: "RUNNING" });
    deploy(2_000, [2_020, 2_030]);
    observe(3_000, { kind: "fault.injected", injection: 2, fault: "crash", target: "coordinator", parameters: {}, by: "command" });
    observe(3_140, { kind: "coordinator.recovered", pid: 9 });
    observe(3_180, { kind: "process.connected", process: "taskmanager:0", pid: 2 });
    const times = calibration.timings(DEFAULT_TIMINGS);
    assert.equal(medianOf(times.processStartMs), 120, "the start after the failure alone");
    assert.equal(medianOf(times.exitMs), 12);
    assert.equal(medianOf(times.firstTaskStartMs), 90, "the last task of each process counts");
    assert.equal(medianOf(times.taskStartMs), 30);
    assert.equal(medianOf(times.coordinatorRestartMs), 140);
    assert.equal(medianOf(times.reconnectMs), 40);
  });

  it("tells the first load of a model in a process from later ones", () => {
    const calibration = new Calibration();
    let seq = 0;
    const observe = (at: number, event: object): void => calibration.observe({ seq: seq++, at, ...event } as unknown as Parameters<Calibration["observe"]>[0]);
    const load = (at: number, pid: number, loadMs: number, warmMs: number): void => {
      const phase = (when: number, name: string): void => observe(when, { kind: "instance.phase", instance: "m#0", attempt: 0, phase: name, pid });
      phase(at, "LOADING");
      phase(at + loadMs, "WARMING");
      phase(at + loadMs + warmMs, "READY");
    };
    load(0, 7, 300, 9);
    observe(500, { kind: "job.state", from: "CREATED", to: "RUNNING" });
    assert.equal(calibration.timings(DEFAULT_TIMINGS).services.get("m")?.again, undefined);
    load(1_000, 7, 60, 2);
    load(2_000, 8, 140, 4);
    load(3_000, 8, 62, 2);
    const times = calibration.timings(DEFAULT_TIMINGS).services.get("m");
    assert.ok(times?.again !== undefined);
    assert.deepEqual([medianOf(times.loadMs), medianOf(times.warmMs)], [140, 4]);
    assert.ok(medianOf(times.again.loadMs) >= 60 && medianOf(times.again.loadMs) <= 62);
    assert.equal(medianOf(times.again.warmMs), 2);
  });

  it("leaves out later loads that ran beside a first one, where there are others", () => {
    const calibration = new Calibration();
    let seq = 0;
    const observe = (at: number, event: object): void => calibration.observe({ seq: seq++, at, ...event } as unknown as Parameters<Calibration["observe"]>[0]);
    const phase = (at: number, name: string, instance: string, pid: number): void => observe(at, { kind: "instance.phase", instance, attempt: 0, phase: name, pid });
    const again = (): number | undefined => {
      const times = calibration.timings(DEFAULT_TIMINGS).services.get("m")?.again;
      return times === undefined ? undefined : medianOf(times.loadMs);
    };
    phase(0, "LOADING", "m#0", 7);
    phase(100, "WARMING", "m#0", 7);
    phase(102, "READY", "m#0", 7);
    observe(500, { kind: "job.state", from: "CREATED", to: "RUNNING" });
    // The process of m#1 is new: m#0, in a process that lived on, has to share the cores with it.
    phase(1_000, "LOADING", "m#0", 7);
    phase(1_001, "LOADING", "m#1", 8);
    phase(1_095, "WARMING", "m#0", 7);
    phase(1_097, "READY", "m#0", 7);
    assert.equal(again(), 95, "it counts as long as there is no other");
    phase(1_140, "WARMING", "m#1", 8);
    phase(1_142, "READY", "m#1", 8);
    for (const [instance, pid, loadMs] of [["m#0", 7, 57], ["m#1", 8, 57]] as const) {
      phase(2_000, "LOADING", instance, pid);
      phase(2_000 + loadMs, "WARMING", instance, pid);
      phase(2_002 + loadMs, "READY", instance, pid);
    }
    assert.equal(again(), 57);
  });

  it("predicts that an embedded model comes back sooner where its process lived on", () => {
    const spec = simulatedJob({ parallelism: 2, instances: 2, slots: 1, ship: "HASH", checkpointMs: 1_000 });
    const job = { ...spec, services: spec.services.map((service) => ({ ...service, deployment: "embedded" as const })) };
    const recoveredAfter = (again: number | undefined): number => {
      const events = predictFault({
        job,
        seed: 3,
        arrivals: { ratePerSecond: 400, burst: undefined, kind: "paced" as const },
        machines: { nodes: 2, devices: 2, copiesPerDevice: 1 },
        timings: withServiceTimings(DEFAULT_TIMINGS, (of) => ({
          ...of,
          loadMs: constant(2_000),
          warmMs: constant(0),
          again: again === undefined ? undefined : { loadMs: constant(again), warmMs: constant(0) },
        })),
        fault: "crash" as const,
        target: "coordinator",
        process: "coordinator",
        strikesMs: [4_000],
        untilMs: 12_000,
      });
      return reportOf(events).failures[0]?.recoveredAfterMs ?? NaN;
    };
    assert.ok(Math.abs(recoveredAfter(undefined) - recoveredAfter(100) - 1_900) < 50);
  });

  it("predicts what a fault would do, strike by strike, and in the same way for the same seed", () => {
    const job = simulatedJob({ parallelism: 2, instances: 2, slots: 1, ship: "HASH", checkpointMs: 1_000 });
    const options = {
      job,
      seed: 3,
      arrivals: { ratePerSecond: 400, burst: undefined, kind: "paced" as const },
      machines: { nodes: 2, devices: 2, copiesPerDevice: 1 },
      timings: withServiceTimings(DEFAULT_TIMINGS, (of) => ({ ...of, loadMs: constant(50), warmMs: constant(5) })),
      fault: "crash" as const,
      target: "taskmanager:0",
      process: "taskmanager:0",
      strikesMs: [4_000, 9_000],
      untilMs: 14_000,
    };
    const events = predictFault(options);
    assert.deepEqual(events, predictFault(options));
    const { failures } = reportOf(events);
    assert.deepEqual(failures.map(({ fault, target }) => `${fault} ${target}`), ["crash taskmanager:0", "crash taskmanager:0"]);
    for (const { recoveredAfterMs, dip } of failures) {
      // A process start of 250 ms and the first tasks of 80 ms, each within its spread.
      assert.ok(recoveredAfterMs !== null && recoveredAfterMs > 150 && recoveredAfterMs < 900, String(recoveredAfterMs));
      assert.ok(dip !== null && Math.abs(dip.before - 400) < 20 && dip.area > 0, JSON.stringify(dip));
    }
  });
});

function mapValues<K extends string>(of: Readonly<Record<K, unknown>>, to: () => number): Record<K, number> {
  return Object.fromEntries(Object.keys(of).map((key) => [key, to()])) as Record<K, number>;
}
