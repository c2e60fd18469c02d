/**
 * What the state in a checkpoint belongs to: the operators of the job that took it. Kept with the checkpoint, so that another run can begin
 * from it without the job that it came from. Flink's `OperatorState`s in a checkpoint's metadata.
 */
import { maxParallelismOf } from "../operators/keyGroup";
import { buildJobGraph } from "../graph/jobGraph";
import type { JobSpec, OperatorSpec } from "../graph/jobFile";

export interface OperatorLayout {
  readonly id: string;
  readonly kind: OperatorSpec["kind"];
  /** The vertex that it is chained into. */
  readonly vertex: string;
  readonly parallelism: number;
  /** Key groups; fixed for good, as Flink's maximum parallelism is. */
  readonly maxParallelism: number;
  /** Its input comes over a HASH edge. */
  readonly keyed: boolean;
}

export interface StateLayout {
  readonly job: string;
  readonly operators: readonly OperatorLayout[];
  /** Edges between vertices, in their order: data in flight is kept by them. */
  readonly edges: readonly string[];
}

export function stateLayout(job: JobSpec): StateLayout {
  const graph = buildJobGraph(job);
  const operators = graph.vertices.flatMap((vertex) =>
    vertex.kind === "service"
      ? []
      : vertex.operators.map(({ id, spec }) => ({
          id,
          kind: spec.kind,
          vertex: vertex.id,
          parallelism: vertex.parallelism,
          maxParallelism: maxParallelismOf(vertex.maxParallelism, vertex.parallelism),
          keyed: job.edges.some((edge) => edge.to === id && edge.ship === "HASH"),
        })),
  );
  return { job: job.name, operators, edges: graph.edges.map(({ source, target }) => `${source} → ${target}`) };
}
