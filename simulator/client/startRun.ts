/** Starts a run: checks the job, makes the run's folder, starts the coordinator, and owns it until it ends. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { COORDINATOR_CANNOT_START, COORDINATOR_DONE } from "../cluster/coordinatorExit";
import { withoutTimeouts } from "../cluster/inspector";
import { obeyStops } from "../cluster/ownStop";
import type { RunConfig, RunRecord } from "../cluster/runDirectory";
import { encodeRunConfig, runPaths } from "../cluster/runDirectory";
import { openSavepoint } from "../cluster/savepoint";
import { fitToSavepoint, restoreSavepoint } from "../cluster/savepointRestore";
import { entryFile, lastLogLines, nodeArguments, workerEnvironment } from "../cluster/workerProcesses";
import { FaultlineError } from "../graph/errors";
import type { JobSpec } from "../graph/jobFile";
import { runControls } from "./attachedRun";
import { loadJobFile, locating, prepareJob } from "./jobFileLoading";
import type { Run, StartRunOptions } from "./run";
import { newRunId, runsDirectory } from "./stateDirectory";

/** A Unix-domain socket's path may have about 107 bytes; the longest name in the folder takes 40. */
const MAX_SOCKET_FOLDER = 64;
/** A coordinator that dies this often within {@link CRASH_WINDOW_MS} is not started again. */
const MAX_CRASHES = 8;
const CRASH_WINDOW_MS = 10_000;

/**
 * Starts the job. The run belongs to this process: when this process ends, however it ends, every process of the run ends.
 * @throws FaultlineError FL1xxx and FL3xxx for bad input, savepoints included (nothing was started then), FL2001 when the folder cannot be written, FL2002.
 */
export async function startRun(options: StartRunOptions): Promise<Run> {
  const { record, coordinator } = await launchRun(options);
  return {
    ...runControls(record),
    owned: true,
    ended: coordinator.ended,
    dispose: async () => {
      coordinator.kill();
      await coordinator.ended;
    },
  };
}

/** The run without the way to talk to it. @throws FaultlineError as {@link startRun} */
export async function launchRun(options: StartRunOptions): Promise<{ readonly record: RunRecord; readonly coordinator: OwnedCoordinator }> {
  const overridden = withOverrides(await loadJobFile(options.jobFile), options);
  const asked = options.inspect === true ? withoutTimeouts(overridden) : overridden;
  const savepoint = options.from === undefined ? undefined : await openSavepoint(options.from);
  const job = savepoint === undefined ? asked : await locating(asked, () => fitToSavepoint(asked, savepoint));
  const startedAt = Date.now();
  const id = newRunId(startedAt);
  const directory = options.directory === undefined ? join(runsDirectory(), id) : resolve(options.directory);
  const { config, record } = await makeRunDirectory(id, directory, startedAt, async () => {
    const functionModules = await prepareJob(job, runPaths.functions(directory));
    const restored = savepoint === undefined ? undefined : await locating(job, () => restoreSavepoint(job, savepoint, directory, options.allowNonRestoredState ?? false));
    return { job, functionModules, node: options.node ?? process.execPath, inspect: options.inspect, restored };
  });
  const coordinator = new OwnedCoordinator(config);
  await coordinator.ready;
  return { record, coordinator };
}

/** How often a file is read through that is to have no end: longer than anybody waits. */
const ENDLESS = 1_000_000;

function withOverrides(job: JobSpec, { deployment, load, failoverStrategy, scheduler, loadDelayMs, addresses }: StartRunOptions): JobSpec {
  return {
    ...job,
    runtime: {
      ...job.runtime,
      failoverStrategy: failoverStrategy ?? job.runtime.failoverStrategy,
      scheduler: scheduler ?? job.runtime.scheduler,
    },
    services: job.services.map((service) => ({
      ...service,
      deployment: deployment ?? service.deployment,
      loadDelayMs: loadDelayMs ?? service.loadDelayMs,
      addresses: addresses?.[service.id] ?? service.addresses,
    })),
    operators: job.operators.map((operator) =>
      operator.kind === "source"
        ? {
            ...operator,
            source: {
              ...operator.source,
              ratePerSecond: load?.ratePerSecond ?? operator.source.ratePerSecond,
              limit: load?.endless === true ? undefined : (load?.limit ?? operator.source.limit),
              connector: load?.endless === true && "repeat" in operator.source.connector ? { ...operator.source.connector, repeat: ENDLESS } : operator.source.connector,
            },
          }
        : operator,
    ),
  };
}

/** The coordinator's process, and the lifeline that this process holds for the whole run. */
export class OwnedCoordinator {
  readonly ready: Promise<void>;
  readonly ended: Promise<{ readonly state: string; readonly exitCode: number }>;
  private child: ChildProcess;
  private readonly crashes: number[] = [];
  private killed = false;
  private resolveEnded!: (end: { readonly state: string; readonly exitCode: number }) => void;
  /** Ends of the lifelines: of this coordinator and of those before it, whose workers still hold theirs. */
  private readonly lifelines: unknown[] = [];

