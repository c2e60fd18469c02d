/**
 * Services that call each other in a circle. An instance runs one request at a time and waits for the answers of those it calls: when the
 * circle is closed each waits for the other, for ever. FLIP-582's `RpcTask` has the same single-threaded loop.
 */

/** The first cycle in the order of the services, as the way round (`["a", "b", "a"]`); `undefined` when there is none. */
export function findServiceCallCycle(
  services: readonly { readonly id: string; readonly calls: readonly string[] }[],
): readonly string[] | undefined {
  const callsOf = new Map(services.map(({ id, calls }) => [id, calls]));
  const done = new Set<string>();
  for (const { id } of services) {
    // Depth first without recursion: `path` is the way from `id`, `next` which call of each service on it comes next.
    const path: string[] = [id];
    const next: number[] = [0];
    const position = new Map([[id, 0]]);
    while (path.length > 0) {
      const at = path.length - 1;
      const service = path[at] ?? "";
      const called = done.has(service) ? undefined : callsOf.get(service)?.[next[at] ?? 0];
      if (called === undefined) {
        done.add(service);
        position.delete(service);
        path.pop();
        next.pop();
        continue;
      }
      next[at] = (next[at] ?? 0) + 1;
      const before = position.get(called);
      if (before !== undefined) return [...path.slice(before), called];
      position.set(called, path.length);
      path.push(called);
      next.push(0);
    }
  }
  return undefined;
}

/**
 * A request on its way through services: `chain` are the services that wait for it. Says which circle it closes, if it does, when
 * `service` is to run it.
 */
export function closesCallCycle(chain: readonly string[], service: string): readonly string[] | undefined {
  const at = chain.indexOf(service);
  return at < 0 ? undefined : [...chain.slice(at), service];
}
