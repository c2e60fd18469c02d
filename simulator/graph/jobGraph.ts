/**
 * From the stream graph (operators) to the job graph (chains of operators as vertices, and services).
 * Source of the rules: Flink's `StreamingJobGraphGenerator`; of services: FLIP-582, where each service is a job vertex of the same
 * job graph without data edges.
 */
import { chainingObstacles } from "./chaining";
import { findCycle } from "./cycle";
import { FaultlineError } from "./errors";
import type {
  DistributionPattern,
  EdgeSpec,
  JobSpec,
  OperatorSpec,
  PartitionType,
  ServiceSpec,
  ShipStrategy,
} from "./jobFile";
import { SHIP_PATTERNS } from "./partitionType";

/** An operator inside a vertex. */
export interface ChainedOperator {
  readonly id: string;
  readonly name: string;
  readonly kind: OperatorSpec["kind"];
  readonly spec: OperatorSpec;
  /** Why it starts a chain although it has inputs; empty for a source and for one that is chained to its input. */
  readonly notChained: readonly string[];
}

/** An edge inside a vertex: records go from operator to operator by a call. */
export interface ChainedEdge {
  readonly source: string;
  readonly target: string;
  readonly edge: EdgeSpec;
}

/** `JobVertex`: a chain of operators, or a service. */
export interface JobVertex {
  /** Id of the chain's first operator, or of the service. */
  readonly id: string;
  /** `A -> B`, or `A -> (B, C -> D)` where the chain branches. */
  readonly name: string;
  readonly kind: "stream" | "service";
  readonly parallelism: number;
  readonly maxParallelism: number | undefined;
  /** In topological order, the head first; empty for a service. A chain is a tree: one operator may have several chained outputs. */
  readonly operators: readonly ChainedOperator[];
  readonly chainedEdges: readonly ChainedEdge[];
  readonly slotSharingGroup: string;
  readonly coLocationGroup: string | undefined;
  readonly service: ServiceSpec | undefined;
}

/** `JobEdge` with the `IntermediateDataSet` that it consumes: every edge has its own. */
export interface JobEdge {
  /** Position in {@link JobGraph.edges}. */
  readonly index: number;
  /** Ids of vertices. */
  readonly source: string;
  readonly target: string;
  /** Ids of operators at the two ends. */
  readonly sourceOperator: string;
  readonly targetOperator: string;
  readonly ship: ShipStrategy;
  readonly pattern: DistributionPattern;
  readonly partitionType: PartitionType;
  readonly edge: EdgeSpec;
}

/** Calls of a service: no data edge, so no region and no failover goes over it. */
export interface CallEdge {
  /** Id of the calling vertex, a stream vertex or another service. */
  readonly source: string;
  /** Id of the service's vertex. */
  readonly target: string;
  /** The `rpc` operator that calls, unless a service calls. */
  readonly operator: string | undefined;
}

export interface JobGraph {
  readonly name: string;
  /** In topological order; services after the stream vertices. */
  readonly vertices: readonly JobVertex[];
  /** In the order of the job's edges; parallel edges stay apart. */
  readonly edges: readonly JobEdge[];
  readonly calls: readonly CallEdge[];
}

/**
 * Builds the job graph of a validated job. Only services with `deployment: rpc-service` become vertices.
 * Throws FL1010 for an edge to an operator that is not there and FL1011 for a cycle. Costs operators + edges.
 */
export function buildJobGraph(job: JobSpec): JobGraph {
  const specs = new Map(job.operators.map((operator) => [operator.id, operator]));
  const inputs = new Map<string, EdgeSpec[]>(job.operators.map((operator) => [operator.id, []]));
  const outputs = new Map<string, EdgeSpec[]>(job.operators.map((operator) => [operator.id, []]));
  for (const edge of job.edges) {
    const [from, to] = [outputs.get(edge.from), inputs.get(edge.to)];
    if (from === undefined || to === undefined) {
      const missing = from === undefined ? edge.from : edge.to;
      throw FaultlineError.of("FL1010", `An edge names "${missing}", which is no operator.`, undefined, {
        file: job.file,
      });
    }
    from.push(edge);
    to.push(edge);
  }
  const order = topologicalOrder(
    job.operators.map((operator) => operator.id),
    (id) => (outputs.get(id) ?? []).map((edge) => edge.to),
  );

  const headOf = new Map<string, string>();
  const chains = new Map<string, { operators: ChainedOperator[]; edges: ChainedEdge[] }>();
  for (const id of order) {
    const spec = specs.get(id)!;
    const incoming = inputs.get(id)!;
    const reasons = incoming.length === 0 ? [] : obstaclesOf(spec, incoming, specs, job.runtime.chaining);
    const operator: ChainedOperator = { id, name: spec.name, kind: spec.kind, spec, notChained: reasons };
    if (incoming.length > 0 && reasons.length === 0) {
      const head = headOf.get(incoming[0].from)!;
      const chain = chains.get(head)!;
      headOf.set(id, head);
      chain.operators.push(operator);
      chain.edges.push({ source: incoming[0].from, target: id, edge: incoming[0] });
    } else {
      headOf.set(id, id);
      chains.set(id, { operators: [operator], edges: [] });
    }
  }

  const vertices = [...chains].map(([id, chain]) => streamVertex(id, chain.operators, chain.edges));
  const services = job.services.filter((service) => service.deployment === "rpc-service" && service.attached !== true);
  vertices.push(...services.map(serviceVertex));

  const chained = new Set([...chains.values()].flatMap((chain) => chain.edges.map((edge) => edge.edge)));
  const edges = job.edges
    .filter((edge) => !chained.has(edge))
    .map((edge, index): JobEdge => ({
      index,
      source: headOf.get(edge.from)!,
      target: headOf.get(edge.to)!,
      sourceOperator: edge.from,
      targetOperator: edge.to,
      ship: edge.ship,
      pattern: SHIP_PATTERNS[edge.ship],
      partitionType: edge.partitionType,
      edge,
    }));
  return { name: job.name, vertices, edges, calls: callsOf(job, services, headOf) };
}

