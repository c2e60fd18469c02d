/**
 * Services that call each other in a circle. An instance runs one request at a time and waits for the answers of those it calls: when the
 * circle is closed each waits for the other, for ever. FLIP-582's `RpcTask` has the same single-threaded loop.
 */

/**
 * A request on its way through services: `chain` are the services that wait for it. Says which circle it closes, if it does, when
 * `service` is to run it.
 */
export function closesCallCycle(chain: readonly string[], service: string): readonly string[] | undefined {
  const at = chain.indexOf(service);
  return at < 0 ? undefined : [...chain.slice(at), service];
}
