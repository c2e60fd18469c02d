/**
 * What the exchange costs. One channel between two processes against a plain socket that moves the same records with the same encoder, in
 * turns, in one run. Then a job, source → map → keyBy → count → sink, over two TaskManagers: records a second, and where the time goes.
 * Last, a source as fast as it can be before a slow sink, for a minute: memory must not grow.
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
import { COLLECTOR_FLAGS } from "../../simulator/cluster/workerProcesses";
import { RecordSerializer } from "../../simulator/cluster/exchange/recordSerializer";
import { ResultPartitionManager } from "../../simulator/cluster/exchange/resultPartitionManager";
import { gateOf, partitionOf } from "../fixtures/exchangeChannel";
import { MiniCluster } from "../fixtures/miniCluster";

const ROUNDS = 9;
const RECORDS = 600_000;
const JOB_RECORDS = 600_000;
const MEMORY_MS = 60_000;
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
  const cpu = process.cpuUsage();
  for (let i = 0; i < RECORDS;) {
    if (blocked) await new Promise<void>((resolve) => (unblock = resolve));
    while (!blocked && i < RECORDS) partition.emit(records[i++ % 1000], undefined, 0);
  }
  partition.broadcastEvent({ kind: "endOfPartition" });
  await once(process, "message");
  process.send!(microseconds(process.cpuUsage(cpu)));
  await server.close();
}

async function produceToSocket(directory: string): Promise<void> {
  const records = makeRecords();
  const server = createServer((socket) => void send(socket));
  server.listen(join(directory, "plain.sock"));
  await once(server, "listening");
  process.send!("ready");
  const cpu = process.cpuUsage();
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
  process.send!(microseconds(process.cpuUsage(cpu)));
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

interface Measured {
  readonly perSecond: number;
  /** Processor time of the producer and of the consumer, microseconds a record. The greater bounds the rate where nothing else runs. */
  readonly producer: number;
  readonly consumer: number;
}

function microseconds({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}

async function measure(way: "channel" | "socket"): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), "faultline-bench-"));
  const producer = fork(__filename, [way, directory], { execArgv: [...COLLECTOR_FLAGS, "--require", "tsx/cjs"] });
  const exited = once(producer, "exit");
  await once(producer, "message");
  const before = process.cpuUsage();
  const perSecond = await (way === "channel" ? consumeChannel(directory) : consumeSocket(directory));
  const consumed = microseconds(process.cpuUsage(before));
  producer.send("end");
  const [produced] = (await once(producer, "message")) as [number];
  producer.disconnect();
  await exited;
  rmSync(directory, { recursive: true, force: true });
  return { perSecond, producer: produced / RECORDS, consumer: consumed / RECORDS };
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
  const channel: Measured[] = [];
  const socket: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Who is first changes with each pair: load that comes and goes falls on both.
    if (round % 2 === 0) socket.push(await measure("socket"));
    channel.push(await measure("channel"));
    if (round % 2 === 1) socket.push(await measure("socket"));
    process.stdout.write(`  ${describe(socket[round], channel[round])}\n`);
  }
  const middle = (all: readonly Measured[]): Measured => ({
    perSecond: median(all.map(({ perSecond }) => perSecond)),
    producer: median(all.map(({ producer }) => producer)),
    consumer: median(all.map(({ consumer }) => consumer)),
  });
  process.stdout.write(`  median: ${describe(middle(socket), middle(channel))} (wanted: 0.85)\n`);
  const ratios = channel.map(({ perSecond }, round) => perSecond / socket[round].perSecond);
  process.stdout.write(`  median of the ${ROUNDS} pairs' ratios: ${median(ratios).toFixed(2)}\n`);
}

function describe(socket: Measured, channel: Measured): string {
  const one = ({ perSecond, producer, consumer }: Measured): string =>
    `${thousands(perSecond)}/s (${producer.toFixed(2)} + ${consumer.toFixed(2)} µs processor)`;
  const bound = ({ producer, consumer }: Measured): number => Math.max(producer, consumer);
  return (
    `plain socket ${one(socket)}, channel ${one(channel)}: ratio ${(channel.perSecond / socket.perSecond).toFixed(2)}, ` +
    `by processor time of the busier end ${(bound(socket) / bound(channel)).toFixed(2)}`
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

/** Memory of each process: the highest of the last tenth of the time against that of the second tenth, when all is warm. */
async function slowSink(): Promise<void> {
  const cluster = await MiniCluster.create({
    job: {
      name: "slow-sink",
      runtime: { parallelism: 2, taskManagers: 2, slots: 1 },
      operators: {
        source: { type: "source", connector: "generator", function: "f.ts#record" },
        sink: { type: "sink", connector: "blackhole", delay: "1ms" },
      },
      edges: [{ from: "source", to: "sink", ship: "REBALANCE" }],
    },
    files: { "f.ts": `export const record = (i: number) => ({ id: i, text: "x".repeat(200) });` },
  });
  try {
    const { coordinator } = cluster;
    await cluster.addProcess("taskmanager:0");
    await cluster.addProcess("taskmanager:1");
    coordinator.deploy();
    await coordinator.running();
    const begun = performance.now();
    const samples: { process: string; atMs: number; bytes: number }[] = [];
    let backPressuredMs = 0;
    let totalMs = 0;
    let seen = 0;
    await coordinator.until(() => {
      for (; seen < coordinator.journal.length; seen++) {
        const event = coordinator.journal[seen];
        if (event.kind !== "metrics") continue;
        samples.push({ process: event.process, atMs: performance.now() - begun, bytes: event.rssBytes });
        for (const [task, metrics] of Object.entries(event.tasks ?? {})) {
          if (!task.startsWith("source")) continue;
          backPressuredMs += metrics.backPressuredMs;
          totalMs += metrics.busyMs + metrics.backPressuredMs + metrics.idleMs;
        }
      }
      return performance.now() - begun >= MEMORY_MS;
    });
    process.stdout.write(
      `a source before a slow sink, ${MEMORY_MS / 1000} s: sources back-pressured ${((100 * backPressuredMs) / totalMs).toFixed(0)} % of the time\n`,
    );
    const highest = (name: string, from: number, to: number): number =>
      Math.max(
        ...samples
          .filter(({ process: of, atMs }) => of === name && atMs >= from * MEMORY_MS && atMs < to * MEMORY_MS)
          .map(({ bytes }) => bytes),
      );
    for (const name of coordinator.workers.keys()) {
      const [early, late] = [highest(name, 0.1, 0.2), highest(name, 0.9, 1)];
      const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
      process.stdout.write(
        `  ${name}: resident ${mib(early)}, at the end ${mib(late)}, ratio ${(late / early).toFixed(2)} (wanted: at most 1.2)\n`,
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
  void channelAgainstSocket().then(wholeJob).then(slowSink);
}
