/**
 * Follows one job of a cluster: asks in rounds, turns the answers into events, says when the cluster is lost and finds it again.
 *
 * How often: at the cluster's own refresh interval (its answers are kept that long), never so often that asking takes more than a third of the
 * time, and a fifth as often while nobody looks. Of jobs with many subtasks, a round asks for a part of the vertices, but for all of
 * them as soon as anything else says that something changed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AnalyzedGraph } from "../graph/describeGraph";
import { FaultlineError } from "../graph/errors";
import { isJobTerminal } from "../graph/executionState";
import type { JournalEventBody } from "../observe/journalEvent";
import { JOB_MANAGER, JobHistory } from "./jobHistory";
import type { FlinkRestClient } from "./restClient";
import type { JobDetails, VertexAnswer } from "./restAnswers";

export interface JobWatchOptions {
  /** Makes a connection; called again after the cluster was lost. */
  readonly connect: () => Promise<FlinkRestClient>;
  readonly job: JobDetails;
  readonly graph: AnalyzedGraph;
  readonly failoverStrategy: "region" | "full";
  /** Times by our clock. */
  readonly append: (body: JournalEventBody, at: number) => void;
  /** How far the cluster's clock is ahead of ours, ms. */
  readonly aheadMs: number;
  readonly signal: AbortSignal;
  /** In place of the cluster's refresh interval, ms. */
  readonly intervalMs?: number;
  /** Whether somebody looks; always when not given. */
  readonly visible?: () => boolean;
}

/** Subtasks that one round asks for at most, while nothing happens. */
const SUBTASKS_A_ROUND = 2_000;
const HIDDEN_FACTOR = 5;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 10_000;
/** Errors by which a cluster is lost for the moment and not for good. */
const PASSING = new Set(["FL5001", "FL5005", "FL5007", "FL5009", "FL5002"]);

/** Resolves when the job has ended, when it has vanished, or on `signal`. Rejects with what cannot pass (FL5003, FL5004, FL5008). */
export async function watchJob(client: FlinkRestClient, options: JobWatchOptions): Promise<void> {
  const { job, append, signal } = options;
  const history = new JobHistory(options.graph, options.failoverStrategy, job.now);
  const rounds = new VertexRounds(job.vertices);
  let connected = client;
  let lostAt: number | undefined;
  let retryMs = RETRY_MIN_MS;
  try {
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        if (lostAt !== undefined) {
          connected.close();
          connected = await options.connect();
        }
        const ended = await askOnce(connected, options, history, rounds);
        if (lostAt !== undefined) {
          const seconds = ((Date.now() - lostAt) / 1000).toFixed(1);
          append({ kind: "process.connected", process: JOB_MANAGER, pid: 0 }, Date.now());
          append(log("info", `The cluster was found again after ${seconds} s.`), Date.now());
          lostAt = undefined;
          retryMs = RETRY_MIN_MS;
        }
        if (ended) return;
        await pause(waitOf(options, connected, performance.now() - startedAt), signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof FaultlineError) || !PASSING.has(error.code)) throw error;
        if (lostAt === undefined) {
          lostAt = Date.now();
          append(
            { kind: "process.lost", process: JOB_MANAGER, pid: 0, evidence: { by: "connection" }, expected: false },
            lostAt,
          );
          append(
            { ...log("warn", `The cluster cannot be reached for the moment: ${error.message}`), code: "FL5016" },
            lostAt,
          );
        }
        await pause(retryMs, signal);
        retryMs = Math.min(RETRY_MAX_MS, retryMs * 2);
      }
    }
  } finally {
    connected.close();
  }
}

type LogEvent = Extract<JournalEventBody, { kind: "log" }>;

function log(level: LogEvent["level"], message: string): LogEvent {
  return { kind: "log", process: JOB_MANAGER, level, message };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function waitOf(options: JobWatchOptions, client: FlinkRestClient, roundMs: number): number {
  const interval = options.intervalMs ?? client.config.refreshIntervalMs;
  const seen = options.visible?.() ?? true;
  return Math.max(interval - roundMs, 2 * roundMs, 20) * (seen ? 1 : HIDDEN_FACTOR);
}

/** One round; true when the job is over. */
async function askOnce(
  client: FlinkRestClient,
  options: JobWatchOptions,
  history: JobHistory,
  rounds: VertexRounds,
): Promise<boolean> {
  const { id } = options.job;
  const job = await client.job(id);
  const asked = rounds.next(job, history.unsettled);
  const vertices: VertexAnswer[] = await Promise.all(asked.map((vertex) => client.vertex(id, vertex)));
  // After the tasks: what explains them is known by then.
  const [exceptions, checkpoints, taskManagers] = await Promise.all([
    client.exceptions(id),
    client.checkpoints(id).catch((error: unknown) => notThere(error)),
    client.taskManagers(),
  ]);
  for (const { body, at } of history.observe({ job, vertices, exceptions, checkpoints, taskManagers }))
    options.append(body, at - options.aheadMs);
  return isJobTerminal(job.state);
}

/** A job without checkpointing answers 404 here. */
function notThere(error: unknown): undefined {
  if (error instanceof FaultlineError && error.code === "FL5006") return undefined;
  throw error;
}

/** Which vertices are asked for in a round. */
class VertexRounds {
  private counts = "";
  private from = 0;

  constructor(private vertices: JobDetails["vertices"]) {}

  next(job: JobDetails, unsettled: boolean): readonly string[] {
    this.vertices = job.vertices;
    const counts = JSON.stringify([job.state, job.timestamps, job.vertices.map(({ tasks }) => tasks)]);
    const changed = counts !== this.counts;
    this.counts = counts;
    const total = this.vertices.reduce((sum, { parallelism }) => sum + parallelism, 0);
    if (changed || unsettled || total <= SUBTASKS_A_ROUND) return this.vertices.map(({ id }) => id);
    const asked: string[] = [];
    let subtasks = 0;
    while (asked.length < this.vertices.length && subtasks < SUBTASKS_A_ROUND) {
      const vertex = this.vertices[this.from++ % this.vertices.length];
      if (vertex === undefined) break;
      asked.push(vertex.id);
      subtasks += vertex.parallelism;
    }
    return asked;
  }
}
