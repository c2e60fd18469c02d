/**
 * Pipelined regions: the tasks that are scheduled together and fail together, because a must-be-pipelined exchange joins them.
 *
 * Source of the rules: Flink's `LogicalPipelinedRegionComputeUtil`, `SchedulingPipelinedRegionComputeUtil` and
 * `DefaultExecutionTopology`:
 * 1. Job vertices joined by must-be-pipelined edges are one *logical region*.
 * 2. A logical region with an ALL_TO_ALL edge inside, of any type, is one region. In any other, subtasks joined by must-be-pipelined
 *    edges are one region, and regions that lie on a cycle of the remaining edges are merged (FLINK-17330).
 * 3. A region never spans logical regions.
 *
 * Flink looks for cycles inside a logical region only. A cycle over several (A → B pipelined, A → C → B blocking) would leave both
 * waiting for each other for ever, so here logical regions on a cycle are merged first; the graph of regions then has no cycle.
 * Jobs that Flink can run are not concerned.
 */
import { DisjointSets } from "./disjointSets";
import { FaultlineError } from "./errors";
import {
  groupConsumers,
  groupOfConsumer,
  groupOfProducer,
  groupProducers,
  subtaskIdAt,
  type ExecutionEdge,
  type ExecutionGraph,
} from "./executionGraph";
import { mustBePipelined } from "./partitionType";
import { adjacencyOfPairs, stronglyConnectedComponents } from "./stronglyConnectedComponents";

export interface LogicalRegions {
  /** Logical region of every vertex, numbered by their first vertex. */
  readonly regionOf: Int32Array;
  readonly count: number;
}

export interface PipelinedRegions {
  readonly count: number;
  /** Region of every subtask number; regions are numbered by their least subtask. */
  readonly regionOf: Int32Array;
  /** Subtask numbers of region `r`, ascending: `members[starts[r] … starts[r + 1])`. */
  readonly members: Int32Array;
  readonly starts: Int32Array;
  /** Logical regions after those on a cycle were merged. */
  readonly logical: LogicalRegions;
  /** Logical regions (of {@link logical}) that were merged because they lay on a cycle: Flink would not get to schedule these. */
  readonly mergedOnCycle: readonly number[];
}

/** Name of region `r` in everything that is shown: `region-0`, … */
export function regionId(region: number): string {
  return `region-${region}`;
}

/** Rule 1 alone: `LogicalPipelinedRegionComputeUtil.computePipelinedRegions`. */
export function computeLogicalRegions(graph: ExecutionGraph): LogicalRegions {
  const sets = new DisjointSets(graph.topology.vertices.length);
  for (const edge of graph.edges) if (mustBePipelined(edge.partitionType)) sets.union(edge.source, edge.target);
  const { setOf, count } = sets.numbering();
  return { regionOf: setOf, count };
}

/**
 * The regions of an execution graph. Throws FL1016 when two tasks of one co-location group with the same index are in two regions
 * (`DefaultExecutionTopology.ensureCoLocatedVerticesInSameRegion`). Costs vertices + subtasks + edges + exchange groups.
 */
export function computeRegions(graph: ExecutionGraph): PipelinedRegions {
  const raw = computeLogicalRegions(graph);
  const { logical, mergedOnCycle } = mergeLogicalRegionsOnCycles(graph, raw);
  const inside = graph.edges.filter((edge) => logical.regionOf[edge.source] === logical.regionOf[edge.target]);
  const whole = new Uint8Array(logical.count);
  for (const edge of inside) if (edge.pattern === "ALL_TO_ALL") whole[logical.regionOf[edge.source]] = 1;

  const sets = new DisjointSets(graph.subtaskCount);
  joinWholeRegions(graph, logical, whole, sets);
  const pointwise = inside.filter((edge) => whole[logical.regionOf[edge.source]] === 0);
  for (const edge of pointwise) if (mustBePipelined(edge.partitionType)) joinGroups(graph, edge, sets);
  const joined = sets.numbering();
  const remaining = pointwise.filter((edge) => !mustBePipelined(edge.partitionType));
  const { regionOf, count } =
    remaining.length === 0 ? { regionOf: joined.setOf, count: joined.count } : mergeOnCycles(graph, remaining, joined);
  checkCoLocation(graph, regionOf);
  return { count, regionOf, ...membersOfRegions(regionOf, count), logical, mergedOnCycle };
}

/** Subtask numbers of a region, ascending; a view, not a copy. */
export function regionMembers(regions: PipelinedRegions, region: number): Int32Array {
  return regions.members.subarray(regions.starts[region], regions.starts[region + 1]);
}

