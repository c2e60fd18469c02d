/** A debug run without an editor: TaskManagers wait for a debugger, and records are held and let go one by one over the run's own socket. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { get, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as bundle from "../../extension/bundles/extensionRun";
import type { DebuggerEvent, DebuggerRequest } from "../../simulator/observe/debuggerMessage";
import type { KeptRun } from "../../simulator/client/keptRun";
import type { StreamDebugConnection } from "../../simulator/client/streamDebugConnection";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { writeChaosJob } from "../chaos/chaosJob";
import { ROOT, processesNaming, until } from "./faultlineCli";

const { startKeptRun, connectStreamDebugger } = createRequire(__filename)(
  join(ROOT, "dist", "extensionRun.js"),
) as typeof bundle;

/** What a JavaScript debugger does first: attach, and say that the process may begin. */
async function attachDebugger(port: number): Promise<void> {
  const list = await new Promise<string>((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/json/list" }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(text));
    }).on("error", reject);
  });
  const [{ webSocketDebuggerUrl }] = JSON.parse(list) as [{ webSocketDebuggerUrl: string }];
  await new Promise<void>((resolve, reject) => {
    request({
      host: "127.0.0.1",
      port,
      path: new URL(webSocketDebuggerUrl).pathname,
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
      },
    })
      .on("upgrade", (_response, socket) => {
        const text = Buffer.from(JSON.stringify({ id: 1, method: "Runtime.runIfWaitingForDebugger" }));
        // A text frame of under 126 bytes, masked with zeros.
        socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
        socket.on("error", () => undefined);
        resolve();
      })
      .on("error", reject)
      .end();
  });
}

/** The others stop at their next record then, which is no hit. */
function isHit({ reason }: { readonly reason: string }): boolean {
  return reason === "breakpoint";
}

/** One TaskManager's debugger, and what it has said. */
class Stream {
  readonly events: DebuggerEvent[] = [];
  connection!: StreamDebugConnection;
  private listeners = new Set<() => void>();

  receive(event: DebuggerEvent): void {
    this.events.push(event);
    for (const listener of [...this.listeners]) listener();
  }

  send(request: DebuggerRequest): void {
    this.connection.send(request);
  }

  /** The first event of the kind that fits. */
  next<K extends DebuggerEvent["kind"]>(
    kind: K,
    fits: (event: Extract<DebuggerEvent, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<DebuggerEvent, { kind: K }>> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.events.find(
          (event): event is Extract<DebuggerEvent, { kind: K }> =>
            event.kind === kind && fits(event as Extract<DebuggerEvent, { kind: K }>),
        );
        if (found === undefined) return;
        this.listeners.delete(look);
        resolve(found);
      };
      this.listeners.add(look);
      look();
    });
  }
}

