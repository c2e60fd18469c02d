/** A run folder for a job of a real Flink: its answers become a journal there, and everything that reads journals works on it. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunRecord } from "../cluster/runDirectory";
import { runPaths } from "../cluster/runDirectory";
import { graphOfJob } from "../flink/flinkGraph";
import { watchJob } from "../flink/jobWatch";
import type { JobDetails, JobOverview } from "../flink/restAnswers";
import { FlinkRestClient } from "../flink/restClient";
import type { ClusterAddress } from "../flink/restTransport";
import { didYouMean } from "../graph/closestName";
import { describeAnalyzed } from "../graph/describeGraph";
import { FaultlineError } from "../graph/errors";
import { isJobTerminal, type JobState } from "../graph/executionState";
import type { GraphDescription } from "../graph/graphDescription";
import {
  JOURNAL_SCHEMA,
  type Cause,
  type JournalEvent,
  type JournalEventBody,
  type JournalEventOf,
} from "../observe/journalEvent";
import { JournalWriter } from "../observe/journalWriter";
import { runsDirectory } from "./stateDirectory";

export interface WatchOptions {
  readonly address: ClusterAddress;
  /** Id of a job, the beginning of one, or a name; the only one that runs when not given. */
  readonly job?: string;
  /** A new one below the state folder when not given. */
  readonly directory?: string;
  readonly intervalMs?: number;
  readonly visible?: () => boolean;
  /** How long the first questions are asked again, ms, where the cluster is too busy to answer or the job has no plan yet. Default 10,000. */
  readonly patienceMs?: number;
  /** Services that the job calls and that are no part of it, for the graph, and how they are run. */
  readonly services?: Pick<GraphDescription, "vertices" | "regions">;
  readonly onEvent?: (event: JournalEvent) => void;
  /** Waited for before the journal is closed: the last that can be added to it. */
  readonly onEnding?: () => Promise<void>;
}

export interface FlinkWatch {
  readonly id: string;
  readonly directory: string;
  readonly jobId: string;
  readonly jobName: string;
  /** Adds an event of one's own, a fault for example. */
  append(body: JournalEventBody, at?: number): void;
  /** Stops watching; the job goes on. */
  stop(): void;
  /** Resolves when watching is over, with the job's last state. */
  readonly ended: Promise<{ readonly state: JobState; readonly cause: Cause | undefined }>;
}

/** @throws FaultlineError FL5xxx, FL2001 */
export async function watchFlink(options: WatchOptions): Promise<FlinkWatch> {
  const client = await FlinkRestClient.connect(options.address);
  try {
    const jobId = await findJob(client, options.job);
    const { job, graph, aheadMs } = await patiently(options.patienceMs ?? PATIENCE_MS, async () => {
      const askedAt = Date.now();
      const answer = await client.job(jobId);
      return { job: answer, graph: graphOfJob(answer), aheadMs: clockAhead(answer.now, askedAt, Date.now()) };
    });
    const settings = await client.settings().catch(() => new Map<string, string>());
    const failoverStrategy =
      job.scheduler === "adaptive" || settings.get("jobmanager.execution.failover-strategy") === "full"
        ? "full"
        : "region";
    const startedAt = Date.now();
    const id = `${new Date(startedAt).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15)}-${randomBytes(2).toString("hex")}`;
    const directory = options.directory === undefined ? join(runsDirectory(), id) : resolve(options.directory);
    await makeFolder(directory, {
      id,
      job: job.name,
      jobFile: "",
      directory,
      startedAt,
      socketDirectory: "",
      ownerPid: process.pid,
    });
    const writer = await JournalWriter.open(directory);
    let state: JobState = "INITIALIZING";
    let cause: Cause | undefined;
    let closed = false;
    const append = (body: JournalEventBody, at?: number): void => {
      if (closed) return;
      if (body.kind === "job.state") {
        state = body.to;
        cause = body.cause ?? cause;
      }
      const event = writer.append(body, at);
      options.onEvent?.(event);
    };
    const { services = { vertices: [], regions: [] } } = options;
    const described = describeAnalyzed(graph);
    append(
      runStarted(
        { id, directory, failoverStrategy, deployment: services.vertices[0]?.service?.deployment ?? "" },
        job,
        {
          ...described,
          vertices: [...described.vertices, ...services.vertices],
          regions: [...described.regions, ...services.regions],
        },
      ),
      Math.min(startedAt, job.now - aheadMs),
    );
    const stopping = new AbortController();
    const watching = watchJob(client, {
      connect: () => FlinkRestClient.connect(options.address),
      job,
      graph,
      failoverStrategy,
      append,
      aheadMs,
      signal: stopping.signal,
      ...(options.intervalMs === undefined ? {} : { intervalMs: options.intervalMs }),
      ...(options.visible === undefined ? {} : { visible: options.visible }),
    });
    const ended = watching
      .catch((error: unknown) => {
        const problem = error instanceof FaultlineError ? error.problems[0] : undefined;
        cause = problem ?? { code: "FL5016", message: error instanceof Error ? error.message : String(error) };
        if (problem?.code === "FL5006") state = "SUSPENDED";
        append({ kind: "log", process: "jobmanager", level: "error", message: cause.message, code: cause.code });
      })
      .then(async () => {
        await options.onEnding?.().catch(() => undefined);
        append({
          kind: "run.ended",
          state,
          ...(cause === undefined || (isJobTerminal(state) && state !== "FAILED" && state !== "SUSPENDED")
            ? {}
            : { cause }),
        });
        closed = true;
        await writer.close();
        return { state, cause };
      });
    return { id, directory, jobId: job.id, jobName: job.name, append, stop: () => stopping.abort(), ended };
  } catch (error) {
    client.close();
    throw error;
  }
}

