/**
 * What the exchange costs. One channel between two processes against a plain socket that moves the same records with the same encoder, in
 * turns, in one run. Then a job, source → map → keyBy → count → sink, over two TaskManagers: records a second, and where the time goes.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Unpackr } from "msgpackr";
import { DataConnections } from "../../simulator/cluster/exchange/dataConnection";
import { DataServer } from "../../simulator/cluster/exchange/dataServer";
import { RecordSerializer } from "../../simulator/cluster/exchange/recordSerializer";
import { ResultPartitionManager } from "../../simulator/cluster/exchange/resultPartitionManager";
import { gateOf, partitionOf } from "../fixtures/exchangeChannel";
import { MiniCluster } from "../fixtures/miniCluster";

const ROUNDS = 5;
const RECORDS = 600_000;
const JOB_RECORDS = 600_000;
/** Bytes that the plain socket's producer puts together before it writes, as one buffer of the exchange. */
const BLOCK = 32 * 1024;

function makeRecords(): { id: number; key: string; value: number }[] {
  return Array.from({ length: 1000 }, (_, i) => ({ id: i * 7919, key: `key ${i % 50}`, value: i * 0.37 }));
}

// The producer's process.

async function produceToChannel(directory: string): Promise<void> {
  let unblock = (): void => {};
  let blocked = false;
  const partition = partitionOf("a#0", 1, (now) => {
    blocked = now;
    if (!now) unblock();
  });
  const manager = new ResultPartitionManager();
  manager.register(partition);
  const server = await DataServer.listen(join(directory, "channel.sock"), "token", manager);
  const records = makeRecords();
  process.send!("ready");
  for (let i = 0; i < RECORDS;) {
    if (blocked) await new Promise<void>((resolve) => (unblock = resolve));
    while (!blocked && i < RECORDS) partition.emit(records[i++ % 1000], undefined, 0);
  }
  partition.broadcastEvent({ kind: "endOfPartition" });
  await once(process, "message");
  await server.close();
}

async function produceToSocket(directory: string): Promise<void> {
  const records = makeRecords();
  const server = createServer((socket) => void send(socket));
  server.listen(join(directory, "plain.sock"));
  await once(server, "listening");
  process.send!("ready");
  async function send(socket: Socket): Promise<void> {
    const serializer = new RecordSerializer();
    let block = Buffer.allocUnsafeSlow(BLOCK);
    let end = 4;
    for (let i = 0; i < RECORDS; i++) {
      serializer.serialize(records[i % 1000]);
      const length = serializer.end - serializer.start;
      if (end + length > BLOCK) {
        block.writeUInt32LE(end, 0);
        if (!socket.write(block.subarray(0, end))) await once(socket, "drain");
        block = Buffer.allocUnsafeSlow(BLOCK);
        end = 4;
      }
      end += serializer.bytes.copy(block, end, serializer.start, serializer.end);
    }
    block.writeUInt32LE(end, 0);
    socket.end(block.subarray(0, end));
  }
  await once(process, "message");
  server.close();
}

// The consumer, in this process. Each gives records a second.

async function consumeChannel(directory: string): Promise<number> {
  let wake = (): void => {};
  let scheduled = false;
  const gate = gateOf(["a#0"], () => {
    if (!scheduled) {
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        wake();
      });
    }
  });
  const connections = new DataConnections({ process: "taskmanager:1", token: "token" });
  const begun = performance.now();
  let taken = 0;
  const done = new Promise<void>((resolve) => {
    wake = () => {
      for (let polled = gate.poll(); polled !== undefined; polled = gate.poll()) {
        if ("kind" in polled.item) {
          resolve();
        } else {
          taken += polled.channel.deserializer.decode(polled.item.payload()).values.length;
          polled.channel.recycle(polled.item);
        }
      }
    };
  });
  connections.to(join(directory, "channel.sock")).request(gate.channels[0], 0, 0);
  await done;
  const seconds = (performance.now() - begun) / 1000;
  connections.close();
  if (taken !== RECORDS) throw new Error(`${taken} of ${RECORDS} records arrived`);
  return taken / seconds;
}

