/** In virtual time clients leave out instances that answer badly, or not at all, and take them back; autoscalers follow the load. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { SimulationRequest } from "../../simulator/client/simulateJob";
import { planFor } from "../../simulator/client/simulateJob";
import type { ServiceEndpoint } from "../../simulator/core/deployment";
import type { JobSpec, ServiceSpec } from "../../simulator/graph/jobFile";
import { DEFAULT_OUTLIER_EJECTION } from "../../simulator/graph/servicePolicies";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { resultTable } from "../../simulator/observe/simulationFigures";
import type { SimulationResult } from "../../simulator/observe/simulationResult";
import { Chance } from "../../simulator/virtual/chance";
import { EventLoop } from "../../simulator/virtual/eventLoop";
import { FlowWorld } from "../../simulator/virtual/flowWorld";
import { partsOf, resultsOf, runPart } from "../../simulator/virtual/simulation";
import { DEFAULT_TIMINGS, withServiceTimings } from "../../simulator/virtual/simulatedTimings";
import { constant } from "../../simulator/virtual/distribution";
import { VirtualInstance } from "../../simulator/virtual/virtualInstance";
import { VirtualProcess } from "../../simulator/virtual/virtualProcess";
import { VirtualRosClient } from "../../simulator/virtual/virtualRosClient";
import { simulatedJob } from "../fixtures/simulatedJob";

const [SERVICE] = simulatedJob({ parallelism: 1, instances: 3, slots: 1, ship: "FORWARD", checkpointMs: 1_000 }).services;

/** Instances, and one client that calls them every 10 ms. */
class Served {
  readonly loop = new EventLoop();
  readonly ejected: string[] = [];
  readonly retried: string[] = [];
  readonly runMs: number[];
  readonly instances: readonly VirtualInstance[];
  readonly process: VirtualProcess;
  readonly client: VirtualRosClient;
  answered = 0;
  failed: string[] = [];
  /** Rows that each instance ran. */
  readonly rows: number[];

  constructor(count: number, policies: Partial<ServiceSpec> = {}) {
    const { loop } = this;
    const spec: ServiceSpec = { ...SERVICE, balancing: "round-robin", ...policies };
    this.runMs = Array.from({ length: count }, () => 5);
    this.rows = this.runMs.map(() => 0);
    this.instances = this.runMs.map((_, index) => {
      const process = new VirtualProcess(loop, `service:m#${index}`, index);
      const timing = { startMs: () => 0, loadMs: () => 0, warmMs: () => 0, runMs: () => this.runMs[index] };
      const onRun = (_ms: number, rows: number): void => void (this.rows[index] += rows);
      return new VirtualInstance({ spec, instance: `m#${index}`, attempt: 0, process, timing, onPhase: () => undefined, onRun });
    });
    for (const instance of this.instances) instance.start();
    this.process = new VirtualProcess(loop, "taskmanager:0", 100);
    this.client = new VirtualRosClient(
      {
        spec,
        loop,
        chance: new Chance(1),
        process: this.process,
        origin: 1,
        network: { instanceAt: (address) => this.instances[Number(address)], latencyMs: () => 0.1 },
        onRetry: (instance, requests, reason) => this.retried.push(`${instance}: ${requests}, ${reason}`),
        onEjected: (instance, reason) => this.ejected.push(`${instance}: ${reason}`),
      },
      this.endpoints(...this.runMs.keys()),
    );
  }

  endpoints(...indexes: readonly number[]): ServiceEndpoint[] {
    return indexes.map((index) => ({ instance: `m#${index}`, attempt: 0, address: String(index), token: undefined }));
  }

  /** @returns rows that each instance ran meanwhile. */
  callFor(ms: number): readonly number[] {
    const { loop } = this;
    const before = [...this.rows];
    const until = loop.now + ms;
    const call = (): void => {
      if (loop.now >= until - 10) return;
      this.client.call(60_000, { onResult: () => void this.answered++, onError: (message) => void this.failed.push(message) });
      this.process.post(10, call);
    };
    this.process.run(call);
    this.runUntil(until);
    return this.rows.map((rows, index) => rows - before[index]);
  }

  runUntil(until: number): void {
    while (this.loop.step(until));
  }

  get leftOut(): readonly string[] {
    return this.client.leftOut.map(({ instance }) => instance);
  }
}

