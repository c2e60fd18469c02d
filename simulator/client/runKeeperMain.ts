/**
 * Entry of a run's keeper: the process that owns a run for a window of the editor. The window holds the other end of file descriptor 3; when
 * that end closes, the keeper ends, and with it every process of the run. Only where the window said that it hands over (it is reloaded)
 * does the keeper wait, for a bounded time, for the window's next extension host, which comes by a socket in the run's private folder
 * with the run's token.
 */
import { timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import { Socket, createServer } from "node:net";
import { LIFELINE_FD } from "../cluster/lifeline";
import { MessageSocket } from "../cluster/messageSocket";
import type { RunRecord } from "../cluster/runDirectory";
import { ownerSocket, runPaths } from "../cluster/runDirectory";
import { FaultlineError } from "../graph/errors";
import type { KeeperMessage, OwnerMessage } from "./keeperMessages";
import { launchRun } from "./startRun";

type OwnerSocket = MessageSocket<OwnerMessage, KeeperMessage>;

let owner: OwnerSocket | undefined;
let handOverLimitMs = 0;
let handOverTimer: NodeJS.Timeout | undefined;
let kill = (): void => process.exit(1);

const first: OwnerSocket = new MessageSocket(
  new Socket({ fd: LIFELINE_FD }),
  (message) => {
    if (message.kind === "start") void start(message);
    else onOwnerMessage(first, message);
  },
  () => onOwnerGone(first),
);
owner = first;

async function start({ options, handOverLimitMs: limitMs }: Extract<OwnerMessage, { kind: "start" }>): Promise<void> {
  handOverLimitMs = limitMs;
  try {
    const { record, coordinator } = await launchRun(options);
    kill = () => coordinator.kill();
    // Its compiler was needed once; a process of its own is not to stay for it.
    await (await import("esbuild")).stop();
    const server = await listen(record);
    await owner?.send({ kind: "started", record });
    const end = await coordinator.ended;
    server?.close();
    await owner?.send({ kind: "ended", ...end });
    process.exit(0);
  } catch (error) {
    const problems =
      error instanceof FaultlineError
        ? error.problems
        : [{ code: "FL2002" as const, message: `The run could not be started: ${String(error)}.` }];
    await owner?.send({ kind: "notStarted", problems });
    process.exit(1);
  }
}

/** A run without this socket is a run all the same: it only cannot be handed over. */
async function listen(record: RunRecord): Promise<Server | undefined> {
  const token = readFileSync(runPaths.token(record.directory), "utf8");
  const server = createServer((connection) => {
    const next: OwnerSocket = new MessageSocket(
      connection,
      (message) => {
        if (message.kind === "takeOver") takeOver(next, message.token, token);
        else if (owner === next) onOwnerMessage(next, message);
      },
      () => onOwnerGone(next),
    );
  });
  const listening = new Promise<boolean>((resolve) => {
    server.once("listening", () => resolve(true)).on("error", () => resolve(false));
  });
  server.listen(ownerSocket(record.socketDirectory));
  return (await listening) ? server : undefined;
}

/** Whoever has the token is the same person. The new extension host may be there before the old one has gone. */
function takeOver(next: OwnerSocket, given: string, token: string): void {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  if (a.length !== b.length || !timingSafeEqual(a, b)) {
    next.close();
    return;
  }
  clearTimeout(handOverTimer);
  const before = owner;
  owner = next;
  before?.close();
  void next.send({ kind: "takenOver" });
}

function onOwnerMessage(from: OwnerSocket, message: OwnerMessage): void {
  if (from !== owner) return;
  if (message.kind === "end") kill();
  if (message.kind !== "handOver") return;
  owner = undefined;
  handOverTimer = setTimeout(() => process.exit(1), handOverLimitMs);
  void from.send({ kind: "handingOver" });
}

function onOwnerGone(gone: OwnerSocket): void {
  if (gone === owner) process.exit(1);
}
