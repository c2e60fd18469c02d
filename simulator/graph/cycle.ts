/** Finds one cycle of a directed graph, without recursion. */

/** Nodes of a cycle in order (the first is not repeated), or `undefined` when there is none. Costs nodes + edges. */
export function findCycle<T>(nodes: readonly T[], successors: (node: T) => readonly T[]): readonly T[] | undefined {
  const finished = new Set<T>();
  const positionOnPath = new Map<T, number>();
  for (const start of nodes) {
    if (finished.has(start)) continue;
    const path: { readonly node: T; readonly next: readonly T[]; at: number }[] = [];
    const enter = (node: T): void => {
      positionOnPath.set(node, path.length);
      path.push({ node, next: successors(node), at: 0 });
    };
    enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      if (top.at >= top.next.length) {
        path.pop();
        positionOnPath.delete(top.node);
        finished.add(top.node);
        continue;
      }
      const next = top.next[top.at++];
      const position = positionOnPath.get(next);
      if (position !== undefined) return path.slice(position).map((step) => step.node);
      if (!finished.has(next)) enter(next);
    }
  }
  return undefined;
}
