/** A job graph as a plan of a real Flink tells it, in one form for all kinds of plans. */
import type { AnalyzedGraph } from "./describeGraph";
import { cycleNotes } from "./describeGraph";
import { buildExecutionGraph, type TopologyEdge, type TopologyVertex } from "./executionGraph";
import type { EdgeDescription, GraphOrigin, OperatorDescription, VertexDescription } from "./graphDescription";
import type { PartitionType } from "./jobFile";
import { topologicalOrder } from "./jobGraph";
import { computeRegions } from "./pipelinedRegion";

export interface PlanOperator {
  /** The plan's id; `VERTEX/POSITION` where the plan gives operators none. */
  readonly id: string;
  readonly name: string;
  readonly kind?: string;
  /** Id of the operator in the same vertex that it is chained to. */
  readonly input?: string;
  readonly notChained?: readonly string[];
}

export interface PlanVertex extends TopologyVertex {
  readonly name: string;
  /** What is computed with; 1 while the plan says −1. */
  readonly parallelism: number;
  /** What the plan says: −1 is not decided yet. */
  readonly declaredParallelism: number;
  /** The plan's description as plain text, trees kept. */
  readonly description: string;
  readonly operators: readonly PlanOperator[];
}

export interface PlanEdge extends TopologyEdge {
  /** What is computed with. */
  readonly partitionType: PartitionType;
  readonly declaredPartitionType: PartitionType | "UNDEFINED";
  /** As the plan prints it, `HASH[a, b]` included. */
  readonly ship: string;
  /** The plan does not say partition type or pattern. */
  readonly derived: boolean;
  readonly sourceOperator?: string;
  readonly targetOperator?: string;
}

export interface PlanGraph {
  readonly name: string;
  readonly form: GraphOrigin["form"];
  /** Of the job, as far as the plan says. */
  readonly mode: "streaming" | "batch" | undefined;
  /** In topological order. */
  readonly vertices: readonly PlanVertex[];
  /** As the plan lists them; parallel edges stay apart. */
  readonly edges: readonly PlanEdge[];
  readonly notes: readonly string[];
}

/** Puts the vertices of a plan in topological order. Throws FL1011 for a cycle. */
export function inTopologicalOrder(vertices: readonly PlanVertex[], edges: readonly PlanEdge[]): PlanVertex[] {
  const byId = new Map(vertices.map((vertex) => [vertex.id, vertex]));
  const targets = new Map<string, string[]>(vertices.map((vertex) => [vertex.id, []]));
  for (const edge of edges) targets.get(edge.source)!.push(edge.target);
  return topologicalOrder([...byId.keys()], (id) => targets.get(id)!).map((id) => byId.get(id)!);
}

/** Execution graph and regions of a plan. Throws FL1004, FL1010, FL1012, FL1013. */
export function analyzePlan(plan: PlanGraph): AnalyzedGraph {
  const graph = buildExecutionGraph(plan);
  const regions = computeRegions(graph);
  return {
    name: plan.name,
    vertices: plan.vertices.map(describePlanVertex),
    edges: plan.edges.map(describePlanEdge),
    calls: [],
    origin: { form: plan.form, notes: [...plan.notes, ...cycleNotes(graph, regions)] },
    graph,
    regions,
  };
}

function describePlanVertex(vertex: PlanVertex): VertexDescription {
  return {
    id: vertex.id,
    name: vertex.name,
    kind: "stream",
    parallelism: vertex.declaredParallelism,
    description: vertex.description,
    operators: vertex.operators.map(({ id, name, kind, input, notChained }): OperatorDescription => ({
      id,
      name,
      ...(kind === undefined ? {} : { kind }),
      ...(input === undefined ? {} : { input }),
      ...(notChained === undefined || notChained.length === 0 ? {} : { notChained }),
    })),
  };
}

function describePlanEdge(edge: PlanEdge): EdgeDescription {
  const { source, target, declaredPartitionType, pattern, ship, derived, sourceOperator, targetOperator } = edge;
  return {
    source,
    target,
    partitionType: declaredPartitionType,
    pattern,
    shipStrategy: ship,
    ...(derived ? { derived } : {}),
    ...(sourceOperator === undefined ? {} : { sourceOperator }),
    ...(targetOperator === undefined ? {} : { targetOperator }),
  };
}
