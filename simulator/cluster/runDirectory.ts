/**
 * The folder of one run and what lies where in it.
 *
 * `run.json`, `token` and `config.json` (0600), `journal.ndjson`, `inputs.ndjson`, `control.sock`, `data/*.sock`, `functions/`, `checkpoints/chk-N/`, `savepoints/`,
 * `partitions/`, `output/`, `logs/PROCESS.log`, `report.json`, `report.html`.
 */
import { join } from "node:path";
import type { JobSpec } from "../graph/jobFile";
import type { SplitAssignment } from "../graph/sourceSplits";
import type { ProcessName } from "../observe/journalEvent";
import type { SinkOutput } from "../operators/fileSink";

/** What the coordinator needs to start or to take over; written before it is started. */
export interface RunConfig {
  readonly run: { readonly id: string; readonly directory: string; readonly startedAt: number; readonly seed: number };
  readonly job: JobSpec;
  /** Absolute path of a function module → its compiled CommonJS file. */
  readonly functionModules: Readonly<Record<string, string>>;
  /** Node to run the workers with. */
  readonly node: string;
  /** A debug run: every TaskManager waits for a debugger (see inspector.ts). */
  readonly inspect?: boolean;
  /** The run is the services that other runs of its coordinator share; it ends after the last of them. */
  readonly sharedServices?: boolean;
  /** Instances take calls without the run's token: who calls them is no process of this program. On loopback alone, as ever. */
  readonly openServices?: boolean;
  /** What the run began from, when it did not begin empty. Its state is the first checkpoint of the run. */
  readonly restored?: RestoredFrom;
  /** Folder of the run's sockets: the run's own, or a short one where that path is too long for a socket. */
  readonly socketDirectory: string;
}

/** A savepoint, or a checkpoint of another run, as this run took it over. */
export interface RestoredFrom {
  /** Absolute. */
  readonly path: string;
  /** Number of the checkpoint. */
  readonly checkpoint: number;
  readonly rescaled: readonly { readonly operator: string; readonly from: number; readonly to: number }[];
  readonly skipped: readonly string[];
  /** Source → what each of its subtasks had left to emit. */
  readonly sources: Readonly<Record<string, readonly SplitAssignment[]>>;
  /** File sink → the files that runs before this one had given, up to the savepoint. */
  readonly sinks: Readonly<Record<string, readonly SinkOutput[]>>;
}

/** `run.json`: for `ps` and for finding a run again. */
export interface RunRecord {
  readonly id: string;
  readonly job: string;
  readonly jobFile: string;
  readonly directory: string;
  readonly startedAt: number;
  readonly socketDirectory: string;
  /** Process that owns the run: when it ends, the run ends. */
  readonly ownerPid: number;
}

export const runPaths = {
  record: (directory: string) => join(directory, "run.json"),
  config: (directory: string) => join(directory, "config.json"),
  token: (directory: string) => join(directory, "token"),
  journal: (directory: string) => join(directory, "journal.ndjson"),
  /** What the JobMaster was told (see inputLog.ts). */
  inputs: (directory: string) => join(directory, "inputs.ndjson"),
  functions: (directory: string) => join(directory, "functions"),
  checkpoints: (directory: string) => join(directory, "checkpoints"),
  /** Results that other regions read (batch). */
  partitions: (directory: string) => join(directory, "partitions"),
  savepoints: (directory: string) => join(directory, "savepoints"),
  output: (directory: string) => join(directory, "output"),
  log: (directory: string, process: ProcessName) => join(directory, "logs", `${fileNameOf(process)}.log`),
  reportJson: (directory: string) => join(directory, "report.json"),
  reportHtml: (directory: string) => join(directory, "report.html"),
} as const;

/** JSON has no Infinity; the job file's `infinite` is carried as a sign. */
export function encodeRunConfig(config: RunConfig): string {
  return JSON.stringify(config, (_key, value: unknown) => (value === Infinity ? "\u221e" : value), 2);
}

export function decodeRunConfig(text: string): RunConfig {
  return JSON.parse(text, (_key, value: unknown) => (value === "\u221e" ? Infinity : value)) as RunConfig;
}

/** Sockets of a run. On Windows these are named pipes. */
export function controlSocket(socketDirectory: string): string {
  return socketPath(socketDirectory, "control");
}

/** Where the stream debugger of a TaskManager process listens, in a debug run. */
export function debugSocket(socketDirectory: string, process: ProcessName, pid: number): string {
  return socketPath(socketDirectory, `debug-${fileNameOf(process)}-${pid}`);
}

/** Where the keeper of a run is found by who is to own the run next. */
export function ownerSocket(socketDirectory: string): string {
  return socketPath(socketDirectory, "owner");
}

export function dataSocket(socketDirectory: string, process: ProcessName, pid: number): string {
  return socketPath(socketDirectory, `${fileNameOf(process)}-${pid}`);
}

/** What leads the control connection of a process while a fault is on it. */
export function relaySocket(socketDirectory: string, process: ProcessName, pid: number): string {
  return socketPath(socketDirectory, `r-${fileNameOf(process).slice(-16)}-${pid}`);
}

/** `service:langid#1` → `service-langid-1`. */
export function fileNameOf(process: ProcessName): string {
  return process.replace(/[^A-Za-z0-9_.-]+/g, "-");
}

function socketPath(directory: string, name: string): string {
  if (process.platform !== "win32") return join(directory, `${name}.sock`);
  return `\\\\.\\pipe\\faultline-${directory.replace(/[^A-Za-z0-9]+/g, "-")}-${name}`;
}