async function consumeSocket(directory: string): Promise<number> {
  const serializer = new RecordSerializer();
  makeRecords().forEach((record) => serializer.serialize(record));
  const unpackr = new Unpackr({ structures: serializer.structures.map((fields) => [...fields]), moreTypes: true });
  const begun = performance.now();
  const socket = connect(join(directory, "plain.sock"));
  let rest: Buffer = Buffer.alloc(0);
  let taken = 0;
  socket.on("data", (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 4 && bytes.length - at >= bytes.readUInt32LE(at)) {
      const end = at + bytes.readUInt32LE(at);
      taken += unpackr.unpackMultiple(bytes.subarray(at + 4, end)).length;
      at = end;
    }
    rest = bytes.subarray(at);
  });
  await once(socket, "end");
  const seconds = (performance.now() - begun) / 1000;
  if (taken !== RECORDS) throw new Error(`${taken} of ${RECORDS} records arrived`);
  return taken / seconds;
}

async function measure(way: "channel" | "socket"): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "faultline-bench-"));
  const producer = fork(__filename, [way, directory], { execArgv: ["--require", "tsx/cjs"] });
  const exited = once(producer, "exit");
  await once(producer, "message");
  const perSecond = await (way === "channel" ? consumeChannel(directory) : consumeSocket(directory));
  producer.send("end");
  producer.disconnect();
  await exited;
  rmSync(directory, { recursive: true, force: true });
  return perSecond;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

async function channelAgainstSocket(): Promise<void> {
  process.stdout.write(
    `One channel between two processes, ${thousands(RECORDS)} records {id, key, value}, encode and decode included\n`,
  );
  const channel: number[] = [];
  const socket: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    socket.push(await measure("socket"));
    channel.push(await measure("channel"));
    const ratio = channel[round] / socket[round];
    process.stdout.write(
      `  plain socket ${thousands(socket[round])}/s   channel ${thousands(channel[round])}/s   ratio ${ratio.toFixed(2)}\n`,
    );
  }
  const ratio = median(channel) / median(socket);
  process.stdout.write(
    `  median: plain socket ${thousands(median(socket))}/s, channel ${thousands(median(channel))}/s, ratio ${ratio.toFixed(2)} (wanted: 0.85)\n`,
  );
}

async function wholeJob(): Promise<void> {
  const cluster = await MiniCluster.create({
    job: {
      name: "bench",
      runtime: { parallelism: 2, taskManagers: 2, slots: 1, checkpointing: { interval: "1h" } },
      operators: {
        source: {
          type: "source",
          connector: "generator",
          function: "f.ts#record",
          limit: JOB_RECORDS,
          eventTime: { step: "1ms" },
        },
        map: { type: "map", function: "f.ts#twice" },
        count: { type: "window", window: { type: "tumbling", size: "10s", time: "event" }, aggregate: "count" },
        sink: { type: "sink", connector: "file", path: "counts" },
      },
      edges: [
        { from: "source", to: "map" },
        { from: "map", to: "count", ship: "HASH", key: "key" },
        { from: "count", to: "sink" },
      ],
    },
    files: {
      "f.ts": `
        export const record = (i: number) => ({ id: i, key: "key " + (i % 1000), value: i * 0.37 });
        export const twice = (v: any) => ({ id: v.id, key: v.key, value: 2 * v.value });
      `,
    },
  });
  try {
    const { coordinator } = cluster;
    await cluster.addProcess("taskmanager:0");
    await cluster.addProcess("taskmanager:1");
    coordinator.deploy();
    await coordinator.running();
    const begun = performance.now();
    await coordinator.finish();
    const seconds = (performance.now() - begun) / 1000;
    process.stdout.write(
      `source → map → keyBy → count → sink over two TaskManagers: ${thousands(JOB_RECORDS / seconds)} records/s\n`,
    );
    const sums = new Map<string, { busy: number; backPressured: number; idle: number }>();
    for (const event of coordinator.journal) {
      for (const [task, metrics] of Object.entries((event.kind === "metrics" && event.tasks) || {})) {
        const sum = sums.get(task) ?? { busy: 0, backPressured: 0, idle: 0 };
        sum.busy += metrics.busyMs;
        sum.backPressured += metrics.backPressuredMs;
        sum.idle += metrics.idleMs;
        sums.set(task, sum);
      }
    }
    for (const [task, { busy, backPressured, idle }] of sums) {
      const share = (ms: number) => `${((100 * ms) / (busy + backPressured + idle)).toFixed(0)} %`.padStart(5);
      process.stdout.write(
        `  ${task.padEnd(12)} busy ${share(busy)}  back-pressured ${share(backPressured)}  idle ${share(idle)}\n`,
      );
    }
  } finally {
    await cluster.close();
  }
}

const [way, directory] = process.argv.slice(2);
if (way === "channel") {
  void produceToChannel(directory);
} else if (way === "socket") {
  void produceToSocket(directory);
} else {
  void channelAgainstSocket().then(wholeJob);
}
