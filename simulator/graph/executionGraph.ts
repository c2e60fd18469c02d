/**
 * The execution graph in compact form: subtasks are numbers, and edges between them are rules.
 *
 * Subtask `i` of vertex `v` has the number `offsets[v] + i`. An edge of the job graph is cut into *exchange groups*: a range of
 * producers, each of which feeds each of a range of consumers. ALL_TO_ALL is one group; POINTWISE is `min(S, T)` groups that share
 * nothing. These are Flink's `ConsumedPartitionGroup` and `ConsumerVertexGroup` (`EdgeManagerBuildUtil`), one of each for a group.
 * Nothing here costs S×T.
 */
import { closestName } from "./closestName";
import { FaultlineError } from "./errors";
import type { DistributionPattern, PartitionType } from "./jobFile";
import { MAX_PARALLELISM } from "./operatorSchema";

/** What wiring, regions and failover need to know of a job graph; a `JobGraph` and an imported plan both have this shape. */
export interface JobTopology {
  readonly vertices: readonly TopologyVertex[];
  readonly edges: readonly TopologyEdge[];
}
export interface TopologyVertex {
  readonly id: string;
  readonly parallelism: number;
  readonly coLocationGroup?: string | undefined;
}
export interface TopologyEdge {
  /** Ids of vertices. */
  readonly source: string;
  readonly target: string;
  readonly pattern: DistributionPattern;
  readonly partitionType: PartitionType;
}

/** Most subtasks of one execution graph. */
export const MAX_SUBTASKS = 4_000_000;

/** A range `[from, to)`. */
export type Range = readonly [from: number, to: number];

export interface ExecutionEdge {
  /** Position in the edges of the topology. */
  readonly index: number;
  /** Positions of the vertices. */
  readonly source: number;
  readonly target: number;
  /** Parallelism of source and target. */
  readonly producers: number;
  readonly consumers: number;
  readonly pattern: DistributionPattern;
  readonly partitionType: PartitionType;
  /** Number of exchange groups, and the number of the first when all groups of all edges are counted. */
  readonly groups: number;
  readonly groupOffset: number;
}

export interface ExecutionGraph {
  readonly topology: JobTopology;
  /** First subtask number of every vertex, and the number of all subtasks at the end. */
  readonly offsets: Int32Array;
  readonly subtaskCount: number;
  readonly edges: readonly ExecutionEdge[];
  /** Edges into and out of every vertex, by position of the vertex. */
  readonly inputs: readonly (readonly ExecutionEdge[])[];
  readonly outputs: readonly (readonly ExecutionEdge[])[];
  /** Position of a vertex by its id. */
  readonly vertexIndex: ReadonlyMap<string, number>;
  readonly groupCount: number;
}

/**
 * Wires a job graph. Throws FL1012 (two vertices with one id), FL1010 (an edge to a vertex that is not there), FL1013 (parallelism)
 * and FL1004 (over {@link MAX_SUBTASKS}). Costs vertices + edges.
 */
export function buildExecutionGraph(topology: JobTopology): ExecutionGraph {
  const { vertices } = topology;
  const vertexIndex = new Map<string, number>();
  const offsets = new Int32Array(vertices.length + 1);
  let subtaskCount = 0;
  vertices.forEach((vertex, i) => {
    if (vertexIndex.has(vertex.id)) throw FaultlineError.of("FL1012", `Two vertices have the id "${vertex.id}".`);
    checkParallelism(vertex);
    vertexIndex.set(vertex.id, i);
    subtaskCount += vertex.parallelism;
    if (subtaskCount > MAX_SUBTASKS) {
      throw FaultlineError.of(
        "FL1004",
        `The job has more than ${MAX_SUBTASKS} subtasks; that is the limit.`,
        "Lower the parallelism.",
      );
    }
    offsets[i + 1] = subtaskCount;
  });
  const inputs: ExecutionEdge[][] = vertices.map(() => []);
  const outputs: ExecutionEdge[][] = vertices.map(() => []);
  let groupCount = 0;
  const edges = topology.edges.map((edge, index): ExecutionEdge => {
    const source = vertexIndex.get(edge.source);
    const target = vertexIndex.get(edge.target);
    if (source === undefined || target === undefined) {
      const missing = source === undefined ? edge.source : edge.target;
      throw FaultlineError.of("FL1010", `An edge names the vertex "${missing}", which is not there.`);
    }
    const producers = vertices[source].parallelism;
    const consumers = vertices[target].parallelism;
    const { pattern, partitionType } = edge;
    const groups = pattern === "ALL_TO_ALL" ? 1 : Math.min(producers, consumers);
    const wired = {
      index,
      source,
      target,
      producers,
      consumers,
      pattern,
      partitionType,
      groups,
      groupOffset: groupCount,
    };
    groupCount += groups;
    outputs[source].push(wired);
    inputs[target].push(wired);
    return wired;
  });
  return { topology, offsets, subtaskCount, edges, inputs, outputs, vertexIndex, groupCount };
}

