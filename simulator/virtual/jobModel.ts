/**
 * What a virtual task needs to know of its vertex, made once a job: how many records its source holds, whom it calls, where it sends, and
 * what its sinks ought to hold in the end.
 *
 * A record is one number: the position of its source among the sources, and its own number in that source.
 */
import type { ExecutionEdge } from "../graph/executionGraph";
import { buildExecutionGraph, consumersOf } from "../graph/executionGraph";
import type { JobSpec, ServiceSpec } from "../graph/jobFile";
import type { JobEdge, JobVertex } from "../graph/jobGraph";
import { buildJobGraph } from "../graph/jobGraph";

const RECORDS_OF_SOURCE = 2 ** 32;

export interface VertexModel {
  readonly id: string;
  readonly parallelism: number;
  readonly source: SourceModel | undefined;
  /** Services that each record is sent to before it goes on. */
  readonly services: readonly ServiceCallModel[];
  /** Ids of the sink operators in the vertex. */
  readonly sinks: readonly string[];
  readonly outputs: readonly OutputModel[];
}

export interface SourceModel {
  readonly ordinal: number;
  /** Records over all subtasks; `Infinity` for an endless source. */
  readonly total: number;
  readonly ratePerSecond: number;
}

export interface ServiceCallModel {
  readonly service: ServiceSpec;
  readonly capacity: number;
  readonly timeoutMs: number;
}

export interface OutputModel {
  readonly edge: JobEdge;
  readonly wiring: ExecutionEdge;
}

/** A record, and how often a sink has to hold it. */
export interface RecordsOfSource {
  readonly record: number;
  readonly times: number;
}

export interface JobModel {
  readonly job: JobSpec;
  readonly vertices: ReadonlyMap<string, VertexModel>;
  /** Sink operator → how often each record of a source has to arrive there, by the source's vertex. */
  readonly expected: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Records a second of a source that is as fast as possible. */
const UNPACED_RATE = 2_000;

export function modelOf(job: JobSpec): JobModel {
  const graph = buildJobGraph(job);
  const execution = buildExecutionGraph(graph);
  const vertices = new Map<string, VertexModel>();
  let ordinal = 0;
  for (const vertex of graph.vertices) {
    if (vertex.kind !== "stream") continue;
    vertices.set(vertex.id, {
      id: vertex.id,
      parallelism: vertex.parallelism,
      source: sourceOf(vertex, () => ordinal++),
      services: vertex.operators.flatMap(({ spec }) => {
        if (spec.kind !== "rpc") return [];
        const service = job.services.find((candidate) => candidate.id === spec.rpc.service);
        return service === undefined ? [] : [{ service, capacity: spec.rpc.capacity, timeoutMs: spec.rpc.timeoutMs }];
      }),
      sinks: vertex.operators.flatMap(({ id, kind }) => (kind === "sink" ? [id] : [])),
      outputs: graph.edges
        .filter((edge) => edge.source === vertex.id)
        .map((edge) => ({ edge, wiring: execution.edges[edge.index] })),
    });
  }
  return { job, vertices, expected: expectedAtSinks(vertices, graph.vertices) };
}

function sourceOf(vertex: JobVertex, nextOrdinal: () => number): SourceModel | undefined {
  const spec = vertex.operators[0]?.spec;
  if (spec?.kind !== "source") return undefined;
  return { ordinal: nextOrdinal(), total: spec.source.limit ?? Infinity, ratePerSecond: spec.source.ratePerSecond ?? UNPACED_RATE };
}

/** Every edge carries each record once, BROADCAST to every subtask; operators pass on what they get. */
function expectedAtSinks(models: ReadonlyMap<string, VertexModel>, order: readonly JobVertex[]): JobModel["expected"] {
  const arriving = new Map<string, Map<string, number>>();
  const expected = new Map<string, ReadonlyMap<string, number>>();
  for (const { id } of order) {
    const model = models.get(id);
    if (model === undefined) continue;
    const records = arriving.get(id) ?? new Map<string, number>(model.source === undefined ? [] : [[id, 1]]);
    for (const sink of model.sinks) expected.set(sink, records);
    for (const { edge } of model.outputs) {
      const copies = edge.ship === "BROADCAST" ? (models.get(edge.target)?.parallelism ?? 1) : 1;
      const target = arriving.get(edge.target) ?? new Map<string, number>();
      arriving.set(edge.target, target);
      for (const [source, times] of records) target.set(source, (target.get(source) ?? 0) + times * copies);
    }
  }
  return expected;
}

export function recordAt(source: SourceModel, index: number): number {
  return source.ordinal * RECORDS_OF_SOURCE + index;
}

/** Records that subtask `subtask` of `parallelism` emits: `subtask`, `subtask + parallelism`, … */
export function recordsOfSubtask(source: SourceModel, subtask: number, parallelism: number): number {
  return Math.max(0, Math.ceil((source.total - subtask) / parallelism));
}

/** Positions, among the consumers that the subtask feeds over this edge, to which a record goes. `turn` counts the records of the edge. */
export function channelsFor(output: OutputModel, subtask: number, record: number, turn: number): readonly number[] {
  const [from, to] = consumersOf(output.wiring, subtask);
  const count = to - from;
  switch (output.edge.ship) {
    case "FORWARD":
    case "GLOBAL":
      return [0];
    case "BROADCAST":
      return Array.from({ length: count }, (_, index) => index);
    case "HASH":
    case "CUSTOM":
      return [record % count];
    case "RESCALE":
    case "REBALANCE":
    case "SHUFFLE":
      return [turn % count];
  }
}
