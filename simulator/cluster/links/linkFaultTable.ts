/** The faults that are on the links of this process, by the process at the other end. */
import type { FaultOrder } from "../../faults/faultDefinition";
import { parseFaultTarget } from "../../faults/faultTarget";
import type { ProcessName } from "../../observe/journalEvent";
import type { FaultObserver, FaultWork, FaultWorks } from "../faultPerformer";
import { watchHealFile } from "./healFile";
import type { RelayRules } from "./linkRelay";
import type { LinkRule } from "./linkShaper";

interface LinkFault {
  readonly peer: ProcessName;
  readonly out: boolean;
  readonly in: boolean;
  readonly rule: LinkRule;
}

export const LINK_FAULT_NAMES = ["latency", "bandwidth", "reset", "black-hole", "slicing"];

export class LinkFaultTable {
  private readonly faults = new Set<LinkFault>();

  constructor(
    private readonly self: ProcessName,
    private readonly runDirectory: string,
    private readonly endFault: (injection: number) => void,
    /** The rules on the link to this process have changed. May throw where there is no such link. */
    private readonly onChanged: (peer: ProcessName) => void,
  ) {}

  works(): FaultWorks {
    const work: FaultWork = (order, observer) => this.begin(order, observer);
    return Object.fromEntries(LINK_FAULT_NAMES.map((name) => [name, work]));
  }

  isHit(peer: ProcessName): boolean {
    return [...this.faults].some((fault) => fault.peer === peer);
  }

  rulesOf(peer: ProcessName): RelayRules {
    const rules = (direction: "in" | "out"): readonly LinkRule[] =>
      [...this.faults].filter((fault) => fault.peer === peer && fault[direction]).map(({ rule }) => rule);
    return { out: () => rules("out"), in: () => rules("in") };
  }

  private begin({ injection, fault, target, parameters }: FaultOrder, observer: FaultObserver): () => void {
    const link = parseFaultTarget(target);
    if (link?.kind !== "link") throw new Error(`${target} is no link.`);
    const forward = parameters.direction !== "backward";
    const backward = parameters.direction !== "forward";
    const isFirst = link.from === this.self;
    const peer = isFirst ? link.to : link.from;
    let resets = Number(parameters.resets ?? 0);
    const hit: LinkFault = {
      peer,
      out: isFirst ? forward : backward,
      in: isFirst ? backward : forward,
      rule: {
        fault,
        parameters,
        seen: (evidence) => observer.effective(`${target}: ${evidence}`),
        onReset: () => {
          if (--resets === 0) observer.over();
        },
      },
    };
    this.faults.add(hit);
    this.onChanged(peer);
    const stopWatching = peer === "coordinator" ? watchHealFile(this.runDirectory, injection, () => this.endFault(injection)) : undefined;
    return () => {
      stopWatching?.();
      if (this.faults.delete(hit)) this.onChanged(peer);
    };
  }
}
