/** A {@link GraphDescription} as JSON text in pieces: a job with millions of subtasks is never one string. */
import type { AnalyzedGraph } from "./describeGraph";
import { subtaskId, vertexOfSubtask, type ExecutionGraph } from "./executionGraph";
import { regionId, regionMembers } from "./pipelinedRegion";

const PIECE = 64 * 1024;

/** The document of `faultline graph --format json`, without a line break at the end; `more` adds fields. */
export function* graphJson(analyzed: AnalyzedGraph, more: Readonly<Record<string, unknown>> = {}): Generator<string> {
  const { name, vertices, edges, calls, origin } = analyzed;
  yield `${JSON.stringify({ name, vertices, edges }).slice(0, -1)},"regions":[`;
  yield* inPieces(regionJson(analyzed));
  yield `],${JSON.stringify({ calls, origin, ...more }).slice(1)}`;
}

function* regionJson({ graph, regions }: AnalyzedGraph): Generator<string> {
  for (let region = 0; region < regions.count; region++) {
    const members = regionMembers(regions, region);
    const ids = JSON.stringify(vertexIds(graph, members));
    yield `${region === 0 ? "" : ","}{"id":${JSON.stringify(regionId(region))},"vertices":${ids},"subtasks":[`;
    yield* subtaskJson(graph, members);
    yield "]}";
  }
}

/** Puts many small texts together into fewer large ones. */
export function* inPieces(texts: Iterable<string>): Generator<string> {
  let piece = "";
  for (const text of texts) {
    piece += text;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

/** JSON strings of subtask ids, with commas between. `subtasks` are subtask numbers, ascending. */
export function* subtaskJson(graph: ExecutionGraph, subtasks: Iterable<number>): Generator<string> {
  let vertex = -1;
  let prefix = "";
  let comma = "";
  for (const subtask of subtasks) {
    if (vertex < 0 || subtask >= graph.offsets[vertex + 1]) {
      vertex = vertexOfSubtask(graph, subtask);
      prefix = JSON.stringify(subtaskId(graph.topology.vertices[vertex].id, 0)).slice(0, -2);
    }
    yield `${comma}${prefix}${subtask - graph.offsets[vertex]}"`;
    comma = ",";
  }
}

function vertexIds(graph: ExecutionGraph, members: Int32Array): string[] {
  const ids: string[] = [];
  for (let i = 0; i < members.length;) {
    const vertex = vertexOfSubtask(graph, members[i]);
    ids.push(graph.topology.vertices[vertex].id);
    while (i < members.length && members[i] < graph.offsets[vertex + 1]) i++;
  }
  return ids;
}