/**
 * How far the cluster's clock is ahead of ours, ms: what is done to it here and what it says of itself stand in one journal, by our clock. Less than
 * the answer took, or than a second, is no difference that can be told.
 */
export function clockAhead(clusterMs: number, askedAtMs: number, answeredAtMs: number): number {
  const ahead = clusterMs - (askedAtMs + answeredAtMs) / 2;
  return Math.abs(ahead) > Math.max(1_000, answeredAtMs - askedAtMs) ? Math.round(ahead) : 0;
}

const PATIENCE_MS = 10_000;
const AGAIN_MS = 200;
/** What a cluster answers that is busy, or a job that is still being planned. */
const AGAIN: ReadonlySet<string> = new Set(["FL5001", "FL5002", "FL5005", "FL5007", "FL5009"]);

async function patiently<T>(patienceMs: number, ask: () => Promise<T>): Promise<T> {
  const until = Date.now() + patienceMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof FaultlineError) || !AGAIN.has(error.code) || Date.now() + AGAIN_MS > until) throw error;
    }
    await sleep(AGAIN_MS);
  }
}

function runStarted(
  run: Pick<JournalEventOf<"run.started">["run"], "id" | "directory" | "failoverStrategy" | "deployment">,
  job: JobDetails,
  graph: ReturnType<typeof describeAnalyzed>,
): JournalEventBody {
  return {
    kind: "run.started",
    schema: JOURNAL_SCHEMA,
    run: {
      ...run,
      job: job.name,
      jobFile: "",
      engine: "flink",
      scheduler: job.scheduler,
      machine: {
        cores: availableParallelism(),
        memoryBytes: totalmem(),
        platform: process.platform,
        node: process.version,
      },
    },
    graph,
  };
}

/** The id of the job that is meant. @throws FaultlineError FL5006 */
export async function findJob(client: FlinkRestClient, wanted: string | undefined): Promise<string> {
  if (wanted !== undefined && /^[0-9a-f]{32}$/.test(wanted)) return wanted;
  const jobs = await client.jobs();
  const running = jobs.filter(({ state }) => !isJobTerminal(state));
  const found = wanted === undefined ? running : matching(jobs, running, wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.id;
  const names = running.map(({ name }) => name);
  throw FaultlineError.of(
    "FL5006",
    found.length > 1
      ? `${wanted === undefined ? `${found.length} jobs run` : `"${wanted}" names ${found.length} jobs`} on ${client.place}.`
      : wanted === undefined
        ? `No job runs on ${client.place}.`
        : `${client.place} does not know the job "${wanted.slice(0, 80)}".`,
    found.length > 1
      ? `Name one by its id: ${found
          .slice(0, 5)
          .map(({ id, name }) => `${id} (${name})`)
          .join(", ")}.`
      : ((wanted === undefined ? undefined : didYouMean(wanted, names)) ??
          "`faultline flink jobs URL` shows the jobs there are."),
  );
}

function matching(
  jobs: readonly JobOverview[],
  running: readonly JobOverview[],
  wanted: string,
): readonly JobOverview[] {
  const ways = [
    running.filter(({ name }) => name === wanted),
    jobs.filter(({ id }) => wanted.length >= 4 && id.startsWith(wanted)),
    jobs.filter(({ name }) => name === wanted),
  ];
  return ways.find(({ length }) => length > 0) ?? [];
}

async function makeFolder(directory: string, record: RunRecord): Promise<void> {
  try {
    if ((await readdir(directory).catch(() => [])).length > 0) {
      throw FaultlineError.of("FL2001", "The run's folder is not empty.", "Name a new folder.", { file: directory });
    }
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(runPaths.record(directory), `${JSON.stringify(record, undefined, 2)}\n`);
  } catch (error) {
    if (error instanceof FaultlineError) throw error;
    throw FaultlineError.of(
      "FL2001",
      `The run's folder cannot be written: ${(error as Error).message}.`,
      "Choose another folder with --directory.",
      { file: directory },
      error,
    );
  }
}
