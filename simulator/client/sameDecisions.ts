/**
 * A run decided once more: what its JobMaster was told is fed through `core` again, and what comes out is held against its journal. The same
 * inputs have to give the same decisions; if they do not, something that is no input has a part in them.
 */
import { readFile } from "node:fs/promises";
import { readInputs } from "../cluster/inputLog";
import { decodeRunConfig, runPaths } from "../cluster/runDirectory";
import { createJobMaster, stepJobMaster } from "../core/jobMaster";
import type { JobMasterState } from "../core/jobMasterState";
import type { JournalEvent, JournalEventBody, JournalEventKind } from "../observe/journalEvent";
import { readJournal } from "../observe/journalReader";

export interface DecisionCheck {
  /** What the JobMaster was told. */
  readonly inputs: number;
  /** Events of the journal that came out again. */
  readonly decisions: number;
  /** The first event that did not, as a sentence. */
  readonly difference: string | undefined;
}

/** Events that only the JobMaster writes. */
const DECISIONS: ReadonlySet<JournalEventKind> = new Set<JournalEventKind>([
  "job.state",
  "task.state",
  "process.connected",
  "process.lost",
  "instance.phase",
  "service.endpoints",
  "service.scaled",
  "failure",
  "failover",
  "failover.finished",
  "checkpoint.triggered",
  "checkpoint.completed",
  "checkpoint.failed",
  "run.stopping",
]);

/** @param directory of a run whose coordinators are over. */
export async function checkDecisions(directory: string): Promise<DecisionCheck> {
  const { job } = decodeRunConfig(await readFile(runPaths.config(directory), "utf8"));
  const lines = readInputs(directory);
  const told = await decisionsOf(directory);
  let master: JobMasterState | undefined;
  let coordinator = -1;
  let position = 0;
  let inputs = 0;
  let decisions = 0;
  for (const line of lines) {
    if (line.kind === "begin") {
      master = createJobMaster(job, line.seed, line.recovered, line.initial);
      coordinator++;
      position = 0;
      continue;
    }
    if (master === undefined) return { inputs, decisions, difference: "The inputs do not begin with a beginning." };
    inputs++;
    const { events } = stepJobMaster(master, line.input, line.nowMs);
    const expected = told[coordinator] ?? [];
    for (const event of events) {
      if (!DECISIONS.has(event.kind)) continue;
      // Phases of a model inside a task are told by the task.
      while (isOfTask(expected[position], master)) position++;
      const written = expected[position++];
      // The journal of a coordinator that was killed may be shorter than what it had decided.
      if (written === undefined) continue;
      const [again, before] = [JSON.stringify(event), JSON.stringify(written)];
      if (again !== before) return { inputs, decisions, difference: `After input ${inputs} (${line.input.kind}) the journal says ${before}; decided once more it is ${again}.` };
      decisions++;
    }
  }
  return { inputs, decisions, difference: undefined };
}

function isOfTask(event: JournalEventBody | undefined, master: JobMasterState): boolean {
  return event?.kind === "instance.phase" && !master.tasks.has(event.instance);
}

/** Decisions in the journal, for each coordinator that wrote it. */
async function decisionsOf(directory: string): Promise<JournalEventBody[][]> {
  const told: JournalEventBody[][] = [[]];
  for await (const event of readJournal(runPaths.journal(directory))) {
    if (event.kind === "coordinator.recovered") told.push([]);
    else if (DECISIONS.has(event.kind) && !(event.kind === "process.connected" && event.process === "coordinator")) told[told.length - 1].push(bodyOf(event));
  }
  return told;
}

function bodyOf(event: JournalEvent): JournalEventBody {
  const { seq: _, at: __, ...body } = event;
  return body;
}
