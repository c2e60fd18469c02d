/** What a failure would restart, before it happens: the failover scope of a subtask in words and as names, under `region` or `full`. */
import {
  buildExecutionGraph,
  subtaskId,
  vertexOfSubtask,
  type ExecutionGraph,
} from "../../simulator/graph/executionGraph";
import { failoverScope, type FailoverStrategy } from "../../simulator/graph/failoverScope";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { computeRegions, regionId, type PipelinedRegions } from "../../simulator/graph/pipelinedRegion";
import { plural } from "./numberWords";
import { regionName } from "./regionGroups";

export interface FailureScope {
  /** `VERTEX#INDEX` of everything that would restart. */
  readonly restart: ReadonlySet<string>;
  readonly streamTasks: number;
  readonly instances: number;
  /** All subtasks of the graph, instances included. */
  readonly total: number;
  readonly regions: readonly string[];
  /** One sentence for each reason, the failed task's own region first. */
  readonly reasons: readonly string[];
}

const MOST_REASONS = 6;

export class FailureScopes {
  readonly #graph: ExecutionGraph | undefined;
  readonly #regions: PipelinedRegions | undefined;
  readonly #known = new Map<string, FailureScope>();

  constructor(private readonly description: GraphDescription) {
    const decided =
      description.vertices.every((vertex) => vertex.parallelism > 0) &&
      description.edges.every((edge) => edge.partitionType !== "UNDEFINED");
    if (!decided) return;
    try {
      this.#graph = buildExecutionGraph({ vertices: description.vertices, edges: description.edges as never });
      this.#regions = computeRegions(this.#graph);
    } catch {
      // A plan that cannot be wired has no scope to show; what is wrong with it is reported with the graph.
      this.#graph = undefined;
    }
  }

  /** Undefined when the plan leaves parallelism or exchanges open. */
  of(vertex: string, index: number, strategy: FailoverStrategy): FailureScope | undefined {
    const graph = this.#graph;
    const regions = this.#regions;
    const position = graph?.vertexIndex.get(vertex);
    if (graph === undefined || regions === undefined || position === undefined) return undefined;
    const key = `${strategy} ${regions.regionOf[graph.offsets[position] + index]} ${strategy === "full" ? `${vertex}#${index}` : ""}`;
    let scope = this.#known.get(key);
    if (scope === undefined) {
      scope = this.#compute(graph, regions, graph.offsets[position] + index, strategy);
      if (this.#known.size > 200) this.#known.clear();
      this.#known.set(key, scope);
    }
    return scope;
  }

  #compute(graph: ExecutionGraph, regions: PipelinedRegions, failed: number, strategy: FailoverStrategy): FailureScope {
    const scope = failoverScope(graph, regions, failed, { strategy });
    const restart = new Set<string>();
    let instances = 0;
    for (const subtask of scope.subtasks) {
      const vertex = vertexOfSubtask(graph, subtask);
      restart.add(subtaskId(graph.topology.vertices[vertex].id, subtask - graph.offsets[vertex]));
      if (this.description.vertices[vertex].kind === "service") instances++;
    }
    const names = Array.from(scope.regions, (region) => regionName(regionId(region)));
    const reasons: string[] = [];
    scope.regions.forEach((_, i) => {
      if (i >= MOST_REASONS) return;
      const reason = scope.reasonOf(i);
      const name = names[i];
      switch (reason.kind) {
        case "failed-task":
          reasons.push(`${name}: the failed task is in it.`);
          break;
        case "consumer":
          reasons.push(`${name}: it reads what ${regionName(regionId(reason.from))} writes.`);
          break;
        case "lost-partition":
          reasons.push(`${name}: ${regionName(regionId(reason.from))} needs a result of it that is gone.`);
          break;
        case "full":
          reasons.push(`${name}: strategy full restarts everything.`);
          break;
      }
    });
    if (names.length > MOST_REASONS)
      reasons.push(`and ${plural(names.length - MOST_REASONS, "more region")} for the same reasons.`);
    return {
      restart,
      streamTasks: scope.subtasks.length - instances,
      instances,
      total: graph.subtaskCount,
      regions: names,
      reasons,
    };
  }
}

export function scopeWords(scope: FailureScope): string {
  const parts: string[] = [];
  if (scope.streamTasks > 0) parts.push(plural(scope.streamTasks, "stream task"));
  if (scope.instances > 0) parts.push(plural(scope.instances, "service instance"));
  return `A failure here restarts ${parts.join(" and ")} of ${scope.total}.`;
}
