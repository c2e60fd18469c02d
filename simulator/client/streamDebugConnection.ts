/** The connection to the stream debugger of one TaskManager process of a debug run. */
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { DebuggerEvent, DebuggerRequest } from "../observe/debuggerMessage";
import { MessageSocket } from "../cluster/messageSocket";
import type { RunRecord } from "../cluster/runDirectory";
import { debugSocket, runPaths } from "../cluster/runDirectory";
import type { ProcessName } from "../observe/journalEvent";

/** The process has just got its debugger and is still starting. */
const CONNECT_LIMIT_MS = 20_000;
const RETRY_MS = 25;

export interface StreamDebugConnection {
  send(request: DebuggerRequest): void;
  close(): void;
}

/** @returns undefined when the process is gone before it listens */
export async function connectStreamDebugger(
  directory: string,
  process: ProcessName,
  pid: number,
  onEvent: (event: DebuggerEvent) => void,
  onClosed: () => void,
): Promise<StreamDebugConnection | undefined> {
  const { socketDirectory } = JSON.parse(await readFile(runPaths.record(directory), "utf8")) as RunRecord;
  const token = await readFile(runPaths.token(directory), "utf8");
  const stream = await connectWithin(debugSocket(socketDirectory, process, pid));
  if (stream === undefined) return undefined;
  const socket = new MessageSocket<DebuggerEvent, DebuggerRequest>(stream, onEvent, onClosed);
  void socket.send({ kind: "hello", token });
  return { send: (request) => void socket.send(request), close: () => socket.close() };
}

async function connectWithin(path: string): Promise<Socket | undefined> {
  for (const deadline = Date.now() + CONNECT_LIMIT_MS; Date.now() < deadline;) {
    const stream = connect(path);
    const connected = await new Promise<boolean>((resolve) => {
      stream.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    if (connected) return stream;
    stream.destroy();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  return undefined;
}
