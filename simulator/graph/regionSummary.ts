/** Regions as people see them at the level of vertices: which vertices belong together, and in how many regions they are cut. */
import type { AnalyzedGraph } from "./describeGraph";
import { FaultlineError } from "./errors";
import { regionId } from "./pipelinedRegion";

export interface RegionGroup {
  /** Positions of the vertices. */
  readonly vertices: readonly number[];
  readonly regionCount: number;
  /** `region-3`, or `region-3 to region-7 (5 regions)`. */
  readonly label: string;
}

/** Largest graph that is drawn, in vertices and in edges. */
export const MAX_PICTURE_VERTICES = 5000;
export const MAX_PICTURE_EDGES = 20_000;

/** Throws FL1004 for a graph that is too large for a picture. */
export function checkPictureSize({ vertices, edges }: AnalyzedGraph): void {
  if (vertices.length <= MAX_PICTURE_VERTICES && edges.length <= MAX_PICTURE_EDGES) return;
  throw FaultlineError.of(
    "FL1004",
    `A picture of ${vertices.length} vertices and ${edges.length} edges cannot be read; the limit is ${MAX_PICTURE_VERTICES} and ${MAX_PICTURE_EDGES}.`,
    "Use --format text or json.",
  );
}

/** One group a logical region, in the order of the vertices. */
export function regionGroups({ graph, regions }: AnalyzedGraph): RegionGroup[] {
  const groups: { vertices: number[]; regions: Set<number> }[] = [];
  regions.logical.regionOf.forEach((logical, vertex) => {
    const group = (groups[logical] ??= { vertices: [], regions: new Set() });
    group.vertices.push(vertex);
    for (let subtask = graph.offsets[vertex]; subtask < graph.offsets[vertex + 1]; subtask++) {
      group.regions.add(regions.regionOf[subtask]);
    }
  });
  return groups.map(({ vertices, regions: members }) => ({
    vertices,
    regionCount: members.size,
    label: labelOf([...members]),
  }));
}

function labelOf(members: readonly number[]): string {
  const sorted = members.toSorted((a, b) => a - b);
  const [first, last] = [sorted[0], sorted[sorted.length - 1]];
  if (sorted.length === 1) return regionId(first);
  if (last - first === sorted.length - 1) return `${regionId(first)} to ${regionId(last)} (${sorted.length} regions)`;
  return `${regionId(first)} … ${regionId(last)} (${sorted.length} regions)`;
}
