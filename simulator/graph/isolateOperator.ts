/**
 * "What if the model moved into an RpcOperator service?" Takes an operator out of its task: a service with the operator's parallelism does
 * its work, each instance in a region of its own, and the operator stays in the chain as the service's asynchronous client (FLIP-582).
 */
import { didYouMean } from "./closestName";
import type { AnalyzedGraph } from "./describeGraph";
import { FaultlineError } from "./errors";
import { buildExecutionGraph, unknownVertex, type JobTopology } from "./executionGraph";
import { failoverScope, type FailoverScope } from "./failoverScope";
import type { OperatorDescription, VertexDescription } from "./graphDescription";
import { computeRegions } from "./pipelinedRegion";
import { slugOf } from "./plainText";

export interface IsolatedOperator {
  readonly vertex: VertexDescription;
  readonly operator: OperatorDescription;
  /** Id of the new service's vertex. */
  readonly serviceId: string;
  readonly before: AnalyzedGraph;
  readonly after: AnalyzedGraph;
  /** What restarts when the operator fails in its subtask 0, in `before`. */
  readonly scopeBefore: FailoverScope;
  /** What restarts when instance 0 of the service fails, in `after`. */
  readonly scopeAfter: FailoverScope;
  /** What restarts when subtask 0 of the operator's vertex fails, in `after`: as before, without the service. */
  readonly scopeOfClientAfter: FailoverScope;
}

/**
 * `target` is `VERTEX`, when it has one operator only, or `VERTEX/OPERATOR`, the operator by id, position or name.
 * Throws FL1017 (no such vertex), FL1010 (no such operator, or which of several) and FL1015 (a source, a sink, a caller of a service, or a service).
 */
export function isolateOperator(analyzed: AnalyzedGraph, target: string): IsolatedOperator {
  const { vertex, operator } = findOperator(analyzed, target);
  checkIsolatable(analyzed, vertex, operator);
  const serviceId = freeId(analyzed, `${slugOf(operator.name)}-service`);
  const position = analyzed.vertices.indexOf(vertex);
  const { parallelism } = analyzed.graph.topology.vertices[position];
  const topology: JobTopology = {
    vertices: [...analyzed.graph.topology.vertices, { id: serviceId, parallelism }],
    edges: analyzed.graph.topology.edges,
  };
  const graph = buildExecutionGraph(topology);
  const regions = computeRegions(graph);
  const service: VertexDescription = {
    id: serviceId,
    name: operator.name,
    kind: "service",
    parallelism: vertex.parallelism,
    operators: [],
    slotSharingGroup: `service-${serviceId}`,
    service: { model: "", deployment: "rpc-service", device: "auto" },
  };
  const client = {
    ...vertex,
    operators: vertex.operators.map((other) => (other === operator ? { ...other, kind: "rpc" } : other)),
  };
  const after: AnalyzedGraph = {
    ...analyzed,
    vertices: [...analyzed.vertices.map((other) => (other === vertex ? client : other)), service],
    calls: [...analyzed.calls, { source: vertex.id, target: serviceId }],
    origin: {
      ...analyzed.origin,
      notes: [
        ...analyzed.origin.notes,
        `"${operator.name}" was taken out of "${vertex.id}" into the service "${serviceId}".`,
      ],
    },
    graph,
    regions,
  };
  const task = analyzed.graph.offsets[position];
  return {
    vertex,
    operator,
    serviceId,
    before: analyzed,
    after,
    scopeBefore: failoverScope(analyzed.graph, analyzed.regions, task),
    scopeAfter: failoverScope(graph, regions, graph.offsets[topology.vertices.length - 1]),
    scopeOfClientAfter: failoverScope(graph, regions, task),
  };
}

/** The vertex and operator that `VERTEX` or `VERTEX/OPERATOR` names. */
export function findOperator(
  analyzed: AnalyzedGraph,
  target: string,
): { readonly vertex: VertexDescription; readonly operator: OperatorDescription } {
  const byId = new Map(analyzed.vertices.map((vertex) => [vertex.id, vertex]));
  const whole = byId.get(target);
  // Ids may hold a slash themselves, so the longest vertex id that fits is meant.
  let slash = target.lastIndexOf("/");
  while (whole === undefined && slash > 0 && !byId.has(target.slice(0, slash)))
    slash = target.lastIndexOf("/", slash - 1);
  const vertex = whole ?? byId.get(target.slice(0, Math.max(0, slash)));
  if (vertex === undefined) throw unknownVertex(analyzed.graph, target.split("/")[0]);
  if (vertex.kind === "service") {
    throw FaultlineError.of("FL1015", `"${vertex.id}" is a service already.`, "Name an operator of a stream vertex.");
  }
  const listed = vertex.operators.map((operator, i) => `${vertex.id}/${i} (${operator.name})`).join(", ");
  if (whole !== undefined) {
    if (vertex.operators.length === 1) return { vertex, operator: vertex.operators[0] };
    throw FaultlineError.of(
      "FL1010",
      `"${vertex.id}" is a chain of ${vertex.operators.length} operators.`,
      `Say which: ${listed}.`,
    );
  }
  const wanted = target.slice(slash + 1);
  const operator =
    vertex.operators.find(({ id }) => id === wanted || id === target) ??
    vertex.operators.find(({ name }) => name === wanted) ??
    (/^\d{1,6}$/.test(wanted) ? vertex.operators.at(Number(wanted)) : undefined);
  if (operator !== undefined) return { vertex, operator };
  const hint = didYouMean(
    wanted,
    vertex.operators.map(({ name }) => name),
  );
  throw FaultlineError.of(
    "FL1010",
    `"${vertex.id}" has no operator "${wanted}".`,
    `${hint ?? ""} Operators: ${listed}.`.trim(),
  );
}

function checkIsolatable(analyzed: AnalyzedGraph, vertex: VertexDescription, operator: OperatorDescription): void {
  if (operator.kind === "rpc") {
    throw FaultlineError.of(
      "FL1015",
      `"${operator.name}" calls a service already: where the model runs is said there.`,
      'Give the service "deployment": "rpc-service".',
    );
  }
  const hasInput = operator.input !== undefined || analyzed.edges.some((edge) => edge.target === vertex.id);
  if (!hasInput) {
    throw FaultlineError.of(
      "FL1015",
      `"${operator.name}" is a source: a service answers requests, and it has none.`,
      "Choose an operator with an input.",
    );
  }
  const hasOutput =
    vertex.operators.some((other) => other.input === operator.id) ||
    analyzed.edges.some((edge) => edge.source === vertex.id && (edge.sourceOperator ?? operator.id) === operator.id);
  if (!hasOutput) {
    throw FaultlineError.of(
      "FL1015",
      `"${operator.name}" is a sink: nothing takes what a service would answer.`,
      "Choose an operator with an output.",
    );
  }
}

function freeId(analyzed: AnalyzedGraph, wanted: string): string {
  const taken = new Set(
    analyzed.vertices.flatMap((vertex) => [vertex.id, ...vertex.operators.map((operator) => operator.id)]),
  );
  for (let i = 1; ; i++) {
    const id = i === 1 ? wanted : `${wanted}-${i}`;
    if (!taken.has(id)) return id;
  }
}
