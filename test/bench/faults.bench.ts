/**
 * What faults cost while none is active: the data path between TaskManagers and the runs of a model, each against the same code without the
 * place where a fault would act, in the same process and in turns.
 */
import { createServer, connect } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LinkShaper } from "../../simulator/cluster/links/linkShaper";
import type { LinkRule } from "../../simulator/cluster/links/linkShaper";

const ROUNDS = 7;
const BYTES = 512 * 1024 * 1024;
const CHUNK = Buffer.alloc(32 * 1024);
const READ_BYTES = 256 * 1024;

type Reader = (chunk: Buffer, length: number) => void;

/** MiB a second through a Unix-domain socket, read as a TaskManager reads. */
async function throughput(makeReader: (done: Reader) => Reader, bytes: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "faultline-bench-"));
  const path = join(folder, "s");
  const server = createServer((socket) => {
    let left = bytes;
    const pump = (): void => {
      while (left > 0) {
        left -= CHUNK.length;
        if (!socket.write(CHUNK)) return void socket.once("drain", pump);
      }
      socket.end();
    };
    socket.on("error", () => undefined);
    pump();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const startedMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    let received = 0;
    const read = makeReader((_, length) => {
      received += length;
      if (received >= bytes) resolve();
    });
    const socket = connect({
      path,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (length, chunk) => {
          read(chunk as Buffer, length);
          return true;
        },
      },
    });
    socket.on("error", reject);
  });
  const tookMs = performance.now() - startedMs;
  server.close();
  rmSync(folder, { recursive: true, force: true });
  return bytes / 1024 ** 2 / (tookMs / 1000);
}

const without = (read: Reader): Reader => read;

/** As `DataConnection` reads: one look at whether a fault is on the link. */
const idle = (read: Reader): Reader => {
  const connection: { shaping: { in: LinkShaper } | undefined } = { shaping: undefined };
  return (chunk, length) => {
    if (connection.shaping === undefined) read(chunk, length);
    else connection.shaping.in.push(Buffer.from(chunk.subarray(0, length)));
  };
};

const active = (read: Reader): Reader => {
  const rule: LinkRule = { fault: "latency", parameters: { delay: 0, jitter: 0, probability: 1 }, seen: () => undefined, onReset: () => undefined };
  const shaper = new LinkShaper(() => [rule], { deliver: (chunk) => read(chunk, chunk.length), reset: () => undefined, onFull: () => undefined });
  return (chunk, length) => shaper.push(Buffer.from(chunk.subarray(0, length)));
};

/** Calls a second of an asynchronous function behind the place where faults of a model act. */
async function calls(run: (input: number) => Promise<number>, count: number): Promise<number> {
  const startedMs = performance.now();
  for (let call = 0; call < count; call++) await run(call);
  return count / ((performance.now() - startedMs) / 1000);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function main(): Promise<void> {
  const results: Record<"without" | "idle" | "active", number[]> = { without: [], idle: [], active: [] };
  await throughput(without, BYTES / 8);
  await throughput(idle, BYTES / 8);
  for (let round = 0; round < ROUNDS; round++) {
    // In turns, and not always the same first: what else the machine does hits all alike.
    for (const [name, reader] of round % 2 === 0 ? ([["without", without], ["idle", idle]] as const) : ([["idle", idle], ["without", without]] as const)) {
      results[name].push(await throughput(reader, BYTES));
    }
  }
  results.active.push(await throughput(active, BYTES / 4));
  const [base, noFault] = [median(results.without), median(results.idle)];
  console.log(`records' socket, 32 KiB buffers, median of ${ROUNDS}: without the place for faults ${base.toFixed(0)} MiB/s, with it and no fault ${noFault.toFixed(0)} MiB/s: ${(noFault / base).toFixed(3)} of it`);
  console.log(`the same with an active fault that delays by 0 ms: ${median(results.active).toFixed(0)} MiB/s`);

  const model = { session: { run: (input: number) => Promise.resolve(input) } };
  const behind = { run: (input: number) => model.session.run(input) };
  const direct: number[] = [];
  const hooked: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    direct.push(await calls((input) => model.session.run(input), 300_000));
    hooked.push(await calls((input) => behind.run(input), 300_000));
  }
  const nanoseconds = 1e9 / median(hooked) - 1e9 / median(direct);
  console.log(`a run of a model (a batch), median of ${ROUNDS}: the place for faults costs ${nanoseconds.toFixed(0)} ns of a run that takes 0.1 ms or more`);
}

void main();
