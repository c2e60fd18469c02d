/** Why a run ended as it did, as far as its journal says. */
import { runPaths } from "../cluster/runDirectory";
import { formatProblem } from "../graph/errors";
import type { Cause } from "../observe/journalEvent";
import { readJournal } from "../observe/journalReader";

export interface RunOutcome {
  readonly code: string | undefined;
  /** The job was RUNNING at least once. */
  readonly ran: boolean;
  /** The cause on one line. */
  readonly problem: string | undefined;
}

export async function readOutcome(directory: string): Promise<RunOutcome> {
  let ran = false;
  let cause: Cause | undefined;
  for await (const event of readJournal(runPaths.journal(directory))) {
    if (event.kind === "job.state" && event.to === "RUNNING") ran = true;
    if (event.kind === "run.ended") cause = event.cause;
  }
  const detail = cause?.detail === undefined ? "" : ` (${cause.detail})`;
  return { code: cause?.code, ran, problem: cause === undefined ? undefined : `${formatProblem(cause)}${detail}` };
}
