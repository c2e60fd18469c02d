/**
 * What restarts when a task fails.
 *
 * Source of the rules: Flink's `RestartPipelinedRegionFailoverStrategy` (strategy `region`) and `RestartAllFailoverStrategy` (`full`).
 * Breadth-first from the region of the failed task. For every region visited:
 * (a) the region of each producer whose partition is consumed but not available,
 * (b) the regions of all consumers of what it produces.
 * A partition is available when nobody reports it lost and its type is reconsumable or PIPELINED_APPROXIMATE.
 * Tasks still in CREATED are left out. Every exchange group is looked at once.
 */
import {
  groupConsumers,
  groupOfConsumer,
  groupOfProducer,
  groupProducers,
  vertexOfSubtask,
  type ExecutionEdge,
  type ExecutionGraph,
} from "./executionGraph";
import { staysAvailable } from "./partitionType";
import { regionMembers, type PipelinedRegions } from "./pipelinedRegion";

export type FailoverStrategy = "region" | "full";

/** A result partition: what subtask `producer` of the edge's source writes to that edge. */
export interface ResultPartition {
  /** Position of the edge. */
  readonly edge: number;
  /** Index of the producing subtask in its vertex. */
  readonly producer: number;
}

export interface FailoverQuestion {
  /** `region` when absent. */
  readonly strategy?: FailoverStrategy;
  /** Partitions that the failure named, or that the tracker of partitions lost. */
  readonly lost?: Iterable<ResultPartition>;
  /** Whether the task with this subtask number is still in CREATED; none is when absent. */
  readonly isCreated?: (subtask: number) => boolean;
}

/** Why a region is part of a failover scope. */
export type ScopeReason =
  | { readonly kind: "failed-task" }
  /** Rule (a): `from` needs a partition that is not available and that this region produces. */
  | { readonly kind: "lost-partition"; readonly edge: number; readonly producer: number; readonly from: number }
  /** Rule (b): this region consumes what `from` produces. */
  | { readonly kind: "consumer"; readonly edge: number; readonly from: number }
  /** Strategy `full`. */
  | { readonly kind: "full" };

export interface FailoverScope {
  readonly strategy: FailoverStrategy;
  /** Regions in the scope, in the order in which they were found; those of the failed tasks first. */
  readonly regions: Int32Array;
  /** Numbers of the subtasks that restart, ascending. */
  readonly subtasks: Int32Array;
  /** Why `regions[i]` is in the scope. */
  reasonOf(i: number): ScopeReason;
}

/**
 * The failover scope of one failed task, or of several that fail together; `failed` are subtask numbers.
 * Costs the subtasks in scope + their edges + the members of the exchange groups they touch.
 */
export function failoverScope(
  graph: ExecutionGraph,
  regions: PipelinedRegions,
  failed: number | readonly number[],
  question: FailoverQuestion = {},
): FailoverScope {
  const failedTasks = typeof failed === "number" ? [failed] : failed;
  return question.strategy === "full"
    ? everything(graph, regions, failedTasks)
    : new RegionSearch(graph, regions, question).from(failedTasks);
}

function everything(graph: ExecutionGraph, regions: PipelinedRegions, failed: readonly number[]): FailoverScope {
  const first = new Set(failed.map((subtask) => regions.regionOf[subtask]));
  const order = [...first];
  for (let region = 0; region < regions.count; region++) if (!first.has(region)) order.push(region);
  return {
    strategy: "full",
    regions: Int32Array.from(order),
    subtasks: Int32Array.from({ length: graph.subtaskCount }, (_, i) => i),
    reasonOf: (i) => (i < first.size ? { kind: "failed-task" } : { kind: "full" }),
  };
}

const FAILED = -1;

class RegionSearch {
  private readonly visited: Uint8Array;
  private readonly consumedGroups: Uint8Array;
  private readonly producedGroups: Uint8Array;
  private readonly lost: ReadonlyMap<number, ReadonlySet<number>>;
  private readonly queue: number[] = [];
  /** For each entry of `queue`: the region that brought it in, the edge, and the producer (−1 for rule (b)). */
  private readonly causes: number[] = [];

