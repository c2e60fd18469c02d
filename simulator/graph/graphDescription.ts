/**
 * A job graph as JSON: what `faultline graph --format json` prints, what the journal holds, and what the pictures are drawn from.
 * The field names are a contract; fields may be added.
 */
import type { DistributionPattern, PartitionType } from "./jobFile";

export interface GraphDescription {
  readonly name: string;
  readonly vertices: readonly VertexDescription[];
  readonly edges: readonly EdgeDescription[];
  readonly regions: readonly RegionDescription[];
  /** Calls from stream vertices to services, and between services. */
  readonly calls: readonly CallDescription[];
  /** Where the graph comes from, and which of its parts were derived instead of read. */
  readonly origin: GraphOrigin;
}

export interface VertexDescription {
  readonly id: string;
  readonly name: string;
  readonly kind: "stream" | "service";
  /** −1 when not decided yet (a pending operator of an adaptive batch job). */
  readonly parallelism: number;
  readonly operators: readonly OperatorDescription[];
  /** What a plan says about the vertex, as plain text with line breaks; trees of operators are kept. */
  readonly description?: string;
  readonly slotSharingGroup?: string;
  /** Services only. */
  readonly service?: { readonly model: string; readonly deployment: string; readonly device: string };
}

export interface OperatorDescription {
  readonly id: string;
  readonly name: string;
  /** Operator kind of the job file, or what the plan says. */
  readonly kind?: string;
  /** Id of the operator in the same vertex that this one is chained to. */
  readonly input?: string;
  /** Why this operator starts a chain and is not chained to its input; absent for one that is chained. */
  readonly notChained?: readonly string[];
}

export interface EdgeDescription {
  readonly source: string;
  readonly target: string;
  readonly partitionType: PartitionType | "UNDEFINED";
  readonly pattern: DistributionPattern;
  /** Ship strategy as the plan prints it, `HASH[a, b]` included. */
  readonly shipStrategy: string;
  /** Partition type or pattern were derived, not read. */
  readonly derived?: boolean;
  /** Ids of the operators at the two ends, where they are known. */
  readonly sourceOperator?: string;
  readonly targetOperator?: string;
}

export interface CallDescription {
  readonly source: string;
  readonly target: string;
}

export interface RegionDescription {
  readonly id: string;
  /** Job vertices with at least one subtask in the region. */
  readonly vertices: readonly string[];
  /** `VERTEX#INDEX`. */
  readonly subtasks: readonly string[];
}

export interface GraphOrigin {
  readonly form: "job-file" | "rest-plan" | "rest-job" | "execution-plan" | "stream-graph";
  /** Sentences for people: what was derived and by which rule. */
  readonly notes: readonly string[];
}
