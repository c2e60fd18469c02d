import assert from "node:assert/strict";
import fc from "fast-check";
import { FRAME_HEADER_BYTES, FrameReader, FrameType, controlFrame } from "../../simulator/cluster/exchange/frame";
import { BUFFER_SIZE } from "../../simulator/cluster/exchange/networkBuffer";
import { RecordDeserializer } from "../../simulator/cluster/exchange/recordDeserializer";
import { gateOf, joinLocally, partitionOf, takeAll } from "../fixtures/exchangeChannel";

interface Frame {
  readonly type: number;
  readonly channel: number;
  readonly argument: number;
  readonly body: string;
}

function readInPieces(bytes: Buffer, cuts: readonly number[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader(
    {
      bodyTarget: ({ length }) => Buffer.alloc(length),
      frame: ({ type, channel, argument }, body) =>
        frames.push({ type, channel, argument, body: body!.toString("hex") }),
    },
    BUFFER_SIZE,
  );
  // Every piece lies in the same memory, as with reads from a socket.
  const memory = Buffer.alloc(bytes.length);
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    memory.fill(0xff);
    bytes.copy(memory, 0, from, to);
    reader.push(memory, to - from);
    from = to;
  }
  return frames;
}

describe("exchange: frames and records, whatever the pieces", () => {
  it("frames decode the same however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            type: fc.constantFrom(...Object.values(FrameType)),
            channel: fc.nat(2 ** 31),
            argument: fc.nat(2 ** 31),
            body: fc.uint8Array({ maxLength: 300 }),
          }),
          { maxLength: 20 },
        ),
        fc.array(fc.nat(10_000), { maxLength: 40 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(
            frames.map(({ type, channel, argument, body }) => controlFrame(type, channel, argument, body)),
          );
          assert.deepEqual(
            readInPieces(bytes, cuts),
            frames.map((frame) => ({ ...frame, body: Buffer.from(frame.body).toString("hex") })),
          );
        },
      ),
    );
  });

  it("bytes that are no frames are refused, not believed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: FRAME_HEADER_BYTES, maxLength: 64 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        const type = buffer.readUInt32LE(4);
        const length = buffer.readUInt32LE(0);
        fc.pre(type < 1 || type > 7 || length > 1024 * 1024);
        assert.throws(() => readInPieces(buffer, []), /no frame/);
      }),
    );
  });

  it("records arrive in order with their timestamps, whatever their shapes, sizes and flushes", () => {
    const value = fc.oneof(
      { weight: 6, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 5 }).map((n) => ({ long: "y".repeat(n * 20_000) })) },
      { weight: 1, arbitrary: fc.dictionary(fc.string(), fc.integer(), { maxKeys: 40 }) },
    );
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            value,
            timestamp: fc.option(fc.integer(), { nil: undefined }),
            flush: fc.boolean(),
            take: fc.boolean(),
          }),
          { maxLength: 60 },
        ),
        (records) => {
          // Arrives under another name, see exchange.test.ts.
          fc.pre(!JSON.stringify(records).includes("__proto__"));
          const partition = partitionOf("a#0", 1);
          const gate = gateOf(["a#0"]);
          joinLocally([partition], gate);
          const received: unknown[] = [];
          const take = (): void => {
            for (const item of takeAll(gate)) {
              if ("value" in item) received.push([plain(item.value), item.timestamp]);
            }
          };
          for (const { value: sent, timestamp, flush, take: now } of records) {
            partition.emit(sent, timestamp, 0);
            if (flush) partition.flush();
            if (now) take();
          }
          partition.broadcastEvent({ kind: "endOfPartition" });
          take();
          assert.deepEqual(
            received,
            records.map(({ value: sent, timestamp }) => [plain(sent), timestamp]),
          );
          assert.equal(partition.buffersInUse, 0);
        },
      ),
    );
  });

  it("a payload that was changed never crashes the reader other than by an error", () => {
    const partition = partitionOf("a#0", 1);
    const gate = gateOf(["a#0"]);
    joinLocally([partition], gate);
    for (let i = 0; i < 50; i++) partition.emit({ i, text: `text ${i}`, list: [i, i] }, i, 0);
    partition.flush();
    const polled = gate.poll();
    assert.ok(polled !== undefined && !("kind" in polled.item));
    const payload = Buffer.from(polled.item.payload());
    fc.assert(
      fc.property(fc.nat(payload.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(payload);
        changed[at] = byte;
        try {
          new RecordDeserializer().decode(changed);
        } catch (error) {
          assert.ok(error instanceof Error);
        }
      }),
    );
  });
});

/** JSON makes no difference between 0 and −0. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value) ?? "null");
}
