/**
 * The jobs of one coordinator process: a JobMaster each, and one more for the services that they share. Flink's `Dispatcher`, with FLIP-582's
 * `startSharedRpcOperatorService`.
 *
 * Shared services are a job of their own, without operators. Its endpoints are handed to the other JobMasters, which call what they do not
 * own: an instance that fails restarts alone, whoever calls it; a job that ends takes nothing of it along; and it ends after the last of them.
 */
import { readFileSync, rmSync } from "node:fs";
import type { ServiceEndpoint } from "../core/deployment";
import type { JobState } from "../graph/executionState";
import { readJournal } from "../observe/journalReader";
import { Coordinator } from "./coordinator";
import { failedWithoutCheckpoint, recoverRun } from "./jobRecovery";
import type { RecoveredRun } from "./jobRecovery";
import type { RunConfig } from "./runDirectory";
import { decodeRunConfig, runPaths } from "./runDirectory";
import { WorkerProcesses } from "./workerProcesses";

interface HostedRun {
  readonly config: RunConfig;
  readonly token: string;
  readonly recovered: RecoveredRun | undefined;
}

export class Dispatcher {
  private services: Coordinator | undefined;
  private readonly jobs: Coordinator[] = [];
  /** Endpoints of shared services, as of now. */
  private readonly endpoints = new Map<string, readonly ServiceEndpoint[]>();

  /**
   * Starts the runs in these folders, or goes on with those that are not over.
   * @throws FaultlineError FL2001, FL2002
   */
  async start(directories: readonly string[], recover: boolean): Promise<void> {
    const runs = await Promise.all(directories.map((directory) => readRun(directory, recover)));
    const live = runs.filter(({ config, recovered }) => {
      // The coordinator before died between its last word and its end, or the run had been over for long.
      if (recovered?.ended !== undefined) clearUp(config, recovered);
      return recovered?.ended === undefined;
    });
    const shared = live.find(({ config }) => config.sharedServices === true);
    if (shared !== undefined) {
      this.services = await Coordinator.start(shared.config, shared.token, shared.recovered, (service, instances) => {
        this.endpoints.set(service, instances);
        for (const job of this.jobs) job.attachEndpoints(service, instances);
      });
    }
    for (const { config, token, recovered } of live.filter((run) => run !== shared)) {
      const job = await Coordinator.start(config, token, recovered);
      this.jobs.push(job);
      for (const [service, instances] of this.endpoints) job.attachEndpoints(service, instances);
    }
  }

  /** Resolves when every job is over, then the shared services, and every worker is gone. */
  async done(): Promise<void> {
    const { services, jobs } = this;
    let over = false;
    void services?.done.then((state: JobState) => {
      if (!over) for (const job of jobs) job.cancel(`The shared services are ${state}.`);
    });
    await Promise.all(jobs.map((job) => job.done));
    over = true;
    services?.stop("drain");
    await services?.done;
  }

  /** The owner is gone: nothing may stay. */
  killEverything(): void {
    for (const job of this.jobs) job.killEverything();
    this.services?.killEverything();
  }
}

async function readRun(directory: string, recover: boolean): Promise<HostedRun> {
  const config = decodeRunConfig(readFileSync(runPaths.config(directory), "utf8"));
  const recovered = recover ? await recoverRun(directory, readJournal(runPaths.journal(directory))) : undefined;
  return {
    config,
    token: readFileSync(runPaths.token(directory), "utf8"),
    recovered: recovered === undefined || config.restored === undefined ? recovered : failedWithoutCheckpoint(recovered),
  };
}

function clearUp(config: RunConfig, { predecessors }: RecoveredRun): void {
  const processes = new WorkerProcesses(config, () => undefined);
  processes.expect(predecessors);
  processes.killStrays();
  if (process.platform !== "win32") rmSync(config.socketDirectory, { recursive: true, force: true });
}