  /** @param together folders of other runs that it hosts too */
  constructor(
    private readonly config: RunConfig,
    private readonly together: readonly string[] = [],
  ) {
    this.ended = new Promise((done) => (this.resolveEnded = done));
    this.child = this.spawn([]);
    this.ready = new Promise((resolve, reject) => {
      this.child.once("spawn", resolve);
      this.child.once("error", (error) => reject(FaultlineError.of("FL2002", `The coordinator could not be started: ${error.message}.`)));
    });
  }

  kill(): void {
    this.killed = true;
    for (const lifeline of this.lifelines) (lifeline as { destroy(): void }).destroy();
    // One that is stopped is to see it.
    this.child.kill("SIGCONT");
  }

  private spawn(flags: readonly string[]): ChildProcess {
    const { directory } = this.config.run;
    const log = openSync(runPaths.log(directory, "coordinator"), "a");
    const child = spawn(this.config.node, [...nodeArguments(), entryFile("coordinator"), directory, ...this.together, ...flags], {
      stdio: ["ignore", log, log, "pipe"],
      cwd: directory,
      env: workerEnvironment(),
    });
    closeSync(log);
    const lifeline = child.stdio[3];
    lifeline?.on("error", () => undefined);
    // A signal goes to this child or, when it has ended, to nobody.
    if (lifeline instanceof Readable) obeyStops(lifeline, (which) => void child.kill(which));
    this.lifelines.push(lifeline);
    child.once("exit", (code) => this.onExit(code));
    return child;
  }

  private onExit(code: number | null): void {
    if (code === COORDINATOR_DONE || this.killed) {
      this.finish(code ?? 1);
      return;
    }
    const now = Date.now();
    this.crashes.push(now);
    const recent = this.crashes.filter((at) => now - at < CRASH_WINDOW_MS).length;
    if (code === COORDINATOR_CANNOT_START || recent >= MAX_CRASHES) {
      process.stderr.write(`${lastLogLines(this.config.run.directory, "coordinator", 3)}\n`);
      this.finish(1);
    } else this.child = this.spawn(["--recover"]);
  }

  private finish(exitCode: number): void {
    this.kill();
    this.resolveEnded({ state: exitCode === COORDINATOR_DONE ? "ended" : "crashed", exitCode });
  }
}

/** @throws FaultlineError FL2001, and what `prepare` throws; then nothing of it stays */
export async function makeRunDirectory(
  id: string,
  directory: string,
  startedAt: number,
  prepare: () => Promise<Pick<RunConfig, "job" | "functionModules" | "node" | "inspect" | "restored" | "openServices">>,
): Promise<{ config: RunConfig; record: RunRecord }> {
  let socketDirectory = join(directory, "s");
  try {
    if ((await readdir(directory).catch(() => [])).length > 0) {
      throw FaultlineError.of("FL2001", "The run's folder is not empty.", "Name a new folder.", { file: directory });
    }
    await mkdir(join(directory, "logs"), { recursive: true, mode: 0o700 });
    await mkdir(runPaths.output(directory), { recursive: true });
    await mkdir(runPaths.checkpoints(directory), { recursive: true });
    if (Buffer.byteLength(socketDirectory) > MAX_SOCKET_FOLDER) socketDirectory = await mkdtemp(join(tmpdir(), "fl-"));
    else await mkdir(socketDirectory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw error instanceof FaultlineError ? error : cannotWrite(directory, error);
  }
  try {
    const prepared = await prepare();
    const config: RunConfig = {
      run: { id, directory, startedAt, seed: randomBytes(4).readInt32LE() },
      socketDirectory,
      ...prepared,
    };
    const record: RunRecord = {
      id,
      job: prepared.job.name,
      jobFile: prepared.job.file,
      directory,
      startedAt,
      socketDirectory,
      ownerPid: process.pid,
    };
    await writeFile(runPaths.token(directory), randomBytes(24).toString("base64url"), { mode: 0o600 });
    await writeFile(runPaths.config(directory), encodeRunConfig(config), { mode: 0o600 });
    await writeFile(runPaths.record(directory), `${JSON.stringify(record, undefined, 2)}\n`);
    return { config, record };
  } catch (error) {
    await rm(socketDirectory, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
    throw error instanceof FaultlineError ? error : cannotWrite(directory, error);
  }
}

function cannotWrite(directory: string, error: unknown): FaultlineError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === "ENOSPC" ? "the disk is full" : code === "EACCES" ? "writing there is not permitted" : message;
  return FaultlineError.of("FL2001", `The run's folder cannot be written: ${why}.`, "Choose another folder with --directory, or make room.", { file: directory }, error);
}
