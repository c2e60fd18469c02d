/** A worker's connection to the coordinator, against a server of the same protocol. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { CoordinatorMessage, WorkerMessage } from "../../simulator/cluster/controlMessages";
import { CONTROL_SERVICE } from "../../simulator/cluster/controlService";
import { WorkerConnection } from "../../simulator/cluster/workerConnection";

describe("a worker's connection to the coordinator", function () {
  this.timeout(30_000);
  const folder = mkdtempSync(join(tmpdir(), "fl-worker-"));
  const socket = join(folder, "control.sock");
  const server = new Server();
  /** What happened, in order. */
  const seen: string[] = [];
  let connected!: (stream: ServerDuplexStream<WorkerMessage, CoordinatorMessage>) => void;
  let heard!: () => void;
  const isConnected = new Promise<ServerDuplexStream<WorkerMessage, CoordinatorMessage>>((resolve) => (connected = resolve));
  const hasSpoken = new Promise<void>((resolve) => (heard = resolve));
  let connection: WorkerConnection | undefined;

  before((done) => {
    server.addService(CONTROL_SERVICE, {
      Connect: (stream: ServerDuplexStream<WorkerMessage, CoordinatorMessage>) => {
        seen.push("connected");
        connected(stream);
        stream.on("data", (message: WorkerMessage) => {
          seen.push(message.kind);
          heard();
        });
        stream.on("end", () => stream.end());
      },
      Call: () => undefined,
    });
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => done(error));
  });

  after(async () => {
    await connection?.close();
    server.forceShutdown();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is made at once, and says hello when the worker is ready for what that brings", async () => {
    let makeReady!: () => void;
    const ready = new Promise<void>((resolve) => (makeReady = resolve)).then(() => seen.push("ready"));
    let told = (): void => undefined;
    connection = WorkerConnection.open({
      socket,
      token: "secret",
      ready,
      hello: () => ({ kind: "hello", role: "taskmanager", process: "taskmanager:0", pid: process.pid, dataAddress: join(folder, "data.sock") }),
      onMessage: () => told(),
      onDisconnected: () => undefined,
      onGivenUp: () => undefined,
    });
    const stream = await isConnected;
    // There and back, twice: what the worker had said by itself would have been heard by now.
    for (let times = 0; times < 2; times++) {
      await new Promise<void>((resolve) => {
        told = resolve;
        stream.write({ kind: "drain" });
      });
    }
    makeReady();
    await hasSpoken;
    assert.deepEqual(seen, ["connected", "ready", "hello"]);
  });
});