  constructor(
    private readonly graph: ExecutionGraph,
    private readonly regions: PipelinedRegions,
    private readonly question: FailoverQuestion,
  ) {
    this.visited = new Uint8Array(regions.count);
    this.consumedGroups = new Uint8Array(graph.groupCount);
    this.producedGroups = new Uint8Array(graph.groupCount);
    const lost = new Map<number, Set<number>>();
    for (const { edge, producer } of question.lost ?? []) {
      const producers = lost.get(edge);
      if (producers === undefined) lost.set(edge, new Set([producer]));
      else producers.add(producer);
    }
    this.lost = lost;
  }

  from(failed: readonly number[]): FailoverScope {
    for (const subtask of failed) this.add(this.regions.regionOf[subtask], FAILED, FAILED, FAILED);
    for (let i = 0; i < this.queue.length; i++) this.visit(this.queue[i]);
    const { queue, causes } = this;
    return {
      strategy: "region",
      regions: Int32Array.from(queue),
      subtasks: this.subtasks(),
      reasonOf: (i) => {
        const [from, edge, producer] = causes.slice(3 * i, 3 * i + 3);
        if (from === FAILED) return { kind: "failed-task" };
        return producer < 0 ? { kind: "consumer", edge, from } : { kind: "lost-partition", edge, producer, from };
      },
    };
  }

  private add(region: number, from: number, edge: number, producer: number): void {
    if (this.visited[region] === 1) return;
    this.visited[region] = 1;
    this.queue.push(region);
    this.causes.push(from, edge, producer);
  }

  private visit(region: number): void {
    const { graph } = this;
    const members = regionMembers(this.regions, region);
    let vertex = 0;
    for (const subtask of members) {
      if (subtask >= graph.offsets[vertex + 1]) vertex = vertexOfSubtask(graph, subtask);
      const index = subtask - graph.offsets[vertex];
      for (const edge of graph.inputs[vertex]) this.visitConsumed(edge, groupOfConsumer(edge, index), region);
      for (const edge of graph.outputs[vertex]) this.visitProduced(edge, groupOfProducer(edge, index), region);
    }
  }

  private visitConsumed(edge: ExecutionEdge, group: number, region: number): void {
    if (this.consumedGroups[edge.groupOffset + group] === 1) return;
    this.consumedGroups[edge.groupOffset + group] = 1;
    const stays = staysAvailable(edge.partitionType);
    const lost = this.lost.get(edge.index);
    if (stays && lost === undefined) return;
    const [from, to] = groupProducers(edge, group);
    for (let producer = from; producer < to; producer++) {
      if (stays && !lost!.has(producer)) continue;
      this.add(this.regions.regionOf[this.graph.offsets[edge.source] + producer], region, edge.index, producer);
    }
  }

  private visitProduced(edge: ExecutionEdge, group: number, region: number): void {
    if (this.producedGroups[edge.groupOffset + group] === 1) return;
    this.producedGroups[edge.groupOffset + group] = 1;
    const [from, to] = groupConsumers(edge, group);
    for (let consumer = from; consumer < to; consumer++) {
      this.add(this.regions.regionOf[this.graph.offsets[edge.target] + consumer], region, edge.index, -1);
    }
  }

  private subtasks(): Int32Array {
    const { isCreated } = this.question;
    const { members, starts } = this.regions;
    let size = 0;
    for (const region of this.queue) size += starts[region + 1] - starts[region];
    let subtasks = new Int32Array(size);
    let length = 0;
    for (const region of this.queue) {
      for (let i = starts[region]; i < starts[region + 1]; i++) {
        if (isCreated?.(members[i]) !== true) subtasks[length++] = members[i];
      }
    }
    subtasks = subtasks.subarray(0, length);
    return subtasks.sort();
  }
}
