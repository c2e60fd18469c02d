/**
 * Regions shown as one card each. The graph that is drawn then has one vertex in the place of all of a region's; what is known of the real
 * vertices stays known by their own names.
 */
import type { GraphDescription, VertexDescription } from "../../simulator/graph/graphDescription";
import { groupTitle, regionMap, type RegionGroup } from "./regionGroups";

export interface CollapsedRegion {
  /** Id of the one vertex that is drawn. */
  readonly id: string;
  readonly group: string;
  readonly vertices: readonly VertexDescription[];
  /** `VERTEX#INDEX`, in the order of the drawn vertex's cells. */
  readonly subtasks: readonly string[];
}

export interface CollapsedGraph {
  readonly graph: GraphDescription;
  /** By the id of the drawn vertex. */
  readonly regions: ReadonlyMap<string, CollapsedRegion>;
  /** Real vertex → drawn vertex, for those that are not drawn. */
  readonly drawnAs: ReadonlyMap<string, string>;
}

export function collapseRegions(graph: GraphDescription, wanted: readonly string[]): CollapsedGraph {
  const regions = new Map<string, CollapsedRegion>();
  const drawnAs = new Map<string, string>();
  if (wanted.length === 0) return { graph, regions, drawnAs };
  const names = new Set(wanted);
  const groups = regionMap(graph).groups.filter((group) => names.has(group.id) && group.vertices.length > 1);
  const known = new Map(graph.vertices.map((vertex) => [vertex.id, vertex]));
  for (const group of groups) {
    const id = freeId(`region ${group.id}`, known);
    const vertices = group.vertices.flatMap((vertex) => known.get(vertex) ?? []);
    const subtasks = vertices.flatMap((vertex) =>
      Array.from({ length: Math.max(0, vertex.parallelism) }, (_, index) => `${vertex.id}#${index}`),
    );
    regions.set(id, { id, group: group.id, vertices, subtasks });
    for (const vertex of group.vertices) drawnAs.set(vertex, id);
  }
  return { graph: redrawn(graph, groups, regions, drawnAs), regions, drawnAs };
}

function redrawn(
  graph: GraphDescription,
  groups: readonly RegionGroup[],
  regions: CollapsedGraph["regions"],
  drawnAs: CollapsedGraph["drawnAs"],
): GraphDescription {
  const titles = new Map(groups.map((group) => [group.id, groupTitle(group).name]));
  const first = new Map([...regions.values()].map((region) => [region.vertices[0].id, region]));
  const cells = new Map(
    [...regions.values()].flatMap(({ id, subtasks }) => subtasks.map((name, i) => [name, `${id}#${i}`] as const)),
  );
  const drawn = (vertex: string): string => drawnAs.get(vertex) ?? vertex;
  const unique = (list: readonly string[]): string[] => [...new Set(list)];
  const calls = new Map(
    graph.calls.map(({ source, target }) => {
      const call = { source: drawn(source), target: drawn(target) };
      return [JSON.stringify(call), call];
    }),
  );
  return {
    ...graph,
    vertices: graph.vertices.flatMap((vertex): VertexDescription[] => {
      if (!drawnAs.has(vertex.id)) return [vertex];
      const region = first.get(vertex.id);
      if (region === undefined) return [];
      return [
        {
          id: region.id,
          name: titles.get(region.group) ?? region.group,
          kind: "stream",
          parallelism: region.subtasks.length,
          operators: region.vertices.map(({ id, name, operators }) => ({ id, name, kind: operators[0]?.kind })),
        },
      ];
    }),
    edges: graph.edges
      .map((edge) => ({ ...edge, source: drawn(edge.source), target: drawn(edge.target) }))
      .filter((edge) => edge.source !== edge.target || !regions.has(edge.source)),
    calls: [...calls.values()],
    regions: graph.regions.map((region) => ({
      ...region,
      vertices: unique(region.vertices.map(drawn)),
      subtasks: region.subtasks.map((subtask) => cells.get(subtask) ?? subtask),
    })),
  };
}

function freeId(wanted: string, taken: ReadonlyMap<string, unknown>): string {
  let id = wanted;
  for (let i = 2; taken.has(id); i++) id = `${wanted} ${i}`;
  return id;
}
