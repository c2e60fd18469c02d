/** A connection to a Flink cluster, for those who show it and do not follow a job. */
import { FlinkRestClient } from "../flink/restClient";
import type { ClusterAddress } from "../flink/restTransport";

/** @throws FaultlineError FL5001 to FL5009 */
export function connectFlink(address: ClusterAddress): Promise<FlinkRestClient> {
  return FlinkRestClient.connect(address);
}
