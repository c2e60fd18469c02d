/** The journal of a simulated run, kept as a run of this machine: graph, timeline and report open it as they open any other. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { RunRecord } from "../cluster/runDirectory";
import { runPaths } from "../cluster/runDirectory";
import type { JobState } from "../graph/executionState";
import { FaultlineError } from "../graph/errors";
import type { JobSpec } from "../graph/jobFile";
import type { JournalEvent } from "../observe/journalEvent";
import { formatJournalLine } from "../observe/journalLine";
import { newRunId, runsDirectory } from "./stateDirectory";

/** Size of one run's journal; what comes after is left out, and the journal says so. */
const MOST_CHARACTERS = 256 * 1024 * 1024;
const GATHERED = 500;

export class KeptSimulation {
  readonly id: string;
  readonly directory: string;
  private readonly file: number;
  private waiting: string[] = [];
  private next = 0;
  private lastAt = 0;
  private characters = 0;

  private constructor(job: JobSpec, startedAt: number) {
    this.id = `${newRunId(startedAt)}-simulated`;
    this.directory = join(runsDirectory(), this.id);
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const record: RunRecord = {
      id: this.id,
      job: `${job.name} (simulated)`,
      jobFile: job.file,
      directory: this.directory,
      startedAt,
      socketDirectory: this.directory,
      ownerPid: process.pid,
    };
    writeFileSync(runPaths.record(this.directory), `${JSON.stringify(record, undefined, 2)}\n`);
    this.file = openSync(runPaths.journal(this.directory), "wx");
  }

  /** @throws FaultlineError FL2001 where it cannot be written */
  static begin(job: JobSpec): KeptSimulation {
    try {
      return new KeptSimulation(job, Date.now());
    } catch (error) {
      throw cannotKeep(error);
    }
  }

  add(event: JournalEvent): void {
    if (this.characters >= MOST_CHARACTERS) return;
    this.write({ ...event, seq: this.next });
    if (this.characters < MOST_CHARACTERS) return;
    const message = `The journal ends here: ${MOST_CHARACTERS / 1024 ** 2} MiB of a simulated run are kept.`;
    this.write({ seq: this.next, at: event.at, kind: "log", process: "coordinator", level: "warn", message });
  }

  /** @param state SUSPENDED where the simulation was over before the job. */
  end(state: JobState): void {
    this.write({ seq: this.next, at: this.lastAt, kind: "run.ended", state });
    this.flush();
    closeSync(this.file);
  }

  private write(event: JournalEvent): void {
    this.next++;
    this.lastAt = event.at;
    const line = formatJournalLine(event.kind === "run.started" ? { ...event, run: { ...event.run, id: this.id, directory: this.directory } } : event);
    this.characters += line.length;
    this.waiting.push(line);
    if (this.waiting.length >= GATHERED) this.flush();
  }

  private flush(): void {
    if (this.waiting.length === 0) return;
    const text = `${this.waiting.join("\n")}\n`;
    this.waiting = [];
    try {
      writeSync(this.file, text);
    } catch (error) {
      throw cannotKeep(error);
    }
  }
}

function cannotKeep(error: unknown): FaultlineError {
  const { code, message } = error as NodeJS.ErrnoException;
  return FaultlineError.of("FL2001", `The journal cannot be kept: ${code === "ENOSPC" ? "the disk is full" : message}.`, "Make room, or simulate without --keep.", undefined, error);
}
