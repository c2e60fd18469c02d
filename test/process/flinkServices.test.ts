/**
 * The services that an experiment starts beside a Flink cluster, and the faults on their links, without a cluster: this process stands for the
 * TaskManager that calls them.
 */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FaultMessage } from "../../simulator/cluster/faultPerformer";
import { FlinkLinkFaults } from "../../simulator/client/flink/linkFaults";
import { FlinkServices } from "../../simulator/client/flink/flinkServices";
import { KNOWS_OWNERS } from "../../simulator/client/flink/socketOwner";
import type { FaultOrder } from "../../simulator/faults/faultDefinition";
import type { JournalEventBody } from "../../simulator/observe/journalEvent";
import { affineModel, writeModel } from "../fixtures/onnxModel";
import { float32Bytes, float32Numbers, IndependentClient } from "../fixtures/independentClient";

const OTHER_PID = 1;

describe("services beside a Flink cluster", function () {
  this.timeout(180_000);
  let services: FlinkServices;
  let links: FlinkLinkFaults;
  let events: JournalEventBody[];
  let messages: FaultMessage[];
  let changed: () => void;
  const clients: IndependentClient[] = [];

  async function open(deployment: "external" | "sidecar"): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "fl-beside-"));
    events = [];
    messages = [];
    changed = () => undefined;
    links = new FlinkLinkFaults(folder, {
      // TaskManager 0 is this process; 1 is another one.
      taskManagerPids: () =>
        new Map([
          [0, process.pid],
          [1, OTHER_PID],
        ]),
      send: (message) => messages.push(message),
      rulesChanged: (instance) => services.rulesChanged(instance),
    });
    const service = {
      name: "affine",
      model: writeModel(affineModel()),
      deployment,
      instances: 2,
      argument: "--affine.addresses",
      loadDelayMs: 0,
    };
    services = await FlinkServices.open([service], 3, folder, (instance, near) => links.rulesOf(instance, near));
    await services.begin(({ body }) => {
      events.push(body);
      changed();
    });
  }
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await services.close();
  });

  async function seen(what: string, holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${what} did not come: ${JSON.stringify(events.slice(-5))}`)),
          60_000,
        );
        changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  function clientOf(address: string): IndependentClient {
    const client = new IndependentClient(address);
    clients.push(client);
    return client;
  }

  /** One call; how long it took, ms. */
  async function call(client: IndependentClient): Promise<number> {
    const startedAt = performance.now();
    const answer = await client.call(
      "ModelInfer",
      {
        modelName: "affine",
        inputs: [{ name: "x", datatype: "FP32", shape: [1, 4] }],
        rawInputContents: [float32Bytes([1, 2, 3, 4])],
      },
      { deadlineMs: 20_000 },
    );
    assert.deepEqual(float32Numbers(answer.rawOutputContents[0]), [3, 5, 7, 9]);
    return performance.now() - startedAt;
  }

  const order = (fault: string, target: string, parameters: FaultOrder["parameters"]): FaultOrder => ({
    injection: 1,
    fault,
    target,
    carrier: undefined,
    parameters,
  });

  it("are called at addresses that stay when an instance is killed and started again", async () => {
    await open("external");
    const [name, addresses = ""] = services.programArguments();
    assert.equal(name, "--affine.addresses");
    const [, second = ""] = addresses.split(",");
    assert.equal(services.environmentOf(0).FAULTLINE_AFFINE_ADDRESSES, addresses);
    await call(clientOf(second));
    await services.inject({ fault: "crash", target: "service:affine#1" });
    await seen("the instance's next attempt", () =>
      events.some(
        (body) =>
          body.kind === "instance.phase" &&
          body.instance === "affine#1" &&
          body.attempt === 1 &&
          body.phase === "READY",
      ),
    );
    assert.ok(events.some((body) => body.kind === "fault.effective"));
    await seen(
      "its endpoint",
      () => events.findLast((body) => body.kind === "service.endpoints")?.instances.length === 2,
    );
    await call(clientOf(second));
    assert.equal(events.filter((body) => body.kind === "instance.phase" && body.phase === "LOADING").length, 3);
    assert.ok(
      events.every((body) => body.kind !== "failure" || body.id > 1_000_000),
      "told apart from failures of the job",
    );
  });

  it("as sidecars there is one for each TaskManager, whose environment names it", async () => {
    await open("sidecar");
    assert.deepEqual(services.programArguments(), ["--affine.addresses", "env:FAULTLINE_AFFINE_ADDRESSES"]);
    const addresses = [0, 1, 2].map((index) => services.environmentOf(index).FAULTLINE_AFFINE_ADDRESSES ?? "");
    assert.equal(new Set(addresses).size, 3);
    for (const address of addresses) await call(clientOf(address));
  });

  it("a link fault hits the connections of its TaskManager, and nobody else's", async function () {
    if (!KNOWS_OWNERS) return assert.ok(true, "who connects is told by Linux alone");
    await open("external");
    const [, addresses = ""] = services.programArguments();
    const [first = "", second = ""] = addresses.split(",");
    const [hit, other] = [clientOf(first), clientOf(second)];
    await call(hit);
    await call(other);
    links.perform(
      "taskmanager:0",
      order("latency", "link:taskmanager:0->service:affine#0", {
        delay: 400,
        jitter: 0,
        probability: 1,
        direction: "forward",
      }),
    );
    assert.ok((await call(hit)) >= 395, "over the link");
    assert.ok((await call(other)) < 395, "to another instance");
    const [effective] = messages;
    assert.equal(effective?.kind, "faultEffective");
    links.end("taskmanager:0", 1);
    assert.ok((await call(hit)) < 395, "healed");
    links.perform(
      "taskmanager:1",
      order("latency", "link:taskmanager:1->service:affine#0", {
        delay: 400,
        jitter: 0,
        probability: 1,
        direction: "forward",
      }),
    );
    assert.ok((await call(hit)) < 395, "another TaskManager's link");
  });

  it("a model that cannot be loaded is said, with its code", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fl-beside-"));
    const service = {
      name: "broken",
      model: __filename,
      deployment: "external" as const,
      instances: 1,
      argument: undefined,
      loadDelayMs: 0,
    };
    services = await FlinkServices.open([service], 2, folder, () => ({ out: () => [], in: () => [] }));
    await assert.rejects(
      services.begin(() => undefined),
      (error: Error & { code?: string }) => error.code === "FL3002",
    );
  });
});
