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
    const rules = this.faults.rulesOf("coordinator");
    // Faults begin once the connection is there: swallowed while it is made, the one before would stay in use.
    let moved = false;
    this.relay = LinkRelay.open({ path: this.socket }, { out: () => (moved ? rules.out() : []), in: () => (moved ? rules.in() : []) }, this.ownSocket);
    void this.relay.then((relay) =>
      this.connection().moveTo(this.ownSocket, () => {
        moved = true;
        relay.rulesChanged();
      }),
    );
  }
}
