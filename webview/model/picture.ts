/** A graph made ready for drawing at one level: cards with their sizes, frames, lines with their labels, and who is beside whom. */
import type {
  CallDescription,
  EdgeDescription,
  GraphDescription,
  VertexDescription,
} from "../../simulator/graph/graphDescription";
import { cardOf, cut, displayName, type Card, type Measure } from "../graph/vertexCard";
import type { LayoutRequest } from "../layout/layoutRequest";
import type { PictureLevel } from "../protocol";
import type { CollapsedGraph } from "./collapsedRegions";
import { groupTitle, hitWords, regionMap, UNTOUCHED_WORDS, type RegionMap } from "./regionGroups";

export interface PictureEdge {
  readonly id: string;
  readonly edge: EdgeDescription;
  /** "HASH", "HASH[key]". */
  readonly label: string;
  /** The partition type, where it is not the usual one of a stream. */
  readonly type: string;
  readonly labelWidth: number;
  /** At which end its records can be counted: an end that has no other edge. */
  readonly countedAt: "source" | "target" | undefined;
}

export interface PictureCall {
  readonly id: string;
  readonly call: CallDescription;
}

export interface Picture {
  readonly graph: GraphDescription;
  readonly level: PictureLevel;
  readonly orientation: "right" | "down";
  readonly services: "below" | "right";
  readonly regions: RegionMap;
  readonly vertices: ReadonlyMap<string, VertexDescription>;
  readonly cards: ReadonlyMap<string, Card>;
  readonly edges: readonly PictureEdge[];
  readonly calls: readonly PictureCall[];
  readonly edgeById: ReadonlyMap<string, PictureEdge>;
  readonly callById: ReadonlyMap<string, PictureCall>;
  /** Vertex → edges and calls that begin or end there. */
  readonly out: ReadonlyMap<string, readonly string[]>;
  readonly in: ReadonlyMap<string, readonly string[]>;
  readonly request: LayoutRequest;
  /** Regions drawn as one card, by the id of its vertex. */
  readonly collapsed: CollapsedGraph["regions"];
  /** Real vertex → the vertex that is drawn for it, where that is another one. */
  readonly drawnAs: CollapsedGraph["drawnAs"];
}

/** `VERTEX#INDEX` of a drawn cell, as the run names it. */
export function realSubtask({ collapsed }: Picture, vertex: string, index: number): string {
  return collapsed.get(vertex)?.subtasks[index] ?? `${vertex}#${index}`;
}

const MOST_LABEL = 130;

/** How a picture lies: where the flow goes, and on which side of it the services are. */
export interface Arrangement {
  readonly orientation: "right" | "down";
  readonly services: "below" | "right";
}

/** All that there are, the most usual first. */
export const ARRANGEMENTS: readonly Arrangement[] = [
  { orientation: "right", services: "below" },
  { orientation: "down", services: "right" },
  { orientation: "right", services: "right" },
  { orientation: "down", services: "below" },
];

export function makePicture(...how: Parameters<typeof pictureSteps>): Picture {
  const steps = pictureSteps(...how);
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value;
}

/** Cards and lines that are made ready between two looks at the clock. */
const AT_ONCE = 50;

/** The same in steps of about a millisecond, for who must not work for long at a time. */
export function* pictureSteps(
  graph: GraphDescription,
  level: PictureLevel,
  arrangement: Arrangement,
  measure: Measure,
  aspect?: number,
  collapsed: CollapsedGraph = { graph, regions: new Map(), drawnAs: new Map() },
): Generator<void, Picture> {
  const { orientation, services } = arrangement;
  const regions = regionMap(graph);
  yield;
  const vertices = new Map(graph.vertices.map((vertex) => [vertex.id, vertex]));
  const cards = new Map<string, Card>();
  for (const vertex of graph.vertices) {
    cards.set(vertex.id, cardOf(vertex, level, measure, collapsed.regions.has(vertex.id)));
    if (cards.size % AT_ONCE === 0) yield;
  }
  const outputs = tally(graph.edges.map((edge) => edge.source));
  const inputs = tally(graph.edges.map((edge) => edge.target));
  const known = graph.edges.filter((edge) => vertices.has(edge.source) && vertices.has(edge.target));
  const edges: PictureEdge[] = [];
  for (const [i, edge] of known.entries()) {
    const label = cut(displayName(edge.shipStrategy, "?"), MOST_LABEL, "small", measure).text;
    const type = typeLabel(edge);
    edges.push({
      id: `edge ${i}`,
      edge,
      label,
      type,
      labelWidth: Math.max(56, measure(label, "small") + 32, type === "" ? 0 : measure(type, "small") + 16),
      countedAt: inputs.get(edge.target) === 1 ? "target" : outputs.get(edge.source) === 1 ? "source" : undefined,
    });
    if (edges.length % AT_ONCE === 0) yield;
  }
  const calls = graph.calls
    .filter((call) => vertices.has(call.source) && vertices.has(call.target))
    .map((call, i): PictureCall => ({ id: `call ${i}`, call }));
  const out = new Map<string, string[]>();
  const into = new Map<string, string[]>();
  for (const { source, target } of [...known, ...calls.map(({ call }) => call)]) {
    push(out, source, target);
    push(into, target, source);
  }
  yield;
  const request: LayoutRequest = {
    orientation,
    aspect,
    nodes: graph.vertices.map((vertex) => {
      const { width, height } = cards.get(vertex.id) as Card;
      const band = vertex.kind === "service";
      return { id: vertex.id, width, height, band, group: band ? undefined : regions.groupOfVertex.get(vertex.id)?.id };
    }),
    edges: [
      ...edges.map(({ id, edge, labelWidth }) => ({ id, source: edge.source, target: edge.target, labelWidth })),
      ...calls.map(({ id, call }) => ({ id, source: call.source, target: call.target, call: true })),
    ],
    groups: regions.groups.map((group) => {
      const { name, detail } = groupTitle(group);
      const rest = Math.max(measure(detail, "text"), stateWidth(group.subtasks, measure));
      return { id: group.id, header: 31, padding: 14, minWidth: measure(name, "title") + rest + 60 };
    }),
    band: {
      side: services,
      header: 31,
      padding: 14,
      minWidth: measure("Services 2 instances, each its own region", "text") + 60,
    },
  };
  yield;
  return {
    graph,
    level,
    orientation,
    services,
    regions,
    vertices,
    cards,
    edges,
    edgeById: new Map(edges.map((edge) => [edge.id, edge])),
    callById: new Map(calls.map((call) => [call.id, call])),
    calls,
    out,
    in: into,
    request,
    collapsed: collapsed.regions,
    drawnAs: collapsed.drawnAs,
  };
}

/** Room for what is said of a region while something restarts. */
export function stateWidth(subtasks: number, measure: Measure): number {
  return (
    Math.max(
      ...[UNTOUCHED_WORDS, hitWords(subtasks, true), hitWords(subtasks, false)].map((words) => measure(words, "text")),
    ) * 1.12
  );
}

function typeLabel(edge: EdgeDescription): string {
  if (edge.partitionType === "PIPELINED_BOUNDED" || edge.partitionType === "PIPELINED") return "";
  return edge.partitionType === "UNDEFINED" ? "not decided" : edge.partitionType.replace(/^PIPELINED_/, "");
}

function tally(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else if (!list.includes(value)) list.push(value);
}
