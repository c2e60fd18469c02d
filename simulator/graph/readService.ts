/** A service of a job file as data, with its defaults. */
import { parseDuration } from "./durations";
import { resolveFrom } from "./filePath";
import type { FunctionRef, ServiceModel, ServiceSpec } from "./jobFile";
import { parseMemorySize } from "./memorySize";
import type { RawService } from "./rawJobFile";
import { DEFAULT_SERVICE_RESTART, readRestartStrategy } from "./readRestartStrategy";
import { DEFAULT_OUTLIER_EJECTION, type AutoscalerConfig, type OutlierEjectionConfig } from "./servicePolicies";

/** @param services ids of all services of the file */
export function readService(id: string, raw: RawService, file: string, services: readonly string[]): ServiceSpec {
  const models = readModels(id, raw, file);
  return {
    id,
    model: models[0]?.path ?? "",
    models,
    ...(raw.function === undefined ? {} : { function: readFunctionRef(raw.function, file) }),
    parallelism: raw.deployment === "external" ? Math.max(1, raw.addresses.length) : raw.parallelism,
    deployment: raw.deployment,
    device: raw.device,
    batching: { maxSize: raw.batching?.maxSize ?? 1, maxDelayMs: ms(raw.batching?.maxDelay ?? "0s") },
    queue: { maxLength: raw.queue?.maxLength ?? 1024, maxWaitMs: ms(raw.queue?.maxWait ?? "5s") },
    loadDelayMs: ms(raw.loadDelay),
    warmupRuns: raw.warmupRuns,
    balancing: raw.balancing,
    retry: {
      maxAttempts: raw.retry?.maxAttempts ?? 10,
      initialBackoffMs: ms(raw.retry?.initialBackoff ?? "10ms"),
      maxBackoffMs: ms(raw.retry?.maxBackoff ?? "1s"),
      budget: raw.retry?.budget && {
        ratio: raw.retry.budget.ratio,
        minPerSecond: raw.retry.budget.minPerSecond,
        ttlMs: ms(raw.retry.budget.ttl),
      },
    },
    hedging: raw.hedging && { afterMs: ms(raw.hedging.after), maxShare: raw.hedging.maxShare },
    outlierEjection: readOutlierEjection(raw.outlierEjection),
    transport: raw.transport,
    resultCacheBytes: raw.resultCache === undefined ? 0 : (parseMemorySize(raw.resultCache) ?? 0),
    memoryLimitBytes: raw.memoryLimit === undefined ? undefined : parseMemorySize(raw.memoryLimit),
    autoscaler: readAutoscaler(raw.autoscaler),
    restartStrategy:
      raw.restartStrategy === undefined ? DEFAULT_SERVICE_RESTART : readRestartStrategy(raw.restartStrategy),
    addresses: raw.addresses,
    token: raw.token,
    slotSharingGroup: raw.slotSharingGroup ?? `service-${id}`,
    ...(raw.shared ? { shared: true } : {}),
    ...(raw.calls === "any"
      ? { calls: services.filter((other) => other !== id), callsAny: true }
      : { calls: raw.calls }),
  };
}

export function readFunctionRef(written: string, file: string): FunctionRef {
  const hash = written.lastIndexOf("#");
  return { module: resolveFrom(file, written.slice(0, hash)), exportName: written.slice(hash + 1) };
}

/** `model` goes by the service's id; those of `models` by their names. */
function readModels(id: string, raw: RawService, file: string): readonly ServiceModel[] {
  return [
    ...(raw.model === undefined ? [] : [{ name: id, path: resolveFrom(file, raw.model) }]),
    ...Object.entries(raw.models ?? {}).map(([name, path]) => ({ name, path: resolveFrom(file, path) })),
  ];
}

function readOutlierEjection(raw: RawService["outlierEjection"]): OutlierEjectionConfig | undefined {
  if (raw === undefined) return DEFAULT_OUTLIER_EJECTION;
  if (!raw.enabled) return undefined;
  return {
    consecutiveFailures: raw.consecutiveFailures,
    latencyFactor: raw.latencyFactor,
    minLatencyExcessMs: ms(raw.minLatencyExcess),
    minAnswers: raw.minAnswers,
    stallFactor: raw.stallFactor,
    minStallMs: ms(raw.minStall),
    baseEjectionMs: ms(raw.baseEjection),
    maxEjectionMs: ms(raw.maxEjection),
    maxEjectedShare: raw.maxEjectedShare,
  };
}

function readAutoscaler(raw: RawService["autoscaler"]): AutoscalerConfig | undefined {
  return (
    raw && {
      min: raw.min,
      max: raw.max,
      targetQueueMs: ms(raw.targetQueueTime),
      coolDownMs: ms(raw.coolDown),
      scaleInBelow: raw.scaleInBelow,
    }
  );
}

function ms(duration: string): number {
  return parseDuration(duration) ?? 0;
}