describe("a client in virtual time", () => {
  it("leaves a slow instance out, and takes it back once it had its time", () => {
    const served = new Served(3);
    served.runMs[1] = 300;
    served.callFor(1_500);
    assert.match(served.ejected[0], /^m#1: answers take \d+ ms, others 5 ms$/);
    assert.deepEqual(served.leftOut, ["m#1"]);
    served.runMs[1] = 5;
    // What it had in its queue by then comes late, and counts against it once more.
    served.callFor(5_000);
    assert.deepEqual(served.leftOut, []);
    const [a, b, c] = served.callFor(300);
    assert.ok(a > 5 && b > 5 && c > 5, `${a}, ${b}, ${c}`);
    assert.ok(served.ejected.length <= 2, served.ejected.join("; "));
    assert.deepEqual(served.failed, []);
  });

  it("gives the calls of an instance that stands still elsewhere, and takes it back when it goes on", () => {
    const served = new Served(3);
    served.callFor(500);
    served.instances[2].process.stop();
    served.callFor(1_200);
    assert.equal(served.ejected.length, 1);
    assert.match(served.ejected[0], /^m#2: no answer for 10\d\d ms$/);
    assert.match(served.retried[0], /^m#2: \d+, no answer for 10\d\d ms$/);
    assert.deepEqual(served.leftOut, ["m#2"]);
    served.instances[2].process.resume();
    served.callFor(2_000);
    assert.deepEqual(served.leftOut, []);
    served.runUntil(served.loop.now + 1_000);
    assert.equal(served.client.inFlight, 0);
    assert.deepEqual(served.failed, []);
    assert.ok(served.callFor(300)[2] > 5);
  });

  it("takes back each of several that are left out at different times", () => {
    const served = new Served(5);
    served.callFor(200);
    served.instances[0].process.stop();
    served.callFor(500);
    served.instances[1].process.stop();
    served.callFor(1_200);
    assert.deepEqual(served.ejected.map((line) => line.slice(0, 3)), ["m#0", "m#1"]);
    assert.deepEqual(served.leftOut, ["m#0", "m#1"]);
    for (const { process } of served.instances) process.resume();
    // Nobody calls meanwhile: they come back by themselves.
    served.runUntil(served.loop.now + 2_000);
    assert.deepEqual(served.leftOut, []);
    assert.ok(served.callFor(500).every((rows) => rows > 5));
  });

  it("calls all of them when all were to be left out", () => {
    const served = new Served(2, { outlierEjection: { ...DEFAULT_OUTLIER_EJECTION, maxEjectedShare: 1 } });
    served.callFor(500);
    for (const { process } of served.instances) process.stop();
    served.callFor(3_000);
    assert.ok(served.leftOut.length < 2);
    for (const { process } of served.instances) process.resume();
    served.runUntil(served.loop.now + 30_000);
    assert.equal(served.client.inFlight, 0);
  });

  it("blames nobody for the time that it stood still itself", () => {
    const served = new Served(3);
    served.callFor(500);
    served.process.run(() => {
      for (let call = 0; call < 6; call++) served.client.call(60_000, { onResult: () => void served.answered++, onError: () => undefined });
    });
    served.process.stop();
    served.loop.after(5_000, () => served.process.resume());
    served.runUntil(served.loop.now + 5_500);
    served.callFor(500);
    assert.deepEqual(served.ejected, []);
    assert.equal(served.client.inFlight, 0);
  });

  it("does not count an instance that drains among those of whom one may be out", () => {
    const served = new Served(2);
    served.runMs[0] = 60;
    served.callFor(405);
    served.client.updateEndpoints(served.endpoints(1));
    served.callFor(100);
    served.runMs[1] = 1e9;
    served.callFor(1_900);
    assert.deepEqual(served.ejected.filter((line) => line.startsWith("m#1")), [], "the only one is not left out");
    assert.deepEqual(served.failed, []);
  });

  it("does without where the job file says so", () => {
    const served = new Served(3, { outlierEjection: undefined });
    served.runMs[1] = 300;
    served.callFor(3_000);
    assert.deepEqual(served.ejected, []);
  });
});

const REQUEST: Omit<SimulationRequest, "jobFile"> = {
  seed: 1,
  seeds: 2,
  durationMs: 240_000,
  deployments: ["rpc-service"],
  strategies: ["region"],
  ratePerSecond: 100,
  loadTimeMs: 1_000,
  runTimeMs: 20,
  rowTimeMs: 2,
};

function scaledJob(instances: number): JobSpec {
  const job = simulatedJob({ parallelism: 4, instances, slots: 2, ship: "HASH", checkpointMs: 2_000 });
  const autoscaler = { min: 1, max: 4, targetQueueMs: 50, coolDownMs: 5_000, scaleInBelow: 0.7 };
  return { ...job, services: job.services.map((service) => ({ ...service, autoscaler })) };
}

function run(job: JobSpec, changes: Partial<SimulationRequest>, onEvent?: (event: JournalEvent) => void): readonly SimulationResult[] {
  const keeper = onEvent === undefined ? undefined : { add: onEvent, end: () => undefined };
  const plan = planFor(job, { ...REQUEST, ...changes });
  return resultsOf(plan, partsOf(plan).map((part) => runPart(plan, part, undefined, keeper)));
}

describe("a simulated service with an autoscaler", () => {
  const BURST = { ratePerSecond: 30, burst: { factor: 20, everyMs: 120_000, lastsMs: 30_000 } };

  it("gets instances while requests wait and loses them when it is calm, within its bounds", () => {
    const scaled: (readonly [number, number])[] = [];
    const observe = (event: JournalEvent): void => {
      if (event.kind === "service.scaled") scaled.push([event.from, event.to]);
      if (event.kind === "failure") assert.fail(event.cause.message);
    };
    const [result] = run(scaledJob(1), { ...BURST, seeds: 1 }, observe);
    assert.ok(scaled.some(([from, to]) => to > from) && scaled.some(([from, to]) => to < from), JSON.stringify(scaled));
    assert.ok(scaled.every(([, to]) => to >= 1 && to <= 4), JSON.stringify(scaled));
    assert.ok((result.instances.scaledOut?.mean ?? 0) >= 2 && (result.instances.scaledIn?.mean ?? 0) >= 2, JSON.stringify(result.instances));
    const ready = result.instances.ready?.mean ?? 0;
    assert.ok(ready > 1.1 && ready < 3.9, `${ready} instances on average`);
    assert.equal(result.goodput?.mean, 1);
    assert.deepEqual(result.states, { RUNNING: 1 });
    assert.ok((result.records.waiting?.mean ?? Infinity) < 1_000);
  });

  it("holds devices only while copies are on them, and gives the same from the same seed", () => {
    const all = (240_000 / 3_600_000) * 4;
    const [scaled] = run(scaledJob(1), BURST);
    assert.equal(JSON.stringify(run(scaledJob(1), BURST)), JSON.stringify([scaled]));
    const held = scaled.deviceHours.held?.mean ?? 0;
    const ready = ((scaled.instances.ready?.mean ?? 0) * 240) / 3_600;
    assert.ok(held < 0.9 * all && held > 0.99 * ready, `${held} h of ${all} h held, ${ready} h ready`);
    assert.ok((scaled.deviceHours.used?.mean ?? 0) + (scaled.deviceHours.wasted?.mean ?? 0) <= held);
    const table = resultTable([scaled]).map(([name]) => name);
    assert.ok(table.includes("scaled out") && table.includes("instances that take calls, mean"));
    const fixed = run(simulatedJob({ parallelism: 4, instances: 4, slots: 2, ship: "HASH", checkpointMs: 2_000 }), BURST);
    assert.ok(Math.abs((fixed[0].deviceHours.held?.mean ?? 0) - all) < 1e-6);
    assert.ok(!resultTable(fixed).some(([name]) => name === "scaled out"));
  });

  it("keeps its number under the other deployments", () => {
    for (const result of run(scaledJob(2), { ...BURST, seeds: 1, deployments: ["embedded", "sidecar", "external"] })) {
      assert.deepEqual([result.instances.scaledOut?.mean, result.instances.scaledIn?.mean], [0, 0], result.deployment);
      assert.ok((result.deviceHours.held?.mean ?? 0) > 0);
    }
  });

  it("leaves no copy on a device behind, while instances die as well", () => {
    const job = scaledJob(2);
    const world = new FlowWorld({
      job,
      seed: 5,
      arrivals: { ratePerSecond: 30, burst: BURST.burst, kind: "external" },
      machines: { nodes: 2, devices: 4, copiesPerDevice: 1 },
      timings: withServiceTimings(DEFAULT_TIMINGS, (of) => ({ ...of, loadMs: constant(1_000), run: { ...of.run, fixedMs: 20, perRowMs: 2 } })),
    });
    while (!world.isUp && world.loop.step());
    world.openSources();
    const kill = (): void => {
      [...world.copies][0]?.process.kill();
      world.loop.after(9_700, kill);
    };
    kill();
    let most = 0;
    while (world.loop.step(300_000)) {
      const copies = world.machines.devices.reduce((sum, device) => sum + device.copies, 0);
      most = Math.max(most, copies);
      assert.ok(world.copies.size <= copies && world.machines.devices.every((device) => device.copies <= 1));
    }
    assert.ok(most >= 2 && most <= 4, `${most} copies`);
    const { scaledOut, scaledIn } = world.measures.counts;
    assert.ok(scaledOut >= 2 && scaledIn >= 2, `${scaledOut} out, ${scaledIn} in`);
  });

  it("says how often instances were left out that stood still", () => {
    const [result] = run(simulatedJob({ parallelism: 4, instances: 4, slots: 2, ship: "HASH", checkpointMs: 2_000 }), { mtbfMs: { hang: 200_000 }, seeds: 1 });
    assert.ok((result.instances.ejected?.mean ?? 0) >= 1, JSON.stringify(result.instances));
    assert.deepEqual(result.states, { RUNNING: 1 });
  });
});
