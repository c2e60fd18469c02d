/**
 * In which order regions are scheduled.
 *
 * Source of the rule: Flink's `PipelinedRegionSchedulingStrategy`. Start with the regions that have no input from outside. A region is
 * ready when, of every exchange group it reads from outside, the outer producers are finished (BLOCKING types) or in a region that was
 * scheduled (types that can be consumed while they are produced).
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
import { canBePipelined, mustBePipelined } from "./partitionType";
import { regionMembers, type PipelinedRegions } from "./pipelinedRegion";

/** How far the job is. */
export interface SchedulingProgress {
  readonly isScheduled: (region: number) => boolean;
  /** Whether the subtask with this number is FINISHED, and so its partitions are complete. */
  readonly isFinished: (subtask: number) => boolean;
}

const NO_REGION = -1;
const NOTHING_YET: SchedulingProgress = { isScheduled: () => false, isFinished: () => false };

/** Regions that are scheduled at the start, in the order in which they are: sources, and what may run as soon as they are scheduled. */
export function startRegions(graph: ExecutionGraph, regions: PipelinedRegions): readonly number[] {
  const search = new ScheduleSearch(graph, regions, NOTHING_YET);
  const sources: number[] = [];
  for (let region = 0; region < regions.count; region++) if (search.isSource(region)) sources.push(region);
  return search.schedule(sources);
}

/** Regions that become ready when the subtask `finished` has finished (`progress.isFinished` already says so), in order. */
export function regionsReadyAfter(
  graph: ExecutionGraph,
  regions: PipelinedRegions,
  finished: number,
  progress: SchedulingProgress,
): readonly number[] {
  const search = new ScheduleSearch(graph, regions, progress);
  return search.schedule(search.consumersOfSubtask(finished));
}

/** Of `candidates` (regions that restart, for example) and what follows them: the regions that are ready now, in order. */
export function readyRegions(
  graph: ExecutionGraph,
  regions: PipelinedRegions,
  candidates: Iterable<number>,
  progress: SchedulingProgress,
): readonly number[] {
  return new ScheduleSearch(graph, regions, progress).schedule(candidates);
}

class ScheduleSearch {
  private readonly scheduledNow = new Set<number>();
  /** Whether all producers of an exchange group are ready to be consumed, as far as it was asked. */
  private readonly groupReady = new Map<number, boolean>();

  constructor(
    private readonly graph: ExecutionGraph,
    private readonly regions: PipelinedRegions,
    private readonly progress: SchedulingProgress,
  ) {}

  schedule(candidates: Iterable<number>): readonly number[] {
    const order: number[] = [];
    let waiting = Int32Array.from(new Set(candidates)).sort();
    while (waiting.length > 0) {
      const followers = new Set<number>();
      const groups = new Set<number>();
      for (const region of waiting) {
        if (this.isScheduled(region) || !this.isReady(region)) continue;
        this.scheduledNow.add(region);
        order.push(region);
        this.addFollowers(region, followers, groups);
      }
      // What a follower waits for may have become ready with a region scheduled in this round.
      for (const [group, ready] of this.groupReady) if (!ready) this.groupReady.delete(group);
      waiting = Int32Array.from(followers).sort();
    }
    return order;
  }

  isSource(region: number): boolean {
    return this.everyGroupRead(region, (edge, group) => this.everyOuterProducer(edge, group, region, () => false));
  }

  consumersOfSubtask(subtask: number): readonly number[] {
    const consumers = new Set<number>();
    this.addConsumers(subtask, consumers, new Set());
    return [...consumers];
  }

  private isScheduled(region: number): boolean {
    return this.scheduledNow.has(region) || this.progress.isScheduled(region);
  }

  private isReady(region: number): boolean {
    return this.everyGroupRead(region, (edge, group) => {
      const id = edge.groupOffset + group;
      const isReady = canBePipelined(edge.partitionType)
        ? (producer: number) => this.isScheduled(this.regions.regionOf[producer])
        : this.progress.isFinished;
      let whole = this.groupReady.get(id);
      if (whole === undefined) {
        whole = this.everyOuterProducer(edge, group, NO_REGION, isReady);
        this.groupReady.set(id, whole);
      }
      // Not ready as a whole: still ready for this region when what is missing comes from itself.
      return whole || (this.producesInto(region, edge, group) && this.everyOuterProducer(edge, group, region, isReady));
    });
  }

  /** Whether `holds` for every producer of the group that is not in `region`. */
  private everyOuterProducer(
    edge: ExecutionEdge,
    group: number,
    region: number,
    holds: (producer: number) => boolean,
  ): boolean {
    const [from, to] = groupProducers(edge, group);
    const offset = this.graph.offsets[edge.source];
    for (let producer = offset + from; producer < offset + to; producer++) {
      if (this.regions.regionOf[producer] !== region && !holds(producer)) return false;
    }
    return true;
  }

  private producesInto(region: number, edge: ExecutionEdge, group: number): boolean {
    const [from, to] = groupProducers(edge, group);
    const offset = this.graph.offsets[edge.source];
    const members = regionMembers(this.regions, region);
    let low = 0;
    let high = members.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (members[middle] < offset + from) low = middle + 1;
      else high = middle;
    }
    return low < members.length && members[low] < offset + to;
  }

  /** Whether `holds` for every exchange group that the region reads and that does not join it. */
  private everyGroupRead(region: number, holds: (edge: ExecutionEdge, group: number) => boolean): boolean {
    const { graph } = this;
    const seen = new Set<number>();
    let vertex = 0;
    for (const subtask of regionMembers(this.regions, region)) {
      if (subtask >= graph.offsets[vertex + 1]) vertex = vertexOfSubtask(graph, subtask);
      for (const edge of graph.inputs[vertex]) {
        if (mustBePipelined(edge.partitionType)) continue;
        const group = groupOfConsumer(edge, subtask - graph.offsets[vertex]);
        if (seen.has(edge.groupOffset + group)) continue;
        seen.add(edge.groupOffset + group);
        if (!holds(edge, group)) return false;
      }
    }
    return true;
  }

  private addFollowers(region: number, followers: Set<number>, groups: Set<number>): void {
    for (const subtask of regionMembers(this.regions, region)) this.addConsumers(subtask, followers, groups);
  }

  /** Adds the regions that read what `subtask` writes; each exchange group once. */
  private addConsumers(subtask: number, consumers: Set<number>, groups: Set<number>): void {
    const { graph, regions } = this;
    const vertex = vertexOfSubtask(graph, subtask);
    for (const edge of graph.outputs[vertex]) {
      const group = groupOfProducer(edge, subtask - graph.offsets[vertex]);
      if (groups.has(edge.groupOffset + group)) continue;
      groups.add(edge.groupOffset + group);
      const [from, to] = groupConsumers(edge, group);
      for (let consumer = from; consumer < to; consumer++) {
        consumers.add(regions.regionOf[graph.offsets[edge.target] + consumer]);
      }
    }
  }
}
