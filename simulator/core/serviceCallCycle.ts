/**
 * Services that call each other in a circle. An instance runs one request at a time and waits for the answers of those it calls: when the
 * circle is closed each waits for the other, for ever. FLIP-582's `RpcTask` has the same single-threaded loop.
 */

/**
 * A request on its way through services: `chain` are the services that wait for it. Says which circle it closes, if it does, when
 * `service` is to run it. An entry is a service, or an instance of it (`rank#1`): what counts is the service, since another of its instances may
 * wait for the same as well.
 */
export function closesCallCycle(chain: readonly string[], service: string): readonly string[] | undefined {
  const at = chain.findIndex((entry) => entry.replace(/#\d+$/, "") === service);
  return at < 0 ? undefined : [...chain.slice(at), service];
}