function mergeLogicalRegionsOnCycles(
  graph: ExecutionGraph,
  raw: LogicalRegions,
): { readonly logical: LogicalRegions; readonly mergedOnCycle: readonly number[] } {
  const crossing = graph.edges.filter((edge) => raw.regionOf[edge.source] !== raw.regionOf[edge.target]);
  const { componentOf, count } = stronglyConnectedComponents(
    adjacencyOfPairs(
      raw.count,
      Int32Array.from(crossing, (edge) => raw.regionOf[edge.source]),
      Int32Array.from(crossing, (edge) => raw.regionOf[edge.target]),
    ),
  );
  if (count === raw.count) return { logical: raw, mergedOnCycle: [] };
  const sizes = new Int32Array(count);
  for (const component of componentOf) sizes[component]++;
  const mergedOnCycle = [...sizes.keys()].filter((component) => sizes[component] > 1);
  return { logical: { regionOf: raw.regionOf.map((region) => componentOf[region]), count }, mergedOnCycle };
}

function joinWholeRegions(graph: ExecutionGraph, logical: LogicalRegions, whole: Uint8Array, sets: DisjointSets): void {
  const first = new Int32Array(logical.count).fill(-1);
  for (let vertex = 0; vertex < logical.regionOf.length; vertex++) {
    const region = logical.regionOf[vertex];
    if (whole[region] === 0) continue;
    if (first[region] < 0) first[region] = graph.offsets[vertex];
    for (let subtask = graph.offsets[vertex]; subtask < graph.offsets[vertex + 1]; subtask++)
      sets.union(first[region], subtask);
  }
}

function joinGroups(graph: ExecutionGraph, edge: ExecutionEdge, sets: DisjointSets): void {
  const from = graph.offsets[edge.source];
  const to = graph.offsets[edge.target];
  if (edge.producers >= edge.consumers) {
    for (let p = 0; p < edge.producers; p++) sets.union(from + p, to + groupOfProducer(edge, p));
  } else {
    for (let c = 0; c < edge.consumers; c++) sets.union(from + groupOfConsumer(edge, c), to + c);
  }
}

/** Merges regions on cycles of the remaining POINTWISE edges of one logical region. */
function mergeOnCycles(
  graph: ExecutionGraph,
  edges: readonly ExecutionEdge[],
  joined: { readonly setOf: Int32Array; readonly count: number },
): { readonly regionOf: Int32Array; readonly count: number } {
  // A POINTWISE edge has max(S, T) pairs of subtasks: each of the more numerous side has one partner.
  const pairs = edges.reduce((sum, edge) => sum + Math.max(edge.producers, edge.consumers), 0);
  const sources = new Int32Array(pairs);
  const targets = new Int32Array(pairs);
  let length = 0;
  for (const edge of edges) {
    for (let group = 0; group < edge.groups; group++) {
      const [firstProducer, endProducer] = groupProducers(edge, group);
      const [firstConsumer, endConsumer] = groupConsumers(edge, group);
      for (let p = firstProducer; p < endProducer; p++) {
        for (let c = firstConsumer; c < endConsumer; c++) {
          const source = joined.setOf[graph.offsets[edge.source] + p];
          const target = joined.setOf[graph.offsets[edge.target] + c];
          if (source === target) continue;
          sources[length] = source;
          targets[length++] = target;
        }
      }
    }
  }
  const { componentOf, count } = stronglyConnectedComponents(adjacencyOfPairs(joined.count, sources, targets, length));
  if (count === joined.count) return { regionOf: joined.setOf, count };
  return { regionOf: joined.setOf.map((set) => componentOf[set]), count };
}

function membersOfRegions(
  regionOf: Int32Array,
  count: number,
): { readonly members: Int32Array; readonly starts: Int32Array } {
  const starts = new Int32Array(count + 1);
  for (const region of regionOf) starts[region + 1]++;
  for (let region = 0; region < count; region++) starts[region + 1] += starts[region];
  const next = starts.slice(0, count);
  const members = new Int32Array(regionOf.length);
  for (let subtask = 0; subtask < regionOf.length; subtask++) members[next[regionOf[subtask]]++] = subtask;
  return { members, starts };
}

function checkCoLocation(graph: ExecutionGraph, regionOf: Int32Array): void {
  const groups = new Map<string, number[]>();
  graph.topology.vertices.forEach((vertex, i) => {
    if (vertex.coLocationGroup === undefined) return;
    const group = groups.get(vertex.coLocationGroup);
    if (group === undefined) groups.set(vertex.coLocationGroup, [i]);
    else group.push(i);
  });
  for (const [name, vertices] of groups) {
    const firstAt: number[] = [];
    for (const vertex of vertices) {
      const { parallelism } = graph.topology.vertices[vertex];
      for (let i = 0; i < parallelism; i++) {
        const subtask = graph.offsets[vertex] + i;
        const other = (firstAt[i] ??= subtask);
        if (regionOf[other] === regionOf[subtask]) continue;
        throw FaultlineError.of(
          "FL1016",
          `${subtaskIdAt(graph, other)} and ${subtaskIdAt(graph, subtask)} are co-located (group "${name}") but lie in two pipelined regions.`,
          "Connect them by a pipelined exchange, or take one of them out of the group.",
          { element: graph.topology.vertices[vertex].id },
        );
      }
    }
  }
}
