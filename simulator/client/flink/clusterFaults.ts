/** Faults on a Flink cluster that was started for an experiment: on its processes, and on their links to the services beside it. */
import { FaultInjector } from "../../cluster/faultInjector";
import type { FaultMessage } from "../../cluster/faultPerformer";
import { FLINK_PROCESS_FAULTS } from "../../faults/parseFlinkExperiment";
import { taskManagerProcess } from "../../flink/failoverEpisode";
import { JOB_MANAGER } from "../../flink/jobHistory";
import type { ClusterProcess, StandaloneCluster } from "../../flink/standaloneCluster";
import { FaultlineError } from "../../graph/errors";
import type { JournalEventBody } from "../../observe/journalEvent";
import type { FaultRequest } from "../run";
import type { FlinkLinkFaults } from "./linkFaults";

/** Targets are written as for a run of this machine; the journal has the names by which Flink knows its processes. */
export class ClusterFaults {
  private readonly injector: FaultInjector;

  constructor(
    /** `undefined` for one that is there: then only links to services can be hit. */
    private readonly cluster: StandaloneCluster | undefined,
    /** As `flinkTargets` names them, whether they run at the moment or not. */
    targets: readonly string[],
    links: FlinkLinkFaults,
    append: (body: JournalEventBody) => void,
  ) {
    this.injector = new FaultInjector(
      {
        targets: () => targets,
        // "coordinator" would be this very process to the injector.
        processOf: (target) => (target === "coordinator" ? JOB_MANAGER : target),
        carrierOf: () => undefined,
        // Links are hit in this process.
        pidOf: (process) => (this.cluster === undefined ? globalThis.process.pid : this.processOf(process)?.pid),
        isThere: (pid) => (this.cluster?.all() ?? []).some((one) => one.pid === pid),
        journal: (body) => append(body.kind === "fault.injected" ? this.inFlinkNames(body) : body),
        flushJournal: () => undefined,
        perform: (process, order) => links.perform(process, order),
        endPerforming: (process, order) => links.end(process, order.injection),
        damageCheckpoint: () => {
          throw new Error("checkpoints of Flink are not in reach");
        },
      },
      1,
    );
  }

  /** @throws FaultlineError FL1030 to FL1033 */
  inject({ fault, target, parameters = {}, by = "schedule", pick }: FaultRequest): void {
    if (!target.startsWith("link:") && !FLINK_PROCESS_FAULTS.has(fault)) {
      throw FaultlineError.of(
        "FL1030",
        `"${fault}" cannot act on a process of a real Flink.`,
        `These can: ${[...FLINK_PROCESS_FAULTS].join(", ")}.`,
      );
    }
    this.injector.inject(fault, target, parameters, { by, ...(pick === undefined ? {} : { pick }) });
  }

  heal(): void {
    this.injector.heal("end");
  }

  onExit({ role, pid }: ClusterProcess, how: string): void {
    this.injector.onProcessGone(role === "jobmanager" ? JOB_MANAGER : `taskmanager:${role}`, pid, how);
  }

  onLinkMessage(message: FaultMessage): void {
    switch (message.kind) {
      case "faultEffective":
        return this.injector.onEffect(message.injection, message.evidence);
      case "faultFailed":
        return this.injector.onFailed(message.injection, message.cause);
      case "faultOver":
        return this.injector.onOver(message.injection);
      case "faultEnded":
        return this.injector.onEnded(message.injection);
    }
  }

  private processOf(name: string): ClusterProcess | undefined {
    const index = /^taskmanager:(\d+)$/.exec(name)?.[1];
    if (name === JOB_MANAGER || name === "coordinator") return this.cluster?.process("jobmanager");
    return index === undefined ? undefined : this.cluster?.process(Number(index));
  }

  private inFlinkNames(body: JournalEventBody & { readonly kind: "fault.injected" }): JournalEventBody {
    const flinkName = (name: string): string => {
      const found = this.processOf(name);
      return found === undefined
        ? name
        : found.role === "jobmanager"
          ? JOB_MANAGER
          : taskManagerProcess(found.resourceId);
    };
    const target = body.target.startsWith("link:")
      ? `link:${body.target.slice("link:".length).split("->").map(flinkName).join("->")}`
      : flinkName(body.target);
    return { ...body, target };
  }
}
