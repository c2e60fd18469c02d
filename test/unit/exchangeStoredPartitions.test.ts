import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUFFER_SIZE } from "../../simulator/cluster/exchange/networkBuffer";
import { InputGate } from "../../simulator/cluster/exchange/inputGate";
import { connectLocally } from "../../simulator/cluster/exchange/localChannel";
import { ResultPartition } from "../../simulator/cluster/exchange/resultPartition";
import { ResultPartitionManager } from "../../simulator/cluster/exchange/resultPartitionManager";
import { gateOf, joinLocally, partitionOf, takeAll } from "../fixtures/exchangeChannel";
import type { Received } from "../fixtures/exchangeChannel";

const record = (i: number) =>
  i % 50 === 3 ? { i, long: "z".repeat(2 * BUFFER_SIZE) } : i % 2 === 0 ? { i, text: "even" } : { odd: true, i };

function ids(received: readonly Received[]): number[] {
  return received.flatMap((item) => ("value" in item ? [(item.value as { i: number }).i] : []));
}

describe("exchange: partitions that are kept", () => {
  let directory: string;
  const all = Array.from({ length: 400 }, (_, i) => i);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "faultline-partitions-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  for (const type of ["BLOCKING", "BLOCKING_PERSISTENT", "HYBRID_FULL", "HYBRID_SELECTIVE"] as const) {
    it(`${type} is read from the beginning by each new attempt of its consumer, and never blocks its producer`, () => {
      let blocked = false;
      const file = join(directory, "partition.data");
      const partition = partitionOf("a#0", 1, (now) => (blocked = now), { type, file });
      for (const i of all) partition.emit(record(i), i, 0);
      assert.ok(!blocked);
      partition.broadcastEvent({ kind: "endOfData" });
      partition.broadcastEvent({ kind: "endOfPartition" });
      for (let attempt = 0; attempt < 3; attempt++) {
        const gate = gateOf(["a#0"]);
        joinLocally([partition], gate);
        if (attempt === 0) {
          // The first one stops in the middle of a long record.
          gate.poll();
          gate.poll();
          gate.close();
          continue;
        }
        const received = takeAll(gate);
        assert.deepEqual(ids(received), all);
        assert.deepEqual(received.at(-1), { channel: 0, event: { kind: "endOfPartition" } });
      }
      assert.ok(existsSync(file));
      partition.release(undefined);
      assert.ok(!existsSync(file));
    });
  }

  it("BLOCKING gives nothing before it is complete; HYBRID does", () => {
    for (const type of ["BLOCKING", "HYBRID_FULL"] as const) {
      const partition = partitionOf("a#0", 1, undefined, { type, file: join(directory, type) });
      const gate = gateOf(["a#0"]);
      joinLocally([partition], gate);
      for (const i of all.slice(0, 10)) partition.emit(record(i), i, 0);
      partition.flush();
      assert.equal(takeAll(gate).length, type === "BLOCKING" ? 0 : 10);
      partition.broadcastEvent({ kind: "endOfPartition" });
      assert.equal(takeAll(gate).length, type === "BLOCKING" ? 11 : 1);
      partition.release(undefined);
    }
  });

  it("letting go of what an attempt left takes nothing from who still reads a pipelined result of it", () => {
    const manager = new ResultPartitionManager();
    const kept = partitionOf("a#0", 1, undefined, { type: "BLOCKING", file: join(directory, "kept") });
    const pipelined = new ResultPartition({
      id: { task: "a#0", attempt: 0, edge: 1 },
      firstConsumer: 0,
      consumers: 1,
      type: "PIPELINED_BOUNDED",
      file: "",
      onBlocked: () => {},
    });
    for (const partition of [kept, pipelined]) {
      manager.register(partition);
      partition.emit(record(0), 0, 0);
      partition.broadcastEvent({ kind: "endOfPartition" });
      manager.releaseWhenConsumed(partition);
    }
    manager.releaseOf([{ task: "a#0", attempt: 0 }]);
    assert.ok(!existsSync(join(directory, "kept")));
    const locations = [{ task: "a#0", attempt: 0, process: "taskmanager:0", dataAddress: "" }];
    const gate = new InputGate(
      [{ edge: 1, producers: locations }],
      () => {},
      () => {},
    );
    gate.channels.forEach((channel) => connectLocally(manager, channel, 0, 0));
    assert.deepEqual(ids(takeAll(gate)), [0]);
  });

  it("a consumer that is slow holds no more buffers than its credit", () => {
    const partition = partitionOf("a#0", 1, undefined, { type: "BLOCKING", file: join(directory, "p") });
    for (const i of all) partition.emit({ i, text: "x".repeat(5000) }, i, 0);
    partition.broadcastEvent({ kind: "endOfPartition" });
    const gate = gateOf(["a#0"]);
    joinLocally([partition], gate);
    assert.ok(gate.buffersInUse <= 10);
    assert.deepEqual(ids(takeAll(gate)), all);
    partition.release(undefined);
  });

  it("PIPELINED_APPROXIMATE: a new attempt of the consumer goes on with the next whole record", () => {
    const partition = partitionOf("a#0", 1, undefined, { type: "PIPELINED_APPROXIMATE" });
    const first = gateOf(["a#0"]);
    joinLocally([partition], first);
    partition.emit(record(0), 0, 0);
    partition.emit(record(3), 3, 0);
    partition.emit(record(1), 1, 0);
    partition.emit(record(2), 2, 0);
    partition.flush();
    // It takes record 0 and the beginning of the long one.
    const polled = [first.poll()!, first.poll()!];
    for (const { channel, item } of polled) {
      assert.ok(!("kind" in item));
      channel.deserializer.decode(item.payload());
    }
    first.close();
    const second = gateOf(["a#0"]);
    joinLocally([partition], second);
    for (let i = 4; i < 40; i++) partition.emit(record(i), i, 0);
    partition.broadcastEvent({ kind: "endOfPartition" });
    const received = ids(takeAll(second));
    assert.ok(!received.includes(3), "the record that was cut is lost");
    assert.deepEqual(
      received.slice(-36),
      Array.from({ length: 36 }, (_, i) => i + 4),
    );
  });
});
