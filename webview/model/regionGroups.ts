/**
 * Pipelined regions as they are drawn. A region is a set of subtasks; several regions that lie in the same vertices (one for each line of
 * subtasks of a FORWARD chain) are drawn as one frame that says how many there are. Each service instance is a region on its own.
 */
import { plural } from "./numberWords";
import type { GraphDescription, RegionDescription } from "../../simulator/graph/graphDescription";

/** A set of vertices that share regions with each other and with no other vertex: one frame in the picture. */
export interface RegionGroup {
  readonly id: string;
  readonly regions: readonly RegionDescription[];
  /** Stream vertices, in the graph's order. */
  readonly vertices: readonly string[];
  /** Number of subtasks over all regions. */
  readonly subtasks: number;
  /** Index into the palette. */
  readonly color: number;
}

export interface RegionMap {
  readonly groups: readonly RegionGroup[];
  readonly groupOfVertex: ReadonlyMap<string, RegionGroup>;
  readonly regionOfSubtask: ReadonlyMap<string, RegionDescription>;
  /** Index into the palette for every region. */
  readonly colorOfRegion: ReadonlyMap<string, number>;
}

/** Number of colours in the palette of graph.css (`--region-0` …). */
export const REGION_COLORS = 7;

export function regionMap(graph: GraphDescription): RegionMap {
  const parent = new Map<string, string>();
  const find = (id: string): string => {
    let root = id;
    while (parent.get(root) !== root) root = parent.get(root) as string;
    for (let at = id; at !== root;) {
      const next = parent.get(at) as string;
      parent.set(at, root);
      at = next;
    }
    return root;
  };
  const streams = graph.vertices.filter((vertex) => vertex.kind === "stream");
  const isStream = new Set(streams.map((vertex) => vertex.id));
  for (const vertex of streams) parent.set(vertex.id, vertex.id);
  const regionOfSubtask = new Map<string, RegionDescription>();
  for (const region of graph.regions) {
    for (const subtask of region.subtasks) regionOfSubtask.set(subtask, region);
    const members = region.vertices.filter((vertex) => isStream.has(vertex));
    for (const member of members.slice(1)) parent.set(find(member), find(members[0]));
  }
  const vertices = new Map<string, string[]>();
  for (const vertex of streams) append(vertices, find(vertex.id), vertex.id);
  const regions = new Map<string, RegionDescription[]>();
  for (const region of graph.regions) {
    const member = region.vertices.find((vertex) => isStream.has(vertex));
    if (member !== undefined) append(regions, find(member), region);
  }
  const colorOfRegion = new Map<string, number>();
  const groups: RegionGroup[] = [];
  const groupOfVertex = new Map<string, RegionGroup>();
  for (const [root, members] of vertices) {
    const own = regions.get(root) ?? [];
    const color = groups.length % REGION_COLORS;
    const subtasks = own.reduce((sum, region) => sum + region.subtasks.length, 0);
    const group: RegionGroup = { id: own[0]?.id ?? root, regions: own, vertices: members, subtasks, color };
    groups.push(group);
    for (const member of members) groupOfVertex.set(member, group);
    own.forEach((region, i) => colorOfRegion.set(region.id, (color + i) % REGION_COLORS));
  }
  let next = groups.length;
  for (const region of graph.regions) {
    if (!colorOfRegion.has(region.id)) colorOfRegion.set(region.id, next++ % REGION_COLORS);
  }
  return { groups, groupOfVertex, regionOfSubtask, colorOfRegion };
}

/** `region-3` and `3` read "Region 3"; any other id stays as it is. */
export function regionName(id: string): string {
  const number = /^(?:region[-_ ]?|r)?(\d{1,7})$/i.exec(id)?.[1];
  return number === undefined ? id : `Region ${Number(number)}`;
}

/** What stands on the frame: which regions, and what restarts together. */
export function groupTitle(group: RegionGroup): { readonly name: string; readonly detail: string } {
  const { regions } = group;
  if (regions.length === 0) return { name: "No region", detail: "" };
  const first = regionName(regions[0].id);
  if (regions.length === 1) {
    const count = group.subtasks;
    return { name: first, detail: count === 1 ? "1 task" : `${plural(count, "task")} restart together` };
  }
  const last = regionName(regions[regions.length - 1].id);
  const numbers = first.startsWith("Region ") && last.startsWith("Region ");
  const name = numbers ? `Regions ${first.slice(7)}–${last.slice(7)}` : `${regions.length} regions`;
  const sizes = new Set(regions.map((region) => region.subtasks.length));
  const size = regions[0].subtasks.length;
  const each = sizes.size > 1 ? "" : size === 1 ? ", 1 task each" : `, ${size} tasks each`;
  return { name, detail: `${regions.length} regions${each}` };
}

/** On the frame of a region that a failure did not reach. */
export const UNTOUCHED_WORDS = "✓ did not notice";

/** On the frame of a region some of whose tasks restart, or have. */
export function hitWords(tasks: number, done: boolean): string {
  if (done) return `↻ ${plural(tasks, "task")} restarted`;
  return `↻ ${plural(tasks, "task")} ${tasks === 1 ? "restarts" : "restart"}`;
}

function append<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
