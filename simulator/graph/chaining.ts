/**
 * Which operators share a task. The rule is Flink's `StreamingJobGraphGenerator.isChainable` and `areOperatorsChainable`;
 * here it gives its reasons.
 */
import type { OperatorBase, PartitionType } from "./jobFile";

export type Chainable = Pick<OperatorBase, "parallelism" | "maxParallelism" | "slotSharingGroup" | "chaining"> & {
  /** Operator kind; `union` has its own reason. */
  readonly kind?: string;
};

export interface ChainingQuestion {
  readonly upstream: Chainable;
  readonly downstream: Chainable;
  readonly ship: string;
  /** `undefined` while nothing was said: then it is no obstacle. */
  readonly partitionType: PartitionType | undefined;
  /** Number of edges into `downstream`, this one included. */
  readonly inputs: number;
  /** `pipeline.operator-chaining.enabled`. */
  readonly enabled: boolean;
}

/** Sentences saying why `downstream` is not chained to `upstream`; empty when it is. */
export function chainingObstacles(question: ChainingQuestion): readonly string[] {
  const { upstream, downstream, ship, partitionType, inputs, enabled } = question;
  const reasons: string[] = [];
  if (!enabled) reasons.push("Chaining is switched off for the job.");
  if (inputs > 1) {
    reasons.push(
      downstream.kind === "union"
        ? `It is a union: its ${inputs} inputs come over the network.`
        : `It has ${inputs} inputs; only an operator with one input can be chained.`,
    );
  }
  if (ship !== "FORWARD") reasons.push(`Its input is ${ship}; only FORWARD can be chained.`);
  if (partitionType === "BLOCKING" || partitionType === "BLOCKING_PERSISTENT") {
    reasons.push(`Its input is a batch exchange (${partitionType}).`);
  }
  if (upstream.parallelism !== downstream.parallelism) {
    reasons.push(`Its parallelism is ${downstream.parallelism}, that of the operator before ${upstream.parallelism}.`);
  }
  if (upstream.maxParallelism !== downstream.maxParallelism) {
    reasons.push(
      `Its maximum parallelism is ${downstream.maxParallelism ?? "not set"}, that of the operator before ${upstream.maxParallelism ?? "not set"}.`,
    );
  }
  if (upstream.slotSharingGroup !== downstream.slotSharingGroup) {
    reasons.push(
      `It is in slot sharing group "${downstream.slotSharingGroup}", the operator before in "${upstream.slotSharingGroup}".`,
    );
  }
  if (downstream.chaining !== "ALWAYS") reasons.push(`Its chaining strategy is ${downstream.chaining}.`);
  if (upstream.chaining === "NEVER") reasons.push("The chaining strategy of the operator before is NEVER.");
  return reasons;
}
