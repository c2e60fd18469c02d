/** Many subtasks in few words: `map#0-3, sink#0, sink#2`. */
import { vertexOfSubtask, type ExecutionGraph } from "./executionGraph";

export interface SubtaskRange {
  readonly vertexId: string;
  readonly first: number;
  readonly last: number;
}

/** Runs of neighbouring subtasks; `subtasks` are subtask numbers, ascending. */
export function subtaskRanges(graph: ExecutionGraph, subtasks: Iterable<number>): SubtaskRange[] {
  const ranges: { vertexId: string; first: number; last: number }[] = [];
  let vertex = -1;
  let previous = -1;
  for (const subtask of subtasks) {
    if (vertex < 0 || subtask >= graph.offsets[vertex + 1]) vertex = vertexOfSubtask(graph, subtask);
    const index = subtask - graph.offsets[vertex];
    if (subtask === previous + 1 && index > 0 && ranges.length > 0) ranges[ranges.length - 1].last = index;
    else ranges.push({ vertexId: graph.topology.vertices[vertex].id, first: index, last: index });
    previous = subtask;
  }
  return ranges;
}

/** `map#0-3, sink#0`; after `most` ranges the rest is counted. */
export function formatSubtasks(
  graph: ExecutionGraph,
  subtasks: Iterable<number>,
  most = 20,
  nameOf: (vertexId: string) => string = (id) => id,
): string {
  const ranges = subtaskRanges(graph, subtasks);
  const shown = ranges
    .slice(0, most)
    .map(({ vertexId, first, last }) => `${nameOf(vertexId)}#${first}${first === last ? "" : `-${last}`}`);
  if (ranges.length > most) shown.push(`and ${ranges.length - most} more`);
  return shown.join(", ");
}
