/** Finds vertices, operators and subtasks (`classify#1`) by name, and what hangs together with a vertex. */
import type { Picture } from "./model/picture";
import type { PictureElement } from "./protocol";

export function findElements(picture: Picture, text: string): PictureElement[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  const subtask = /^(.*)#(\d+)$/.exec(wanted);
  const found: { readonly rank: number; readonly element: PictureElement }[] = [];
  for (const vertex of picture.graph.vertices) {
    const names = [vertex.id, vertex.name, ...vertex.operators.flatMap((operator) => [operator.id, operator.name])].map(
      (name) => name.toLowerCase(),
    );
    if (subtask !== null) {
      const index = Number(subtask[2]);
      if (index < vertex.parallelism && names.some((name) => name.includes(subtask[1]))) {
        found.push({
          rank: names.includes(subtask[1]) ? 0 : 1,
          element: { kind: "subtask", vertex: vertex.id, index },
        });
      }
    }
    const rank = names.includes(wanted)
      ? 0
      : names.some((name) => name.startsWith(wanted))
        ? 1
        : names.some((name) => name.includes(wanted))
          ? 2
          : undefined;
    if (rank !== undefined) found.push({ rank, element: { kind: "vertex", vertex: vertex.id } });
  }
  return found.sort((a, b) => a.rank - b.rank).map(({ element }) => element);
}

/** A vertex with everything upstream and downstream of it, over data edges and calls. */
export function reachable(picture: Picture, vertex: string): ReadonlySet<string> {
  const found = new Set([vertex]);
  for (const next of [picture.out, picture.in]) {
    const open = [vertex];
    const seen = new Set(open);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const neighbour of next.get(at) ?? []) {
        if (seen.has(neighbour)) continue;
        seen.add(neighbour);
        found.add(neighbour);
        open.push(neighbour);
      }
    }
  }
  return found;
}