describe("a debug run whose debugger never comes", function () {
  this.timeout(60_000);

  it("leaves nothing behind when its owner ends it, although its processes hear of nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fl-debug-"));
    try {
      const { jobFile } = writeChaosJob("generated", folder, { records: 1_000_000, rate: 2_000 });
      const run = await startKeptRun({ jobFile, directory: join(folder, "run"), inspect: true });
      let waiting = 0;
      for await (const event of run.events()) {
        if (event.kind === "process.inspectable" && ++waiting === 2) break;
      }
      await run.dispose();
      await until(() => processesNaming(folder).length === 0, "every process of the run is gone", 5_000);
    } finally {
      for (const pid of processesNaming(folder)) process.kill(pid, "SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("a debug run", function () {
  this.timeout(60_000);
  let folder: string;
  let run: KeptRun | undefined;
  const events: JournalEvent[] = [];
  const streams: Stream[] = [];

  before(() => (folder = mkdtempSync(join(tmpdir(), "fl-debug-"))));

  after(async () => {
    for (const { connection } of streams) connection.close();
    await run?.dispose();
    await until(() => processesNaming(folder).length === 0, "every process of the run is gone", 5_000);
    rmSync(folder, { recursive: true, force: true });
  });

  it("begins when every TaskManager has its debuggers, and holds the record that a breakpoint names", async () => {
    const { jobFile } = writeChaosJob("generated", folder, { records: 1_000_000, rate: 2_000 });
    const directory = join(folder, "run");
    run = await startKeptRun({ jobFile, directory, inspect: true });
    for await (const event of run.events()) {
      events.push(event);
      if (event.kind !== "process.inspectable") continue;
      await attachDebugger(event.port);
      const stream = new Stream();
      const connection = await connectStreamDebugger(
        directory,
        event.process,
        event.pid,
        (one) => stream.receive(one),
        () => undefined,
      );
      assert.ok(connection);
      stream.connection = connection;
      const place = { kind: "operator", operator: "perKey" } as const;
      stream.send({ kind: "setBreakpoints", breakpoints: [{ id: 1, place, condition: "record.id >= 100" }] });
      stream.send({ kind: "configured" });
      if (streams.push(stream) === 2) break;
    }
    const stop = await Promise.race(streams.map((stream) => stream.next("stopped", isHit)));
    assert.equal(stop.reason, "breakpoint");
    assert.deepEqual(stop.frames[0]?.place, { kind: "operator", operator: "perKey" });
    assert.ok(
      events.some((event) => event.kind === "log" && event.message.startsWith("Debug run")),
      "it says that timeouts are off",
    );
  });

  it("shows the record, its key and its state, and answers expressions", async () => {
    const stream = streams.find((one) =>
      one.events.some((event) => event.kind === "stopped" && event.reason === "breakpoint"),
    );
    assert.ok(stream);
    const { task } = await stream.next("stopped", isHit);
    stream.send({ kind: "inspect", request: 1, task, frame: 0 });
    const { scopes } = await stream.next("inspected");
    assert.deepEqual(scopes.map(({ name }) => name).slice(0, 3), ["Record", "Event time", "Key"]);
    assert.ok(Number(scopes[0]?.children?.find(({ name }) => name === "id")?.text) >= 100);
    stream.send({ kind: "evaluate", request: 2, task, frame: 0, expression: "record.key === key" });
    assert.equal((await stream.next("evaluated")).value?.text, "true");
  });

  it("goes back to the steps before, and forth again", async () => {
    const stream = streams.find((one) =>
      one.events.some((event) => event.kind === "stopped" && event.reason === "breakpoint"),
    );
    assert.ok(stream);
    const hit = await stream.next("stopped", isHit);
    const { task } = hit;
    const shown = async (past: number | undefined, request: number): Promise<number> => {
      await stream.next("stopped", (stop) => stop.task === task && stop.past === past);
      stream.send({ kind: "evaluate", request, task, frame: 0, expression: "record.id" });
      return Number((await stream.next("evaluated", (answer) => answer.request === request)).value?.text);
    };
    const now = await shown(undefined, 10);
    stream.send({ kind: "back", task, to: "step" });
    const before = await shown(1, 11);
    assert.ok(before < now, `${before} was before ${now}`);
    stream.events.length = 0;
    stream.send({ kind: "forward", task });
    assert.equal(await shown(undefined, 12), now);
    stream.events.splice(0, Infinity, hit);
  });

  it("goes one record further, then on, and nothing has failed", async () => {
    const stream = streams.find((one) =>
      one.events.some((event) => event.kind === "stopped" && event.reason === "breakpoint"),
    );
    assert.ok(stream && run);
    const { task } = await stream.next("stopped", isHit);
    for (const one of streams) one.send({ kind: "setBreakpoints", breakpoints: [] });
    stream.send({ kind: "step", task, to: "record" });
    await stream.next("stopped", (stop) => stop.task === task && stop.reason === "step");
    for (const one of streams) one.send({ kind: "continue" });
    const failures: JournalEvent[] = [];
    for await (const event of run.events()) {
      if (event.kind === "failure") failures.push(event);
      if (event.kind === "sink.committed" && event.records > 0) break;
    }
    assert.deepEqual(failures, []);
  });
});

/** A record from 40 on fails in one of the functions, when its operator has taken it long before. */
const LATE_FAILURES = `
  import type { RpcService, Tensors } from "faultline";
  type Row = { id: number; key: string; x: number[] };
  const row = { type: "FP32", shape: [1] } as const;
  export const make = (id: number): Row => ({ id, key: "k" + (id % 3), x: [id] });
  export const echo: RpcService = { inputs: { x: row }, outputs: { y: row }, call: ({ x }) => ({ y: x }) };
  export const enrich = async (record: Row): Promise<Row> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (record.id >= 40) throw new Error("not to be had"); // here: enrich
    return record;
  };
  export const request = ({ id, x }: Row): Tensors => {
    if (id >= 40) throw new Error("not to be had"); // here: request
    return { x: { ...row, data: Float32Array.from(x) } };
  };
  export const response = (record: Row, { y }: Tensors): Row => {
    if (y.data[0] >= 40) throw new Error("not to be had"); // here: response
    return record;
  };
  export const always = ({ x }: Row): Tensors => ({ x: { ...row, data: Float32Array.from(x) } });
`;

describe("a function that fails after its operator has taken the record, in a debug run", function () {
  this.timeout(90_000);
  const operators = {
    enrich: { type: "async", function: "late.ts#enrich" },
    request: { type: "rpc", service: "echo", request: "late.ts#request" },
    response: { type: "rpc", service: "echo", request: "late.ts#always", response: "late.ts#response" },
  };
  let folder: string;
  let run: KeptRun | undefined;
  let stream: Stream;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "fl-debug-"));
    run = undefined;
    stream = new Stream();
  });

  afterEach(async () => {
    stream.connection?.close();
    await run?.dispose();
    await until(() => processesNaming(folder).length === 0, "every process of the run is gone", 20_000);
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [name, operator] of Object.entries(operators)) {
    it(`stops at its record: ${operator.type}, ${name}`, async () => {
      writeFileSync(join(folder, "late.ts"), LATE_FAILURES);
      const job = {
        runtime: { parallelism: 1, taskManagers: 1, checkpointing: { interval: "250ms" } },
        services: { echo: { function: "late.ts#echo", parallelism: 1 } },
        operators: {
          numbers: { type: "source", connector: "generator", function: "late.ts#make", limit: 1_000, rate: 400 },
          // Full with the record that fails: going on must not wait for room in it.
          ask: { ...operator, capacity: 1 },
          out: { type: "sink", connector: "file", path: "out", identity: "id" },
        },
        edges: [
          { from: "numbers", to: "ask", ship: "HASH", key: "key" },
          { from: "ask", to: "out" },
        ],
      };
      const jobFile = join(folder, "late.faultline.json");
      writeFileSync(jobFile, JSON.stringify(job));
      const directory = join(folder, "run");
      const started = await startKeptRun({ jobFile, directory, inspect: true });
      run = started;
      const failures: Extract<JournalEvent, { kind: "failure" }>[] = [];
      for await (const event of started.events()) {
        if (event.kind !== "process.inspectable") continue;
        await attachDebugger(event.port);
        const connection = await connectStreamDebugger(
          directory,
          event.process,
          event.pid,
          (one) => stream.receive(one),
          () => undefined,
        );
        assert.ok(connection);
        stream.connection = connection;
        stream.send({ kind: "setExceptions", stop: true });
        stream.send({ kind: "configured" });
        break;
      }
      const failed = (async () => {
        for await (const event of started.events()) if (event.kind === "failure" && failures.push(event) > 0) break;
      })();

      const stop = await stream.next("stopped", ({ reason }) => reason === "exception");
      assert.deepEqual(stop.frames[0]?.place, { kind: "operator", operator: "ask" });
      const line = LATE_FAILURES.slice(0, LATE_FAILURES.indexOf(`// here: ${name}`)).split("\n").length;
      assert.match(
        stop.text ?? "",
        new RegExp(`"${name}" of "ask" failed at \\S*late\\.ts:${line}:\\d+ .*not to be had`),
      );
      stream.send({ kind: "inspect", request: 1, task: stop.task, frame: 0 });
      const { scopes } = await stream.next("inspected");
      const record = scopes.find((scope) => scope.name === "Record");
      assert.equal(record?.children?.find((child) => child.name === "id")?.text, "40");
      assert.equal(scopes.find((scope) => scope.name === "Key")?.text, '"k1"');
      stream.send({ kind: "evaluate", request: 2, task: stop.task, frame: 0, expression: "record.key === key" });
      assert.equal((await stream.next("evaluated")).value?.text, "true");
      assert.equal(failures.length, 0, "it stands, and has not failed");

      stream.send({ kind: "continue" });
      await failed;
      assert.deepEqual(
        failures.map(({ cause }) => cause.code),
        ["FL2004"],
      );
    });
  }
});