function checkParallelism({ id, parallelism }: TopologyVertex): void {
  if (Number.isInteger(parallelism) && parallelism >= 1 && parallelism <= MAX_PARALLELISM) return;
  throw FaultlineError.of(
    "FL1013",
    `The parallelism of "${id}" is ${parallelism}; it must be a whole number from 1 to ${MAX_PARALLELISM}.`,
    "Flink's upper bound for the maximum parallelism is 32768.",
  );
}

/** Producers of an exchange group: indices of subtasks of the edge's source. */
export function groupProducers(edge: ExecutionEdge, group: number): Range {
  if (edge.pattern === "ALL_TO_ALL") return [0, edge.producers];
  if (edge.producers < edge.consumers) return [group, group + 1];
  return [
    Math.floor((group * edge.producers) / edge.consumers),
    Math.floor(((group + 1) * edge.producers) / edge.consumers),
  ];
}

/** Consumers of an exchange group: indices of subtasks of the edge's target. */
export function groupConsumers(edge: ExecutionEdge, group: number): Range {
  if (edge.pattern === "ALL_TO_ALL") return [0, edge.consumers];
  if (edge.producers >= edge.consumers) return [group, group + 1];
  return [
    Math.floor((group * edge.consumers + edge.producers - 1) / edge.producers),
    Math.floor(((group + 1) * edge.consumers + edge.producers - 1) / edge.producers),
  ];
}

/** The one exchange group of `edge` that subtask `producer` of its source writes to. */
export function groupOfProducer(edge: ExecutionEdge, producer: number): number {
  if (edge.pattern === "ALL_TO_ALL") return 0;
  if (edge.producers < edge.consumers) return producer;
  return Math.floor(((producer + 1) * edge.consumers - 1) / edge.producers);
}

/** The one exchange group of `edge` that subtask `consumer` of its target reads. */
export function groupOfConsumer(edge: ExecutionEdge, consumer: number): number {
  if (edge.pattern === "ALL_TO_ALL") return 0;
  if (edge.producers >= edge.consumers) return consumer;
  return Math.floor((consumer * edge.producers) / edge.consumers);
}

/** Subtask indices `[from, to)` of the target that read what subtask `producer` of the source writes. */
export function consumersOf(edge: ExecutionEdge, producer: number): Range {
  return groupConsumers(edge, groupOfProducer(edge, producer));
}

/** Subtask indices `[from, to)` of the source that subtask `consumer` of the target reads. */
export function producersOf(edge: ExecutionEdge, consumer: number): Range {
  return groupProducers(edge, groupOfConsumer(edge, consumer));
}

/** `VERTEX#INDEX`. */
export function subtaskId(vertexId: string, index: number): string {
  return `${vertexId}#${index}`;
}

/** The two parts of `VERTEX#INDEX`; `undefined` when `text` is not of that form. */
export function parseSubtaskId(text: string): { readonly vertexId: string; readonly index: number } | undefined {
  const hash = text.lastIndexOf("#");
  const digits = text.slice(hash + 1);
  if (hash < 1 || !/^\d{1,9}$/.test(digits)) return undefined;
  return { vertexId: text.slice(0, hash), index: Number(digits) };
}

/** Position of the vertex that a subtask number belongs to. */
export function vertexOfSubtask(graph: ExecutionGraph, subtask: number): number {
  let low = 0;
  let high = graph.offsets.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (graph.offsets[middle] <= subtask) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** `VERTEX#INDEX` of a subtask number. */
export function subtaskIdAt(graph: ExecutionGraph, subtask: number): string {
  const vertex = vertexOfSubtask(graph, subtask);
  return subtaskId(graph.topology.vertices[vertex].id, subtask - graph.offsets[vertex]);
}

/** Number of the subtask `VERTEX#INDEX`. Throws FL1017 when there is none, saying which there are. */
export function subtaskNumber(graph: ExecutionGraph, id: string): number {
  const parsed = parseSubtaskId(id);
  if (parsed === undefined) {
    const example = graph.topology.vertices.at(0)?.id ?? "VERTEX";
    throw FaultlineError.of("FL1017", `"${id}" does not name a task.`, `Write VERTEX#INDEX, such as ${example}#0.`);
  }
  const vertex = graph.vertexIndex.get(parsed.vertexId);
  if (vertex === undefined) throw unknownVertex(graph, parsed.vertexId);
  const { parallelism } = graph.topology.vertices[vertex];
  if (parsed.index >= parallelism) {
    throw FaultlineError.of(
      "FL1017",
      `"${parsed.vertexId}" has no subtask ${parsed.index}: its parallelism is ${parallelism}.`,
      `Write an index from 0 to ${parallelism - 1}.`,
    );
  }
  return graph.offsets[vertex] + parsed.index;
}

/** FL1017 for a vertex id that is not there, with the nearest one. */
export function unknownVertex(graph: ExecutionGraph, id: string): FaultlineError {
  const ids = [...graph.vertexIndex.keys()];
  const closest = closestName(id, ids);
  const hint =
    closest === undefined
      ? `Vertices: ${ids.slice(0, 12).join(", ")}${ids.length > 12 ? ", …" : ""}.`
      : `Did you mean "${closest}"?`;
  return FaultlineError.of("FL1017", `There is no vertex "${id}".`, hint);
}