function obstaclesOf(
  spec: OperatorSpec,
  incoming: readonly EdgeSpec[],
  specs: ReadonlyMap<string, OperatorSpec>,
  enabled: boolean,
): readonly string[] {
  const [edge] = incoming;
  const upstream = specs.get(edge.from)!;
  const { ship, partitionType } = edge;
  return chainingObstacles({ upstream, downstream: spec, ship, partitionType, inputs: incoming.length, enabled });
}

function streamVertex(
  id: string,
  operators: readonly ChainedOperator[],
  chainedEdges: readonly ChainedEdge[],
): JobVertex {
  const { spec } = operators[0];
  return {
    id,
    name: chainName(operators, chainedEdges),
    kind: "stream",
    parallelism: spec.parallelism,
    maxParallelism: spec.maxParallelism,
    operators,
    chainedEdges,
    slotSharingGroup: spec.slotSharingGroup,
    coLocationGroup: operators.find((operator) => operator.spec.coLocationGroup !== undefined)?.spec.coLocationGroup,
    service: undefined,
  };
}

function serviceVertex(service: ServiceSpec): JobVertex {
  return {
    id: service.id,
    name: service.id,
    kind: "service",
    parallelism: service.parallelism,
    maxParallelism: undefined,
    operators: [],
    chainedEdges: [],
    slotSharingGroup: service.slotSharingGroup,
    coLocationGroup: undefined,
    service,
  };
}

function callsOf(job: JobSpec, services: readonly ServiceSpec[], headOf: ReadonlyMap<string, string>): CallEdge[] {
  const ids = new Set(services.map((service) => service.id));
  const calls: CallEdge[] = [];
  for (const operator of job.operators) {
    if (operator.kind !== "rpc" || !ids.has(operator.rpc.service)) continue;
    calls.push({ source: headOf.get(operator.id)!, target: operator.rpc.service, operator: operator.id });
  }
  for (const service of services) {
    for (const called of service.calls) {
      if (ids.has(called)) calls.push({ source: service.id, target: called, operator: undefined });
    }
  }
  return calls;
}

/** Flink's names of chains (`StreamingJobGraphGenerator.createChainedName`): `A -> B`, `A -> (B, C)`. */
export function chainName(
  operators: readonly { readonly id: string; readonly name: string }[],
  chainedEdges: readonly { readonly source: string; readonly target: string }[],
): string {
  const outputs = new Map<string, string[]>();
  for (const { source, target } of chainedEdges) {
    const list = outputs.get(source);
    if (list === undefined) outputs.set(source, [target]);
    else list.push(target);
  }
  const names = new Map<string, string>();
  for (const { id, name } of operators.toReversed()) {
    const next = (outputs.get(id) ?? []).map((target) => names.get(target) ?? target);
    names.set(
      id,
      next.length === 0 ? name : next.length === 1 ? `${name} -> ${next[0]}` : `${name} -> (${next.join(", ")})`,
    );
  }
  return names.get(operators[0].id) ?? "";
}

/** Sources first; equals in the given order. Throws FL1011 for a cycle, naming its path. Costs nodes + edges. */
export function topologicalOrder(ids: readonly string[], targetsOf: (id: string) => readonly string[]): string[] {
  const waiting = new Map(ids.map((id) => [id, 0]));
  for (const id of ids) {
    for (const target of targetsOf(id)) waiting.set(target, (waiting.get(target) ?? 0) + 1);
  }
  const order = ids.filter((id) => waiting.get(id) === 0);
  for (let i = 0; i < order.length; i++) {
    for (const target of targetsOf(order[i])) {
      const left = waiting.get(target)! - 1;
      waiting.set(target, left);
      if (left === 0) order.push(target);
    }
  }
  if (order.length < ids.length) {
    const cycle = findCycle(ids, targetsOf) ?? [];
    const shown = cycle.length > 12 ? [...cycle.slice(0, 6), "…", ...cycle.slice(-5)] : cycle;
    throw FaultlineError.of(
      "FL1011",
      `The edges form a cycle: ${[...shown, shown[0]].join(" → ")}.`,
      "Records flow from sources to sinks; remove one of these edges.",
    );
  }
  return order;
}
