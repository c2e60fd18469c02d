/** One call to a run's coordinator over its private socket. */
import { Client, credentials, status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { callMethod, CONTROL_CHANNEL, tokenMetadata } from "../cluster/controlService";
import type { RunReply, RunRequest } from "../cluster/controlMessages";
import { controlSocket, runPaths } from "../cluster/runDirectory";
import { FaultlineError } from "../graph/errors";
import { isCoordinatorStopped } from "./stoppedCoordinator";

const TIMEOUT_MS = 5_000;
const RETRY_MS = 50;
/** Then the socket is looked for anew: the run may be over, and its folder gone. */
const CONNECT_MS = 500;

/**
 * Asks once somebody is there to be asked: a new coordinator may be taking over. What changes nothing when it is asked twice is asked again
 * where the answer got lost; an injection is not.
 * @throws FaultlineError the run's own answer, or FL2008 when nobody answers.
 */
export async function callRun(run: { readonly directory: string; readonly socketDirectory: string }, request: RunRequest, timeoutMs = TIMEOUT_MS): Promise<Readonly<Record<string, unknown>>> {
  if (run.socketDirectory === "") {
    throw FaultlineError.of(
      "FL2008",
      "This run follows a job of a real Flink, and nobody here can act on that job.",
      "Act on its cluster; watching ends where it was begun.",
    );
  }
  const token = await readFile(runPaths.token(run.directory), "utf8").catch(() => "");
  const deadline = Date.now() + timeoutMs;
  do {
    const { asked, error, reply } = await ask(controlSocket(run.socketDirectory), token, request, deadline);
    if (reply?.kind === "ok") return reply.detail ?? {};
    if (reply?.kind === "error") throw new FaultlineError(reply.cause);
    if (asked && request.kind === "inject") {
      // A coordinator that is hit takes its answer down with it: that is the answer.
      if (request.target === "coordinator" && error?.code === status.UNAVAILABLE) return {};
      if (request.target === "coordinator" && isCoordinatorStopped(run.directory)) return {};
      break;
    }
    if (asked && error?.code !== status.UNAVAILABLE) break;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  } while (Date.now() < deadline && existsSync(run.socketDirectory));
  if (isCoordinatorStopped(run.directory)) {
    throw FaultlineError.of("FL2008", "The run does not answer: its coordinator is stopped.", "`faultline heal RUN` lets it go on.");
  }
  throw FaultlineError.of("FL2008", "The run does not answer.", "It may have ended; `faultline ps` shows the runs there are.");
}

interface Answer {
  /** Somebody was there: the request was sent. */
  readonly asked: boolean;
  readonly error: ServiceError | null;
  readonly reply: RunReply | undefined;
}

async function ask(socket: string, token: string, request: RunRequest, deadline: number): Promise<Answer> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), CONTROL_CHANNEL);
  try {
    const connected = await new Promise<boolean>((resolve) => {
      client.waitForReady(Math.min(deadline, Date.now() + CONNECT_MS), (error) => resolve(error === undefined));
    });
    if (!connected) return { asked: false, error: null, reply: undefined };
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        callMethod.path,
        callMethod.requestSerialize,
        callMethod.responseDeserialize,
        request,
        tokenMetadata(token),
        { deadline },
        (error, reply) => resolve({ asked: true, error, reply }),
      );
    });
  } finally {
    client.close();
  }
}
