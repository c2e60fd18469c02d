/** Takes a savepoint of a run that is going on, and waits for it. */
import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import type { RunRecord } from "../cluster/runDirectory";
import { runPaths } from "../cluster/runDirectory";
import { FaultlineError } from "../graph/errors";
import type { JournalEventOf } from "../observe/journalEvent";
import { followJournal } from "../observe/journalReader";
import { callRun } from "./runCall";

export interface SavepointOptions {
  /** A new folder `savepoint-RUN-…` is made in it; the run's own `savepoints` when not given. */
  readonly directory?: string;
  /** Ends the job with the savepoint: nothing is drained, and no record after it counts. */
  readonly stop?: boolean;
}

export interface TakenSavepoint {
  /** The savepoint's own folder, absolute. */
  readonly path: string;
  readonly checkpoint: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/** @throws FaultlineError FL2013 when it cannot be taken, FL2008 when the run does not answer */
export async function takeSavepoint(
  record: RunRecord,
  { directory, stop = false }: SavepointOptions,
): Promise<TakenSavepoint> {
  const request = randomBytes(4).toString("hex");
  const parent = directory === undefined ? runPaths.savepoints(record.directory) : resolve(directory);
  const path = join(parent, `savepoint-${record.id}-${request}`);
  const askedAt = Date.now();
  await callRun(record, { kind: "savepoint", savepoint: { request, directory: path, stop } });
  const { checkpoint, bytes, durationMs } = await outcome(record, request, askedAt);
  return { path, checkpoint, bytes, durationMs };
}

async function outcome(
  record: RunRecord,
  request: string,
  askedAt: number,
): Promise<JournalEventOf<"savepoint.completed">> {
  for await (const event of followJournal(runPaths.journal(record.directory), {})) {
    if (event.kind === "savepoint.completed" && event.request === request) return event;
    if (event.kind === "savepoint.failed" && event.request === request) throw new FaultlineError(event.cause);
    if (event.kind === "coordinator.recovered" && event.at > askedAt) {
      throw FaultlineError.of(
        "FL2013",
        "The coordinator was lost before the savepoint was complete.",
        "Take it again.",
      );
    }
  }
  throw FaultlineError.of("FL2013", "The run ended before the savepoint was complete.");
}
