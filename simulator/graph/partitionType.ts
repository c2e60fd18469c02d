/** Properties of result partition types, and the patterns of ship strategies. Source: Flink's `ResultPartitionType` and `StreamPartitioner`s. */
import type { DistributionPattern, PartitionType, ShipStrategy } from "./jobFile";

export interface PartitionTypeTraits {
  /** May be consumed again after it was consumed. */
  readonly reconsumable: boolean;
  /** When a consumer may read: only while it is produced, while or after, only after. */
  readonly consumed: "must-be-pipelined" | "can-be-pipelined" | "after-complete";
  readonly releasedBy: "upstream" | "scheduler";
}

export const PARTITION_TYPES: Readonly<Record<PartitionType, PartitionTypeTraits>> = {
  BLOCKING: { reconsumable: true, consumed: "after-complete", releasedBy: "scheduler" },
  BLOCKING_PERSISTENT: { reconsumable: true, consumed: "after-complete", releasedBy: "scheduler" },
  PIPELINED: { reconsumable: false, consumed: "must-be-pipelined", releasedBy: "upstream" },
  PIPELINED_BOUNDED: { reconsumable: false, consumed: "must-be-pipelined", releasedBy: "upstream" },
  PIPELINED_APPROXIMATE: { reconsumable: false, consumed: "can-be-pipelined", releasedBy: "upstream" },
  HYBRID_FULL: { reconsumable: true, consumed: "can-be-pipelined", releasedBy: "scheduler" },
  HYBRID_SELECTIVE: { reconsumable: false, consumed: "can-be-pipelined", releasedBy: "scheduler" },
};

export function isPartitionType(name: string): name is PartitionType {
  return Object.hasOwn(PARTITION_TYPES, name);
}

/** Joins producer and consumer in one region (`ResultPartitionType.mustBePipelinedConsumed`). */
export function mustBePipelined(type: PartitionType): boolean {
  return PARTITION_TYPES[type].consumed === "must-be-pipelined";
}

/** The consumer may start as soon as the producer was scheduled (`ResultPartitionType.canBePipelinedConsumed`). */
export function canBePipelined(type: PartitionType): boolean {
  return PARTITION_TYPES[type].consumed !== "after-complete";
}

/**
 * Still there for a consumer that restarts, as long as it was not lost: reconsumable, or PIPELINED_APPROXIMATE
 * (`RestartPipelinedRegionFailoverStrategy.RegionFailoverResultPartitionAvailabilityChecker`).
 */
export function staysAvailable(type: PartitionType): boolean {
  return PARTITION_TYPES[type].reconsumable || type === "PIPELINED_APPROXIMATE";
}

/** `StreamPartitioner.isPointwise`. */
export const SHIP_PATTERNS: Readonly<Record<ShipStrategy, DistributionPattern>> = {
  FORWARD: "POINTWISE",
  RESCALE: "POINTWISE",
  REBALANCE: "ALL_TO_ALL",
  SHUFFLE: "ALL_TO_ALL",
  HASH: "ALL_TO_ALL",
  BROADCAST: "ALL_TO_ALL",
  GLOBAL: "ALL_TO_ALL",
  CUSTOM: "ALL_TO_ALL",
};

export function isShipStrategy(name: string): name is ShipStrategy {
  return Object.hasOwn(SHIP_PATTERNS, name);
}
