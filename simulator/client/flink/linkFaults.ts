/** Faults of the links between the TaskManagers of a Flink cluster and the services beside it, carried out by the relays in front of the instances. */
import type { Socket } from "node:net";
import { FaultPerformer, type FaultMessage } from "../../cluster/faultPerformer";
import { LinkFaultTable } from "../../cluster/links/linkFaultTable";
import type { RelayRules } from "../../cluster/links/linkRelay";
import type { LinkRule } from "../../cluster/links/linkShaper";
import type { FaultOrder } from "../../faults/faultDefinition";
import { KNOWS_OWNERS, ownerOfConnection } from "./socketOwner";

interface TaskManagerLinks {
  readonly table: LinkFaultTable;
  readonly performer: FaultPerformer;
}

export interface LinkFaultsHost {
  /** Processes of the TaskManagers that run, by number; none where they are not of this machine. */
  taskManagerPids(): ReadonlyMap<number, number>;
  send(message: FaultMessage): void;
  /** The rules in front of an instance have changed. */
  rulesChanged(instance: string): void;
}

const NO_RULES: readonly LinkRule[] = [];

export class FlinkLinkFaults {
  private readonly links = new Map<string, TaskManagerLinks>();

  constructor(
    private readonly folder: string,
    private readonly host: LinkFaultsHost,
  ) {}

  /** @param process `taskmanager:0` */
  perform(process: string, order: FaultOrder): void {
    this.linksOf(process).performer.perform(order);
  }

  end(process: string, injection: number): void {
    this.linksOf(process).performer.end(injection);
  }

  /** For a connection as it comes in: the faults between its TaskManager and the instance. */
  rulesOf(instance: string, near: Socket): RelayRules {
    const isTold = KNOWS_OWNERS && this.host.taskManagerPids().size > 0;
    const caller = isTold ? this.callerOf(near) : undefined;
    const rules = (direction: "in" | "out"): readonly LinkRule[] => {
      if (this.links.size === 0) return NO_RULES;
      const named = caller === undefined ? undefined : this.links.get(caller);
      // Where it cannot be told who calls, it may be any of them.
      const tables = isTold ? (named === undefined ? [] : [named]) : [...this.links.values()];
      return tables.flatMap(({ table }) => table.rulesOf(`service:${instance}`)[direction]());
    };
    return { out: () => rules("out"), in: () => rules("in") };
  }

  private callerOf({ remotePort, localPort }: Socket): string | undefined {
    const pids = this.host.taskManagerPids();
    const pid = ownerOfConnection(remotePort ?? 0, localPort ?? 0, [...pids.values()]);
    const found = pid === undefined ? undefined : [...pids].find(([, one]) => one === pid);
    return found === undefined ? undefined : `taskmanager:${found[0]}`;
  }

  private linksOf(process: string): TaskManagerLinks {
    const known = this.links.get(process);
    if (known !== undefined) return known;
    const changed = (peer: string): void => this.host.rulesChanged(peer.replace(/^service:/, ""));
    const table = new LinkFaultTable(process, this.folder, (injection) => this.end(process, injection), changed);
    const made = { table, performer: new FaultPerformer(table.works(), (message) => this.host.send(message)) };
    this.links.set(process, made);
    return made;
  }
}
