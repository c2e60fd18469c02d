import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ALL_CHANNELS, channelSelector } from "../../simulator/cluster/exchange/channelSelector";
import { CheckpointBarrierHandler } from "../../simulator/cluster/exchange/checkpointBarrierHandler";
import type { CheckpointBarrier } from "../../simulator/cluster/exchange/exchangeEvent";
import { BUFFER_SIZE } from "../../simulator/cluster/exchange/networkBuffer";
import { WatermarkValve } from "../../simulator/cluster/exchange/watermarkValve";
import { keyGroupOf, subtaskOfKeyGroup } from "../../simulator/operators/keyGroup";
import { gateOf, joinLocally, joinOverSocket, partitionOf, takeAll } from "../fixtures/exchangeChannel";
import type { Received } from "../fixtures/exchangeChannel";

const barrier = (checkpoint: number): CheckpointBarrier => ({
  kind: "barrier",
  checkpoint,
  final: false,
  unaligned: false,
});

function values(received: readonly Received[]): unknown[] {
  return received.flatMap((item) => ("value" in item ? [item.value] : []));
}

describe("exchange", () => {
  describe("records", () => {
    const shapes = [
      { name: "plain values", records: [1, -1.5, "text", "", true, null, 2 ** 40] },
      {
        name: "typed arrays",
        records: [{ a: Int32Array.of(1, -2), b: Float32Array.of(0.5), c: BigInt64Array.of(-3n) }],
      },
      { name: "bytes", records: [{ bytes: Uint8Array.of(1, 2, 3) }] },
      {
        name: "dates, maps and sets",
        records: [{ at: new Date(5), map: new Map([[1, { x: 1 }]]), set: new Set(["a"]) }],
      },
      {
        name: "more shapes than are shared",
        records: Array.from({ length: 200 }, (_, i) => ({ [`field${i % 100}`]: i, other: { [`inner${i % 7}`]: i } })),
      },
      {
        name: "objects used as dictionaries",
        records: Array.from({ length: 50 }, (_, i) =>
          Object.fromEntries(Array.from({ length: 300 }, (_unused, j) => [`word ${i * j}`, j])),
        ),
      },
    ];
    for (const { name, records } of shapes) {
      it(`arrive as they were: ${name}`, () => {
        const partition = partitionOf("a#0", 1);
        const gate = gateOf(["a#0"]);
        joinLocally([partition], gate);
        const received: Received[] = [];
        records.forEach((record, i) => {
          partition.emit(record, i % 3 === 0 ? undefined : i, 0);
          partition.flush();
          received.push(...takeAll(gate));
        });
        partition.broadcastEvent({ kind: "endOfData" });
        received.push(...takeAll(gate));
        const normal = (value: unknown): unknown =>
          JSON.parse(
            JSON.stringify(value, (_key, part: unknown) =>
              part instanceof Map || part instanceof Set
                ? [part.constructor.name, ...part]
                : typeof part === "bigint"
                  ? `${part}n`
                  : ArrayBuffer.isView(part)
                    ? [
                        part instanceof Uint8Array ? "bytes" : part.constructor.name,
                        ...(part as unknown as number[]),
                      ].map(String)
                    : part,
            ),
          );
        assert.deepEqual(
          received.flatMap((item) => ("value" in item ? [[normal(item.value), item.timestamp]] : [])),
          records.map((record, i) => [normal(record), i % 3 === 0 ? undefined : i]),
        );
      });
    }

    it("that are longer than a buffer span several, and take no more of the consumer's memory than credit allows", () => {
      const partition = partitionOf("a#0", 1);
      const gate = gateOf(["a#0"]);
      joinLocally([partition], gate);
      const long = "x".repeat(20 * BUFFER_SIZE);
      partition.emit({ before: 1 }, 1, 0);
      partition.emit({ long }, 2, 0);
      partition.emit({ after: 1 }, 3, 0);
      partition.broadcastEvent({ kind: "endOfData" });
      assert.ok(gate.buffersInUse <= 10, `${gate.buffersInUse} buffers arrived without credit`);
      assert.deepEqual(takeAll(gate), [
        { channel: 0, value: { before: 1 }, timestamp: 1 },
        { channel: 0, value: { long }, timestamp: 2 },
        { channel: 0, value: { after: 1 }, timestamp: 3 },
        { channel: 0, event: { kind: "endOfData" } },
      ]);
      assert.equal(partition.buffersInUse, 0);
    });

    it("never set a prototype: a field of that name arrives under another", () => {
      const partition = partitionOf("a#0", 1);
      const gate = gateOf(["a#0"]);
      joinLocally([partition], gate);
      partition.emit(JSON.parse('{"__proto__":{"admin":true},"id":1}'), undefined, 0);
      partition.flush();
      const [record] = values(takeAll(gate)) as Record<string, unknown>[];
      assert.equal(record.admin, undefined);
      assert.equal(Object.getPrototypeOf(record), Object.prototype);
      assert.deepEqual(record.__proto_, { admin: true });
    });

    it("that cannot be carried are refused", () => {
      const partition = partitionOf("a#0", 1);
      assert.throws(() => partition.emit({ symbol: Symbol("none") }, undefined, 0));
    });
  });

  describe("credit", () => {
    it("bounds what is under way, and none is lost", () => {
      let blocked = false;
      const partition = partitionOf("a#0", 1, (now) => (blocked = now));
      const gate = gateOf(["a#0"]);
      joinLocally([partition], gate);
      let emitted = 0;
      const fill = (): void => {
        while (!blocked) {
          partition.emit({ id: emitted++, text: "x".repeat(100) }, undefined, 0);
        }
      };
      fill();
      const capacity = emitted;
      // Two of the channel's own and eight floating ones at the consumer, ten at the producer's side: 20 buffers of 32 KiB.
      assert.ok(capacity * 100 < 21 * BUFFER_SIZE, `${capacity} records are under way`);
      const seen: number[] = [];
      for (let round = 0; round < 20; round++) {
        seen.push(...values(takeAll(gate)).map((value) => (value as { id: number }).id));
        fill();
      }
      assert.ok(emitted > 5 * capacity, "the producer goes on when the consumer takes");
      partition.flush();
      seen.push(...values(takeAll(gate)).map((value) => (value as { id: number }).id));
      assert.deepEqual(
        seen,
        Array.from({ length: emitted }, (_, i) => i),
      );
    });

    it("is not needed by events", () => {
      const partition = partitionOf("a#0", 1);
      const gate = gateOf(["a#0"]);
      joinLocally([partition], gate);
      for (let i = 0; i < 100; i++) {
        partition.broadcastEvent({ kind: "watermark", timestamp: i });
      }
      assert.equal(takeAll(gate).length, 100);
    });

    it("lets a channel that is stuck not hold up another", () => {
      const [a, b] = [partitionOf("a#0", 1), partitionOf("b#0", 1)];
      const gate = gateOf(["a#0", "b#0"]);
      joinLocally([a, b], gate);
      gate.block(gate.channels[0]);
      for (let i = 0; i < 20_000; i++) {
        a.emit({ i, text: "x".repeat(50) }, undefined, 0);
      }
      b.emit("through", undefined, 0);
      b.flush();
      assert.deepEqual(values(takeAll(gate)), ["through"]);
    });

    it("holds over a socket, too", async () => {
      const directory = mkdtempSync(join(tmpdir(), "faultline-exchange-"));
      let wake = (): void => {};
      let blocked = false;
      let unblocked = (): void => {};
      const partition = partitionOf("a#0", 1, (now) => {
        blocked = now;
        if (!now) unblocked();
      });
      const gate = gateOf(["a#0"], () => wake());
      const joined = await joinOverSocket(directory, [partition], gate);
      const total = 50_000;
      const seen: unknown[] = [];
      let most = 0;
      const done = new Promise<void>((resolve) => {
        wake = () =>
          setImmediate(() => {
            most = Math.max(most, gate.buffersInUse);
            const received = takeAll(gate);
            seen.push(...values(received));
            if (received.some((item) => "event" in item)) resolve();
          });
      });
      for (let i = 0; i < total; i++) {
        if (blocked) await new Promise<void>((resolve) => (unblocked = resolve));
        partition.emit({ i, text: `record ${i}` }, undefined, 0);
      }
      partition.broadcastEvent({ kind: "endOfData" });
      await done;
      assert.deepEqual(
        seen,
        Array.from({ length: total }, (_, i) => ({ i, text: `record ${i}` })),
      );
      assert.ok(most >= 2 && most <= 10, `${most} buffers waited at the consumer`);
      await joined.close();
      rmSync(directory, { recursive: true });
    });
  });

  describe("aligned barriers", () => {
    function aligned(mode: "EXACTLY_ONCE" | "AT_LEAST_ONCE") {
      const partitions = [partitionOf("a#0", 1), partitionOf("b#0", 1)];
      const gate = gateOf(["a#0", "b#0"]);
      joinLocally(partitions, gate);
      const log: string[] = [];
      const handler = new CheckpointBarrierHandler({
        gate,
        mode,
        now: () => 0,
        onAligned: ({ checkpoint }) => log.push(`checkpoint ${checkpoint}`),
      });
      const take = (): string[] => {
        log.length = 0;
        for (let polled = gate.poll(); polled !== undefined; polled = gate.poll()) {
          if ("kind" in polled.item) {
            if (polled.item.kind === "barrier") handler.onBarrier(polled.channel, polled.item);
            if (polled.item.kind === "endOfPartition") {
              polled.channel.ended = true;
              handler.onEndOfPartition();
            }
          } else {
            log.push(...(polled.channel.deserializer.decode(polled.item.payload()).values as string[]));
            polled.channel.recycle(polled.item);
          }
        }
        return [...log];
      };
      const send = (channel: number, ...items: (string | CheckpointBarrier)[]): void => {
        for (const item of items) {
          if (item === "end") partitions[channel].broadcastEvent({ kind: "endOfPartition" });
          else if (typeof item === "string") partitions[channel].emit(item, undefined, 0);
          else partitions[channel].broadcastEvent(item);
        }
        partitions[channel].flush();
      };
      return { handler, take, send };
    }

    it("block a channel that is ahead until the others are there", () => {
      const { take, send } = aligned("EXACTLY_ONCE");
      send(0, "a1", barrier(1), "a2");
      assert.deepEqual(take(), ["a1"], "a2 came after the barrier and must wait");
      send(1, "b1");
      assert.deepEqual(take(), ["b1"]);
      send(1, barrier(1), "b2");
      assert.deepEqual(take().sort(), ["a2", "b2", "checkpoint 1"]);
    });

    it("do not block in at-least-once", () => {
      const { take, send } = aligned("AT_LEAST_ONCE");
      send(0, "a1", barrier(1), "a2");
      assert.deepEqual(take(), ["a1", "a2"]);
      send(1, barrier(1));
      assert.deepEqual(take(), ["checkpoint 1"]);
    });

    it("let go when the checkpoint is aborted, and ignore its late barriers", () => {
      const { handler, take, send } = aligned("EXACTLY_ONCE");
      send(0, barrier(1), "a1");
      assert.deepEqual(take(), []);
      handler.abort(1);
      assert.deepEqual(take(), ["a1"]);
      send(1, barrier(1), "b1");
      assert.deepEqual(take(), ["b1"]);
      send(0, barrier(2));
      send(1, barrier(2));
      assert.deepEqual(take(), ["checkpoint 2"]);
    });

    it("give a checkpoint up when a later one begins", () => {
      const { take, send } = aligned("EXACTLY_ONCE");
      send(0, barrier(1), "a1");
      send(1, barrier(2), "b1");
      assert.deepEqual(take(), ["a1"]);
      send(0, barrier(2));
      assert.deepEqual(take(), ["checkpoint 2", "b1"]);
    });

    it("do not wait for a channel at its end", () => {
      const { take, send } = aligned("EXACTLY_ONCE");
      send(0, barrier(1), "a1");
      assert.deepEqual(take(), []);
      send(1, "end");
      assert.deepEqual(take(), ["checkpoint 1", "a1"]);
    });
  });

  describe("ship strategies", () => {
    const select = (ship: Parameters<typeof channelSelector>[0]["ship"], channels: number, subtask = 0, seed = "s") =>
      channelSelector({
        ship,
        channels,
        subtask,
        seed,
        key: (value) => value,
        maxParallelism: undefined,
        partitioner: (value, count) => (value as number) % count,
      });

    it("spread as their names say", () => {
      const first = (ship: Parameters<typeof select>[0], subtask = 0) => {
        const selector = select(ship, 3, subtask);
        return [0, 1, 2, 3, 4].map((value) => selector(value));
      };
      assert.deepEqual(first("FORWARD"), [0, 0, 0, 0, 0]);
      assert.deepEqual(first("GLOBAL"), [0, 0, 0, 0, 0]);
      assert.deepEqual(first("BROADCAST"), Array(5).fill(ALL_CHANNELS));
      assert.deepEqual(first("REBALANCE"), [0, 1, 2, 0, 1]);
      assert.deepEqual(first("REBALANCE", 1), [1, 2, 0, 1, 2]);
      assert.deepEqual(first("RESCALE", 1), [0, 1, 2, 0, 1]);
      assert.deepEqual(first("CUSTOM"), [0, 1, 2, 0, 1]);
      assert.deepEqual(first("SHUFFLE"), first("SHUFFLE"), "the same seed gives the same channels");
    });

    it("SHUFFLE reaches all channels about equally", () => {
      const selector = select("SHUFFLE", 4);
      const counts = [0, 0, 0, 0];
      for (let i = 0; i < 10_000; i++) counts[selector(i)]++;
      assert.ok(
        counts.every((count) => count > 2200 && count < 2800),
        counts.join(),
      );
    });

    it("HASH sends a key to one channel by its JSON text, whatever the type", () => {
      const selector = select("HASH", 7);
      for (const key of ["a", 1, "1", true, "true", null, [1, "x"], { a: 1 }]) {
        const text = JSON.stringify(key);
        assert.equal(selector(key), subtaskOfKeyGroup(keyGroupOf(text, 128), 128, 7));
        assert.equal(selector(structuredClone(key)), selector(key));
      }
    });

    it("HASH spreads keys over all channels", () => {
      const selector = select("HASH", 4);
      const counts = [0, 0, 0, 0];
      for (let i = 0; i < 10_000; i++) counts[selector(`key ${i}`)]++;
      assert.ok(
        counts.every((count) => count > 2000 && count < 3000),
        counts.join(),
      );
    });
  });

  describe("watermark valve", () => {
    it("gives the lowest of the channels, never falls, and leaves idle ones out", () => {
      const log: (number | string)[] = [];
      const valve = new WatermarkValve(
        3,
        (timestamp) => log.push(timestamp),
        (idle) => log.push(idle ? "idle" : "active"),
      );
      valve.advance(0, 5);
      valve.advance(1, 3);
      assert.deepEqual(log, []);
      valve.advance(2, 4);
      assert.deepEqual(log, [3]);
      valve.advance(1, 10);
      assert.deepEqual(log, [3, 4]);
      valve.setIdle(2, true);
      assert.deepEqual(log, [3, 4, 5]);
      valve.setIdle(2, false);
      valve.advance(0, 20);
      assert.deepEqual(log, [3, 4, 5]);
      valve.advance(2, Infinity);
      assert.deepEqual(log, [3, 4, 5, 10]);
      valve.setIdle(0, true);
      valve.setIdle(1, true);
      valve.setIdle(2, true);
      assert.equal(log.at(-1), "idle");
    });
  });
});
