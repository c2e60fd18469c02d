/** Finds runs again: those going on and those that are over. */
import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { RunRecord } from "../cluster/runDirectory";
import { runPaths } from "../cluster/runDirectory";
import { FaultlineError } from "../graph/errors";
import { readJournal } from "../observe/journalReader";
import { attachRun } from "./attachedRun";
import type { Run, RunSummary } from "./run";
import { isAlive } from "./processAlive";
import { runsDirectory } from "./stateDirectory";

/** A run by its id, `latest`, or its folder. @throws FaultlineError FL1040 */
export async function openRun(name: string): Promise<Run> {
  return attachRun(await findRun(name));
}

/** @throws FaultlineError FL1040 */
export async function findRun(name: string): Promise<RunRecord> {
  const records = await readRecords();
  const found = name === "latest" ? records[records.length - 1] : records.find((record) => record.id === name);
  if (found !== undefined) return found;
  const fromFolder = name === "latest" ? undefined : await readRecord(resolve(name));
  if (fromFolder !== undefined) return fromFolder;
  throw FaultlineError.of(
    "FL1040",
    name === "latest" ? "There is no run yet." : `There is no run "${name}".`,
    records.length === 0 ? "Start one with `faultline run JOB`." : "`faultline ps` shows the runs there are.",
  );
}

/** Runs of this machine's state folder, oldest first. */
export async function listRuns(): Promise<readonly RunSummary[]> {
  const records = await readRecords();
  return Promise.all(
    records.map(async (record) => ({
      id: record.id,
      job: record.job,
      jobFile: record.jobFile,
      directory: record.directory,
      startedAt: record.startedAt,
      state: await lastState(record),
    })),
  );
}

/** The job's last state in the journal; CRASHED for a run whose processes died before they could say how it ended. */
async function lastState(record: RunRecord): Promise<string> {
  let state = "INITIALIZING";
  let ended = false;
  try {
    for await (const event of readJournal(runPaths.journal(record.directory))) {
      if (event.kind === "job.state") state = event.to;
      if (event.kind === "run.ended") {
        state = event.state;
        ended = true;
      }
    }
  } catch {
    // A journal that is not there yet, or is damaged: what was read of it counts.
  }
  return ended || isAlive(record.ownerPid) ? state : "CRASHED";
}

async function readRecords(): Promise<RunRecord[]> {
  const names = await readdir(runsDirectory()).catch(() => [] as string[]);
  const records = await Promise.all(names.map((name) => readRecord(join(runsDirectory(), name))));
  return records.filter((record) => record !== undefined).sort((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1));
}

async function readRecord(directory: string): Promise<RunRecord | undefined> {
  try {
    return JSON.parse(await readFile(runPaths.record(directory), "utf8")) as RunRecord;
  } catch {
    return undefined;
  }
}
