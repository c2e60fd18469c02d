/**
 * Starts several jobs together, on one coordinator: each is a run of its own, with its own folder, journal and report, and the services that
 * their files mark as shared are one more run, which they all call and which ends after the last of them.
 */
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { RunConfig, RunRecord } from "../cluster/runDirectory";
import { runPaths } from "../cluster/runDirectory";
import { FaultlineError } from "../graph/errors";
import type { Deployment, JobSpec, ServiceSpec } from "../graph/jobFile";
import { attachRun, runControls } from "./attachedRun";
import { loadJobFile, prepareJob } from "./jobFileLoading";
import type { Run } from "./run";
import { makeRunDirectory, OwnedCoordinator } from "./startRun";
import { newRunId, runsDirectory } from "./stateDirectory";

export interface StartSessionOptions {
  readonly jobFiles: readonly string[];
  /** The folders of the runs are made in it; in the state folder when not given. */
  readonly directory?: string;
  readonly deployment?: Deployment;
}

export interface Session {
  /** In the order of the files; `ended` of each resolves when that one is over. */
  readonly jobs: readonly Run[];
  /** The run of the shared services, where there are any. */
  readonly services: Run | undefined;
  /** Resolves when every process of all of them is gone. */
  readonly ended: Promise<void>;
  dispose(): Promise<void>;
}

/**
 * The runs belong to this process: when it ends, they end.
 * @throws FaultlineError FL1xxx and FL3xxx for bad input (nothing was started then), FL2001, FL2002
 */
export async function startSession({ jobFiles, directory, deployment }: StartSessionOptions): Promise<Session> {
  const loaded = await Promise.all(jobFiles.map(loadJobFile));
  const overridden = loaded.map((job) => ({
    ...job,
    services: job.services.map((service) => ({ ...service, deployment: deployment ?? service.deployment })),
  }));
  const shared = sharedServices(overridden);
  const jobs = overridden.map((job) => ({
    ...job,
    services: job.services.map((service) => (service.shared === true ? { ...service, attached: true } : service)),
  }));
  const startedAt = Date.now();
  const id = newRunId(startedAt);
  const base = directory === undefined ? undefined : resolve(directory);
  const make = (
    job: JobSpec,
    name: string,
    more: Partial<RunConfig>,
  ): Promise<{ config: RunConfig; record: RunRecord }> => {
    const folder = base === undefined ? join(runsDirectory(), `${id}-${name}`) : join(base, name);
    return makeRunDirectory(`${id}-${name}`, folder, startedAt, async () => ({
      job,
      functionModules: await prepareJob(job, runPaths.functions(folder)),
      node: process.execPath,
      ...more,
    }));
  };
  const names = folderNames(jobs);
  const all: { config: RunConfig; record: RunRecord }[] = [];
  try {
    if (shared.length > 0) all.push(await make(servicesAlone(jobs[0], shared), "services", { sharedServices: true }));
    for (const [index, job] of jobs.entries()) all.push(await make(job, names[index], {}));
  } catch (error) {
    // Nothing was started: what was made for the others goes too.
    for (const { config } of all)
      for (const folder of [config.socketDirectory, config.run.directory])
        await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const coordinator = new OwnedCoordinator(
    all[0].config,
    all.slice(1).map(({ config }) => config.run.directory),
  );
  await coordinator.ready;
  const runOf = ({ record }: { record: RunRecord }): Run => ({
    ...runControls(record),
    owned: true,
    ended: Promise.race([attachRun(record).ended, coordinator.ended]),
    dispose: () => Promise.resolve(),
  });
  return {
    jobs: all.slice(shared.length > 0 ? 1 : 0).map(runOf),
    services: shared.length > 0 ? runOf(all[0]) : undefined,
    ended: coordinator.ended.then(() => undefined),
    dispose: async () => {
      coordinator.kill();
      await coordinator.ended;
    },
  };
}

/** @throws FaultlineError FL1012 for one that two files describe differently, FL1015 for one that cannot be shared */
function sharedServices(jobs: readonly JobSpec[]): readonly ServiceSpec[] {
  const shared = new Map<string, { readonly service: ServiceSpec; readonly job: JobSpec }>();
  for (const job of jobs) {
    for (const service of job.services.filter((one) => one.shared === true)) {
      const element = `services.${service.id}`;
      if (service.deployment !== "rpc-service") {
        throw FaultlineError.of(
          "FL1015",
          `The service "${service.id}" cannot be shared: with deployment ${service.deployment} it belongs to one job.`,
          'Use "deployment": "rpc-service".',
          { file: job.file, element },
        );
      }
      const other = shared.get(service.id);
      if (other === undefined) shared.set(service.id, { service, job });
      else if (JSON.stringify(other.service) !== JSON.stringify(service)) {
        throw FaultlineError.of(
          "FL1012",
          `The shared service "${service.id}" is described in two ways, here and in ${other.job.file}.`,
          "Write the same in both files, or give it another id in one of them.",
          { file: job.file, element },
        );
      }
    }
  }
  return [...shared.values()].map(({ service }) => service);
}

/** A job of services alone. */
function servicesAlone(first: JobSpec, services: readonly ServiceSpec[]): JobSpec {
  return {
    name: "shared services",
    file: first.file,
    runtime: { ...first.runtime, mode: "streaming", taskManagers: 0, checkpointing: undefined },
    services,
    operators: [],
    edges: [],
  };
}

/** Names of the jobs as names of folders, no two the same. */
function folderNames(jobs: readonly JobSpec[]): readonly string[] {
  const taken = new Set(["services"]);
  return jobs.map(({ name }) => {
    const plain = name.replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^\.+/, "") || "job";
    let free = plain;
    for (let number = 2; taken.has(free); number++) free = `${plain}-${number}`;
    taken.add(free);
    return free;
  });
}
