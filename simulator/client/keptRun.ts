/** A run that a keeper process owns for this one: it can be handed over to the process that takes this one's place. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { join } from "node:path";
import { MessageSocket } from "../cluster/messageSocket";
import type { RunRecord } from "../cluster/runDirectory";
import { ownerSocket, runPaths } from "../cluster/runDirectory";
import { nodeArguments, workerEnvironment } from "../cluster/workerProcesses";
import { FaultlineError } from "../graph/errors";
import { runControls } from "./attachedRun";
import type { KeeperMessage, OwnerMessage } from "./keeperMessages";
import { findRun } from "./openRun";
import type { Run, StartRunOptions } from "./run";

/** How long a window that is loaded again may take until it is there again. */
const HAND_OVER_LIMIT_MS = 30_000;

export interface KeptRun extends Run {
  /** Resolves when the keeper knows that this process goes and another comes; letting go of the run does not end it then. */
  handOver(): Promise<void>;
}

/**
 * As `startRun`, with a process between this one and the run. The run belongs to this process all the same: when it ends without a word,
 * every process of the run ends.
 * @throws FaultlineError as `startRun`
 */
export async function startKeptRun(options: StartRunOptions, handOverLimitMs = HAND_OVER_LIMIT_MS): Promise<KeptRun> {
  const node = options.node ?? process.execPath;
  const keeper = spawn(node, [...nodeArguments(), keeperFile()], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    env: workerEnvironment(),
  });
  const cannotStart = new Promise<never>((_resolve, reject) => {
    keeper.once("error", ({ message }) => {
      reject(
        FaultlineError.of(
          "FL2002",
          `${node} could not be started: ${message}.`,
          "Look at the setting faultline.run.node.",
        ),
      );
    });
  });
  const connection = new KeeperConnection(keeper.stdio[3] as Duplex);
  connection.send({ kind: "start", options: { ...options, node }, handOverLimitMs });
  const answer = await Promise.race([connection.answer, cannotStart]);
  if (answer.kind === "started") return keptRun(answer.record, connection);
  const [problem, ...more] = answer.kind === "notStarted" ? answer.problems : [];
  if (problem !== undefined) throw new FaultlineError(problem, more);
  throw FaultlineError.of("FL2002", "The process that was to own the run ended before the run was started.");
}

/**
 * Takes over a run that another process of this person has handed over, by its id.
 * @returns undefined when nobody keeps such a run any more
 */
export async function takeOverRun(id: string): Promise<KeptRun | undefined> {
  const record = await findRun(id).catch(() => undefined);
  if (record === undefined) return undefined;
  const token = await readFile(runPaths.token(record.directory), "utf8").catch(() => "");
  const connection = new KeeperConnection(connect(ownerSocket(record.socketDirectory)));
  connection.send({ kind: "takeOver", token });
  return (await connection.answer).kind === "takenOver" ? keptRun(record, connection) : undefined;
}

function keptRun(record: RunRecord, connection: KeeperConnection): KeptRun {
  let handedOver = false;
  return {
    ...runControls(record),
    owned: true,
    ended: connection.ended,
    handOver: async () => {
      handedOver = true;
      connection.send({ kind: "handOver" });
      await connection.handingOver;
      connection.close();
    },
    dispose: async () => {
      if (handedOver) return;
      connection.send({ kind: "end" });
      await connection.ended;
    },
  };
}

type Ended = { readonly state: string; readonly exitCode: number };

class KeeperConnection {
  /** To the first message; `ended` when the keeper is gone. */
  readonly answer: Promise<KeeperMessage>;
  readonly handingOver: Promise<void>;
  readonly ended: Promise<Ended>;
  private readonly socket: MessageSocket<KeeperMessage, OwnerMessage>;

  constructor(stream: Duplex) {
    let answered!: (message: KeeperMessage) => void;
    let handing!: () => void;
    let over!: (end: Ended) => void;
    this.answer = new Promise((resolve) => (answered = resolve));
    this.handingOver = new Promise((resolve) => (handing = resolve));
    this.ended = new Promise((resolve) => (over = resolve));
    this.socket = new MessageSocket(
      stream,
      (message) => {
        answered(message);
        if (message.kind === "handingOver") handing();
        if (message.kind === "ended") over(message);
      },
      () => {
        const crashed = { state: "crashed", exitCode: 1 };
        answered({ kind: "ended", ...crashed });
        handing();
        over(crashed);
      },
    );
  }

  send(message: OwnerMessage): void {
    void this.socket.send(message);
  }

  close(): void {
    this.socket.close();
  }
}

/** Built: `dist/runKeeper.js` beside this bundle. From source: `runKeeperMain.ts`. */
function keeperFile(): string {
  return join(__dirname, __filename.endsWith(".ts") ? "runKeeperMain.ts" : "runKeeper.js");
}
