/** Faults on a worker's link to the coordinator: the control connection is led through a relay of the worker's own. */
import { rmSync } from "node:fs";
import type { WorkerConnection } from "../workerConnection";
import type { LinkFaultTable } from "./linkFaultTable";
import { LinkRelay } from "./linkRelay";

/** Stays in place once it was needed: going back would let later messages overtake earlier ones. */
export class CoordinatorLink {
  private relay: Promise<LinkRelay> | undefined;

  constructor(
    private readonly socket: string,
    private readonly ownSocket: string,
    private readonly faults: LinkFaultTable,
    private readonly connection: () => WorkerConnection,
  ) {}

  onChanged(): void {
    if (this.relay !== undefined) {
      void this.relay.then((relay) => relay.rulesChanged());
      return;
    }
    rmSync(this.ownSocket, { force: true });
    this.relay = LinkRelay.open({ path: this.socket }, this.faults.rulesOf("coordinator"), this.ownSocket);
    void this.relay.then(() => this.connection().moveTo(this.ownSocket));
  }
}
