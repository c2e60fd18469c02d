/** The models of one service instance: loaded side by side, warmed up one after the other, and measured together. */
import type { FaultlineError } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";
import type { HistogramCounts, InstanceMetrics } from "../observe/journalEvent";
import { BatchedModel } from "./batchedModel";
import type { DeviceCandidate } from "./modelThreadMessages";
import { ModelSession, type Runnable } from "./modelSession";
import { ResultCache } from "./resultCache";
import { warmUp } from "./warmUp";

/** A model that can be called. */
export interface LoadedModel {
  readonly name: string;
  readonly model: BatchedModel;
  /** Results kept for requests that come again. */
  readonly cache: ResultCache | undefined;
}

export class LoadedModels {
  private constructor(private readonly sessions: readonly (readonly [name: string, session: Runnable])[]) {}

  /** Rejects as `ModelSession.open`; those that were loaded are closed then. */
  static async load(
    spec: ServiceSpec,
    candidates: readonly DeviceCandidate[],
    intraOpThreads: number,
  ): Promise<LoadedModels> {
    const loading = spec.models.map(({ path }) => ModelSession.open({ path, candidates, intraOpThreads }));
    const outcomes = await Promise.allSettled(loading);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    const sessions = outcomes.flatMap((outcome, index) =>
      outcome.status === "fulfilled" ? [[spec.models[index]?.name ?? spec.id, outcome.value] as const] : [],
    );
    const models = new LoadedModels(sessions);
    if (failed === undefined) return models;
    await models.close();
    throw failed.reason;
  }

  /** Code instead of models: it goes by the service's id. Rejects as `open`. */
  static async ofCode({ id }: ServiceSpec, open: () => Promise<Runnable>): Promise<LoadedModels> {
    return new LoadedModels([[id, await open()]]);
  }

  /** Where they run, each device once. */
  get device(): string {
    return [...new Set(this.sessions.map(([, session]) => session.device))].join(", ");
  }

  /** Devices that were tried before, and why they were not taken. */
  get failedDevices(): Runnable["failedDevices"] {
    return this.sessions.flatMap(([, session]) => session.failedDevices);
  }

  /** Rejects as `ModelSession.run`, but not for a model that zeros are nothing for. */
  async warmUp({ batching, warmupRuns }: ServiceSpec): Promise<void> {
    for (const [, session] of this.sessions) await warmUp(session, batching.maxSize, warmupRuns);
  }

  /** Each behind its own queue. */
  serve(
    { batching, queue, resultCacheBytes }: ServiceSpec,
    onDeviceLost?: (error: FaultlineError) => void,
  ): readonly LoadedModel[] {
    return this.sessions.map(([name, session]) => {
      const model = new BatchedModel(session, batching, queue, onDeviceLost);
      return { name, model, cache: resultCacheBytes > 0 ? new ResultCache(model, resultCacheBytes) : undefined };
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.sessions.map(([, session]) => session.close()));
  }
}

/** Counts of all models of an instance since the last call, and their gauges, added up. */
export function takeMetricsOf(models: readonly LoadedModel[]): Omit<InstanceMetrics, "attempt"> {
  const parts = models.map(({ model, cache }) => ({ ...model.takeMetrics(), ...cache?.takeMetrics() }));
  const first = parts[0];
  if (first !== undefined && parts.length === 1) return first;
  const sum = (of: (part: (typeof parts)[number]) => number): number => parts.reduce((all, part) => all + of(part), 0);
  const cached = parts.some(({ cacheHits }) => cacheHits !== undefined);
  return {
    requests: sum((part) => part.requests),
    rejected: sum((part) => part.rejected),
    expired: sum((part) => part.expired ?? 0),
    batches: sum((part) => part.batches),
    batchSizes: addCounts(parts.map(({ batchSizes }) => batchSizes)),
    queueDepth: sum((part) => part.queueDepth),
    inFlight: sum((part) => part.inFlight),
    busyMs: sum((part) => part.busyMs),
    wastedMs: sum((part) => part.wastedMs),
    latencyMs: addCounts(parts.map(({ latencyMs }) => latencyMs)),
    ...(cached ? { cacheHits: sum((part) => part.cacheHits ?? 0), savedMs: sum((part) => part.savedMs ?? 0) } : {}),
  };
}

function addCounts(histograms: readonly HistogramCounts[]): HistogramCounts {
  const all: Record<number, number> = {};
  for (const histogram of histograms) {
    for (const key in histogram) all[key] = (all[key] ?? 0) + (histogram[key] ?? 0);
  }
  return all;
}
