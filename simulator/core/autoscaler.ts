/**
 * How many instances a service should have, from what its instances say of themselves.
 *
 * Out: when requests wait longer than `targetQueueMs` in two observations running; to what the load needs, at most twice as many at a time.
 * In: when one instance fewer would still be busy less than `scaleInBelow` of its time and hardly anything waits, for a whole `coolDownMs`.
 * Between two changes at least `coolDownMs` pass, and a change counts only once its instances serve: an instance that loads is not overloaded.
 */
import type { AutoscalerConfig } from "../graph/servicePolicies";

/** Sums over the instances that serve, for the time since the observation before. */
export interface ServiceLoad {
  readonly intervalMs: number;
  /** Instances that serve. */
  readonly serving: number;
  /** Instances that are wanted as of now, those that are starting included. */
  readonly wanted: number;
  readonly queueDepth: number;
  readonly requests: number;
  readonly busyMs: number;
}

export interface AutoscalerState {
  readonly changedAtMs: number;
  /** Observations running with too long a queue. */
  readonly overloaded: number;
  /** Since when one instance fewer would do; `undefined` when it would not. */
  readonly idleSinceMs: number | undefined;
}

/** What the instances of one service said since the last observation. */
export interface ServiceAutoscaling {
  state: AutoscalerState;
  observedAtMs: number;
  /** Instance → its latest queue depth. */
  readonly queueDepths: Map<string, number>;
  requests: number;
  busyMs: number;
}

export interface AutoscalerDecision {
  readonly state: AutoscalerState;
  /** Instances wanted from now on; unchanged for most observations. */
  readonly instances: number;
  /** For the journal, when the number changes. */
  readonly reason: string | undefined;
}

/** What an instance can do where nothing was measured yet: a queue without any throughput is as long as can be. */
const UNKNOWN_QUEUE_MS = 1e9;

export function initialAutoscaler(nowMs: number): AutoscalerState {
  return { changedAtMs: nowMs, overloaded: 0, idleSinceMs: undefined };
}

/** How long the last request in the queues waits, ms, if all goes on as in the interval. */
export function queueTimeMs(load: ServiceLoad): number {
  if (load.queueDepth === 0) return 0;
  return load.requests === 0 ? UNKNOWN_QUEUE_MS : (load.queueDepth * load.intervalMs) / load.requests;
}

export function autoscale(
  config: AutoscalerConfig,
  state: AutoscalerState,
  load: ServiceLoad,
  nowMs: number,
): AutoscalerDecision {
  const bounded = Math.min(config.max, Math.max(config.min, load.wanted));
  if (bounded !== load.wanted) {
    return changed(nowMs, bounded, `the service may have ${config.min} to ${config.max} instances`);
  }
  const waitMs = queueTimeMs(load);
  const overloaded = waitMs > config.targetQueueMs ? state.overloaded + 1 : 0;
  const utilisation = load.serving === 0 ? 1 : load.busyMs / (load.serving * load.intervalMs);
  const afterScaleIn = load.serving <= 1 ? Infinity : (utilisation * load.serving) / (load.serving - 1);
  const idle = waitMs <= config.targetQueueMs / 4 && afterScaleIn < config.scaleInBelow;
  const idleSinceMs = idle ? (state.idleSinceMs ?? nowMs) : undefined;
  const next: AutoscalerState = { ...state, overloaded, idleSinceMs };
  const settled = load.serving === load.wanted && nowMs - state.changedAtMs >= config.coolDownMs;
  if (!settled) return { state: next, instances: load.wanted, reason: undefined };
  if (overloaded >= 2 && load.wanted < config.max) {
    const needed = Math.ceil(load.wanted * Math.min(2, waitMs / config.targetQueueMs));
    const instances = Math.min(config.max, Math.max(load.wanted + 1, needed));
    return changed(
      nowMs,
      instances,
      `requests wait ${waitMs >= UNKNOWN_QUEUE_MS ? "without end" : `${waitMs.toFixed(0)} ms`}, wanted are ${config.targetQueueMs} ms`,
    );
  }
  if (idleSinceMs !== undefined && nowMs - idleSinceMs >= config.coolDownMs && load.wanted > config.min) {
    return changed(nowMs, load.wanted - 1, `instances are busy ${(utilisation * 100).toFixed(0)} % of their time`);
  }
  return { state: next, instances: load.wanted, reason: undefined };
}

function changed(nowMs: number, instances: number, reason: string): AutoscalerDecision {
  return { state: initialAutoscaler(nowMs), instances, reason };
}
