/**
 * Starting a run and talking to it: what the command line and the extension stand on.
 */
import type { JournalEvent } from "../observe/journalEvent";
import type { Deployment } from "../graph/jobFile";
import type { SavepointOptions, TakenSavepoint } from "./takeSavepoint";

/** A fault to inject, now or on a trigger. Names and parameters as in the catalogue of faults. */
export interface FaultRequest {
  readonly fault: string;
  /** `service:langid#1`, `taskmanager:0`, `coordinator`, `task:VERTEX#INDEX`, …; `*` for any. */
  readonly target: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly by?: "command" | "schedule";
  /** Of several targets only one, by this number from 0 to 1. */
  readonly pick?: number;
  /** Commands of the person that do it and heal it, on a Flink cluster that is there. */
  readonly command?: string;
  readonly heal?: string;
}

export interface StartRunOptions {
  readonly jobFile: string;
  /** The run's folder; a new one below {@link stateDirectory} when not given. */
  readonly directory?: string;
  /** Overrides `deployment` of every service of the job. */
  readonly deployment?: Deployment;
  /** Overrides for every source of the job. */
  readonly load?: {
    readonly ratePerSecond?: number;
    readonly limit?: number;
    /** Sources that have an end begin again from the front, and go on until the job is stopped. */
    readonly endless?: boolean;
  };
  readonly failoverStrategy?: "region" | "full";
  /** Stated extra time of every load of a model, for every service. */
  readonly loadDelayMs?: number;
  /** Where the services of `external` are, by id. */
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly scheduler?: "default" | "adaptive";
  /** Every TaskManager listens for a debugger and waits for it; timeouts are off. The journal's `process.inspectable` tells the ports. */
  readonly inspect?: boolean;
  /** A savepoint, or a checkpoint of a run, that the job begins from. */
  readonly from?: string;
  /** State of operators that the job does not have is left behind. Flink's `--allowNonRestoredState`. */
  readonly allowNonRestoredState?: boolean;
  /** Node to run the processes with; `process.execPath` when not given (in an editor's Electron with ELECTRON_RUN_AS_NODE). */
  readonly node?: string;
}

export interface RunSummary {
  readonly id: string;
  readonly job: string;
  readonly state: string;
  readonly directory: string;
  readonly jobFile: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** A run that is going on or is over. Letting go of it (`dispose`) does not end one that somebody else owns. */
export interface Run {
  readonly id: string;
  readonly directory: string;
  /** True where this process started the run: when this process ends, the run ends. */
  readonly owned: boolean;
  /** The journal from its first event on, then live, until the run ends or `signal` aborts. */
  events(signal?: AbortSignal): AsyncIterable<JournalEvent>;
  /** Resolves when the fault was injected; rejects with a FaultlineError (FL1030–FL1033) when it cannot act. */
  inject(request: FaultRequest): Promise<void>;
  heal(): Promise<void>;
  /** `drain`: sources stop, everything is flushed and committed; `cancel`: at once, nothing more is committed. */
  stop(mode: "drain" | "cancel"): Promise<void>;
  scale(service: string, parallelism: number): Promise<void>;
  /** Begins a checkpoint now, beside those that come by themselves; the journal tells what became of it. */
  checkpoint(): Promise<void>;
  /** Resolves when it is complete; rejects with FL2013 when it cannot be taken. With `stop` the job then ends. */
  savepoint(options: SavepointOptions): Promise<TakenSavepoint>;
  /** Resolves when every process of the run is gone. */
  readonly ended: Promise<{ readonly state: string; readonly exitCode: number }>;
  dispose(): Promise<void>;
  /** Of an owned run that can go on without this process: see `keptRun.ts`. */
  handOver?(): Promise<void>;
}
