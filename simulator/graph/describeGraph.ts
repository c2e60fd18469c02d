/** Job graphs as {@link GraphDescription}s: the form that is printed, drawn and kept in the journal. */
import { buildExecutionGraph, subtaskId, vertexOfSubtask, type ExecutionGraph } from "./executionGraph";
import type {
  EdgeDescription,
  GraphDescription,
  GraphOrigin,
  OperatorDescription,
  RegionDescription,
  VertexDescription,
} from "./graphDescription";
import { buildJobGraph, type JobGraph } from "./jobGraph";
import type { JobSpec, ServiceSpec } from "./jobFile";
import { computeRegions, regionId, regionMembers, type PipelinedRegions } from "./pipelinedRegion";

/** A graph with everything computed from it: what `graph` and `failover` answer from, for job files and plans alike. */
export interface AnalyzedGraph {
  readonly name: string;
  readonly vertices: readonly VertexDescription[];
  /** In the order of `graph.edges`. */
  readonly edges: readonly EdgeDescription[];
  readonly calls: GraphDescription["calls"];
  readonly origin: GraphOrigin;
  readonly graph: ExecutionGraph;
  readonly regions: PipelinedRegions;
}

/** Job graph, execution graph and regions of a job. Throws FL1004, FL1011, FL1013 and FL1016. */
export function analyzeJob(job: JobSpec): AnalyzedGraph {
  return analyzeJobGraph(buildJobGraph(job));
}

/** {@link GraphDescription} of a job graph and what was computed from it. */
export function describeJobGraph(
  jobGraph: JobGraph,
  graph: ExecutionGraph,
  regions: PipelinedRegions,
): GraphDescription {
  return describeAnalyzed(withDescriptions(jobGraph, graph, regions));
}

export function analyzeJobGraph(jobGraph: JobGraph): AnalyzedGraph {
  const graph = buildExecutionGraph(jobGraph);
  return withDescriptions(jobGraph, graph, computeRegions(graph));
}

function withDescriptions(jobGraph: JobGraph, graph: ExecutionGraph, regions: PipelinedRegions): AnalyzedGraph {
  const notes = cycleNotes(graph, regions);
  return {
    name: jobGraph.name,
    vertices: jobGraph.vertices.map(describeVertex),
    edges: jobGraph.edges.map(({ source, target, partitionType, pattern, ship, sourceOperator, targetOperator }) => ({
      source,
      target,
      partitionType,
      pattern,
      shipStrategy: ship,
      sourceOperator,
      targetOperator,
    })),
    calls: callsOnce(jobGraph),
    origin: { form: "job-file", notes },
    graph,
    regions,
  };
}

/** As {@link GraphDescription}, every subtask written out. */
export function describeAnalyzed(analyzed: AnalyzedGraph): GraphDescription {
  const { name, vertices, edges, calls, origin, graph, regions } = analyzed;
  return { name, vertices, edges, regions: describeRegions(graph, regions), calls, origin };
}

export function describeRegions(graph: ExecutionGraph, regions: PipelinedRegions): RegionDescription[] {
  return Array.from({ length: regions.count }, (_, region) => describeRegion(graph, regions, region));
}

export function describeRegion(graph: ExecutionGraph, regions: PipelinedRegions, region: number): RegionDescription {
  const vertices: string[] = [];
  const subtasks: string[] = [];
  let vertex = -1;
  for (const subtask of regionMembers(regions, region)) {
    if (vertex < 0 || subtask >= graph.offsets[vertex + 1]) {
      vertex = vertexOfSubtask(graph, subtask);
      vertices.push(graph.topology.vertices[vertex].id);
    }
    subtasks.push(subtaskId(graph.topology.vertices[vertex].id, subtask - graph.offsets[vertex]));
  }
  return { id: regionId(region), vertices, subtasks };
}

function describeVertex(vertex: JobGraph["vertices"][number]): VertexDescription {
  const inputs = new Map(vertex.chainedEdges.map(({ source, target }) => [target, source]));
  return {
    id: vertex.id,
    name: vertex.name,
    kind: vertex.kind,
    parallelism: vertex.parallelism,
    operators: vertex.operators.map(({ id, name, kind, notChained }): OperatorDescription => ({
      id,
      name,
      kind,
      ...(inputs.has(id) ? { input: inputs.get(id) } : {}),
      ...(notChained.length > 0 ? { notChained } : {}),
    })),
    slotSharingGroup: vertex.slotSharingGroup,
    ...(vertex.service === undefined
      ? {}
      : {
          service: {
            model: modelOrCode(vertex.service),
            deployment: vertex.service.deployment,
            device: vertex.service.device,
          },
        }),
  };
}

function callsOnce(jobGraph: JobGraph): GraphDescription["calls"] {
  const seen = new Set<string>();
  return jobGraph.calls.flatMap(({ source, target }) => {
    const key = JSON.stringify([source, target]);
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ source, target }];
  });
}

/** What to tell people about regions that exist only because a cycle was merged. */
export function cycleNotes(graph: ExecutionGraph, regions: PipelinedRegions): string[] {
  return regions.mergedOnCycle.map((logical) => {
    const ids = graph.topology.vertices
      .filter((_, i) => regions.logical.regionOf[i] === logical)
      .map((vertex) => vertex.id);
    const shown = ids.length > 8 ? [...ids.slice(0, 8), `${ids.length - 8} more`] : ids;
    return (
      `The regions of ${shown.join(", ")} depend on each other in a cycle and were merged. ` +
      "Flink merges such cycles only among tasks that pipelined exchanges join; it would wait here for ever."
    );
  });
}

/** What people see as a service's model. */
function modelOrCode({ model, function: code }: ServiceSpec): string {
  return code === undefined ? model : `${code.module}#${code.exportName}`;
}
