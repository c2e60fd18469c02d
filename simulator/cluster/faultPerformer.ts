/** Carries out the faults that a process does to itself: what each one does is given by the process, by the fault's name. */
import type { FaultOrder } from "../faults/faultDefinition";
import type { Cause } from "../observe/journalEvent";

export interface FaultObserver {
  /** The fault was seen to do what it is for. Only the first counts. */
  effective(evidence: string): void;
  failed(message: string): void;
  /** It has done all that it was to do. */
  over(): void;
}

/** Begins the fault, and gives what ends it. May throw an Error with a sentence: then the fault could not act. */
export type FaultWork = (order: FaultOrder, observer: FaultObserver) => (() => void) | void;
export type FaultWorks = Readonly<Record<string, FaultWork>>;

export type FaultMessage =
  | { readonly kind: "faultEffective"; readonly injection: number; readonly evidence: string }
  | { readonly kind: "faultFailed"; readonly injection: number; readonly cause: Cause }
  | { readonly kind: "faultOver"; readonly injection: number }
  /** What the coordinator asked to end has ended here. */
  | { readonly kind: "faultEnded"; readonly injection: number };

export class FaultPerformer {
  private readonly ends = new Map<number, () => void>();

  constructor(
    private readonly works: FaultWorks,
    private readonly send: (message: FaultMessage) => void,
  ) {}

  perform(order: FaultOrder): void {
    const { injection, fault, target } = order;
    let seen = false;
    const failed = (message: string): void => {
      this.ends.delete(injection);
      this.send({ kind: "faultFailed", injection, cause: { code: "FL1033", message: `"${fault}" could not act on ${target}: ${message}` } });
    };
    const observer: FaultObserver = {
      effective: (evidence) => {
        if (seen) return;
        seen = true;
        this.send({ kind: "faultEffective", injection, evidence });
      },
      failed,
      over: () => {
        this.ends.get(injection)?.();
        this.ends.delete(injection);
        this.send({ kind: "faultOver", injection });
      },
    };
    const work = this.works[fault];
    if (work === undefined) return failed("nothing in this process can carry it out.");
    try {
      const end = work(order, observer);
      if (end !== undefined) this.ends.set(injection, end);
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
  }

  end(injection: number): void {
    const end = this.ends.get(injection);
    this.ends.delete(injection);
    end?.();
    this.send({ kind: "faultEnded", injection });
  }
}
