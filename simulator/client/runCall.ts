/** One call to a run's coordinator over its private socket. */
import { Client, credentials, status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { callMethod, CONTROL_CHANNEL, tokenMetadata } from "../cluster/controlService";
import type { RunReply, RunRequest } from "../cluster/controlMessages";
import { controlSocket, runPaths } from "../cluster/runDirectory";
import { FaultlineError } from "../graph/errors";

const TIMEOUT_MS = 5_000;

const RETRY_MS = 50;

/**
 * Asks once; where nobody answers, tries again for a while, since a new coordinator may be taking over. An injection is not asked twice.
 * @throws FaultlineError the run's own answer, or FL2008 when nobody answers.
 */
export async function callRun(run: { readonly directory: string; readonly socketDirectory: string }, request: RunRequest): Promise<Readonly<Record<string, unknown>>> {
  const token = await readFile(runPaths.token(run.directory), "utf8").catch(() => "");
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const { error, reply } = await ask(controlSocket(run.socketDirectory), token, request, deadline);
    if (reply?.kind === "ok") return reply.detail ?? {};
    if (reply?.kind === "error") throw new FaultlineError(reply.cause);
    if (request.kind === "inject") {
      // A coordinator that is hit takes its answer down with it: that is the answer.
      if (request.target === "coordinator" && error?.code === status.UNAVAILABLE) return {};
    } else if (error?.code === status.UNAVAILABLE && Date.now() < deadline && existsSync(run.socketDirectory)) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      continue;
    }
    throw FaultlineError.of("FL2008", "The run does not answer.", "It may have ended; `faultline ps` shows the runs there are.");
  }
}

async function ask(socket: string, token: string, request: RunRequest, deadline: number): Promise<{ readonly error: ServiceError | null; readonly reply: RunReply | undefined }> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), CONTROL_CHANNEL);
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        callMethod.path,
        callMethod.requestSerialize,
        callMethod.responseDeserialize,
        request,
        tokenMetadata(token),
        { deadline },
        (error, reply) => resolve({ error, reply }),
      );
    });
  } finally {
    client.close();
  }
}
