/** Random faults for the fuzzer: at any time, and right after the events where things go wrong most easily. */
import type { JobSpec } from "../graph/jobFile";
import { buildJobGraph } from "../graph/jobGraph";
import type { JournalEventBody } from "../observe/journalEvent";
import type { Chance } from "./chance";
import { METADATA } from "./virtualDisk";
import type { FaultTrigger, ScheduledFault, VirtualFault } from "./faultSchedule";

const EVENTS: readonly { readonly event: JournalEventBody["kind"]; readonly to?: string }[] = [
  { event: "checkpoint.triggered" },
  { event: "checkpoint.triggered", to: "final" },
  { event: "checkpoint.completed" },
  { event: "checkpoint.failed" },
  { event: "failover" },
  { event: "failover.finished" },
  { event: "failure" },
  { event: "process.connected" },
  { event: "process.lost" },
  { event: "task.state" },
  { event: "task.state", to: "CREATED" },
  { event: "task.state", to: "INITIALIZING" },
  { event: "task.state", to: "CANCELING" },
  { event: "task.state", to: "FINISHED" },
  { event: "task.state", to: "FINISHED" },
  { event: "instance.phase" },
  { event: "instance.phase", to: "READY" },
  { event: "service.endpoints" },
  { event: "job.state" },
  { event: "job.state", to: "RUNNING" },
  { event: "run.stopping" },
  { event: "coordinator.recovered" },
];

/** How long the job takes when nothing goes wrong, about: faults after that hit nothing. */
export function expectedDurationMs(job: JobSpec): number {
  let longest = 500;
  for (const operator of job.operators) {
    if (operator.kind !== "source") continue;
    const { limit = 200, ratePerSecond = 1000 } = operator.source;
    longest = Math.max(longest, (1000 * limit) / ratePerSecond);
  }
  return longest + 1_500;
}

export function randomSchedule(chance: Chance, job: JobSpec): ScheduledFault[] {
  const horizonMs = expectedDurationMs(job);
  const faults: ScheduledFault[] = [];
  const count = chance.pick([0, 1, 2, 2, 3, 4, 6, 9, 14]);
  for (let index = 0; index < count; index++) {
    const fault = randomFault(chance, job);
    if (fault === undefined) continue;
    const when = randomTrigger(chance, horizonMs);
    faults.push({ when, fault });
    // A second blow while the first one is dealt with.
    if (chance.yes(0.15)) faults.push({ when: "atMs" in when ? { atMs: when.atMs + chance.whole(0, 300) } : { ...when, delayMs: when.delayMs + chance.whole(0, 300) }, fault: randomFault(chance, job) ?? fault });
  }
  if (chance.yes(0.1)) faults.push(...blowsAtTheEnd(chance, job));
  faults.push(...faultsOfDiskAndLinks(chance.fork("disk and links"), job));
  const endless = job.operators.some((operator) => operator.kind === "source" && operator.source.limit === undefined);
  if (endless || chance.yes(0.08)) {
    const mode = chance.yes(endless ? 0.8 : 0.5) ? "drain" : "cancel";
    const atMs = Math.round(chance.between(0, horizonMs));
    faults.push({ when: { atMs }, fault: { kind: "stop", mode } });
    // A stop that finds no coordinator is asked for again, as people do.
    if (endless) for (const later of [20_000, 60_000]) faults.push({ when: { atMs: atMs + later }, fault: { kind: "stop", mode: "drain" } });
  }
  return faults;
}

/** Checkpoints that cannot be written, or not be read when somebody wants them; TaskManagers that cannot reach one another. */
function faultsOfDiskAndLinks(chance: Chance, job: JobSpec): ScheduledFault[] {
  const faults: ScheduledFault[] = [];
  const { taskManagers } = job.runtime;
  const horizonMs = expectedDurationMs(job);
  for (let left = chance.pick([0, 0, 0, 1, 1, 2, 3]); left > 0; left--) {
    const forMs = 1 + Math.round(chance.exponential(chance.pick([50, 1_000, 5_000, 15_000])));
    const file = chance.yes(0.3) ? METADATA : randomTask(chance, job);
    switch (chance.whole(0, 4)) {
      case 0:
        faults.push({ when: randomTrigger(chance, horizonMs), fault: { kind: "disk-full", forMs } });
        break;
      case 1:
        if (taskManagers < 2) break;
        faults.push({
          when: randomTrigger(chance, horizonMs),
          fault: { kind: "data-partition", from: "taskmanager:0", to: `taskmanager:${chance.whole(1, taskManagers - 1)}`, forMs },
        });
        break;
      default: {
        // What is damaged shows when somebody reads it: who does so is the next blow.
        const torn = chance.yes(0.5);
        const nth = chance.whole(1, 6);
        const event = torn ? "checkpoint.triggered" : "checkpoint.completed";
        faults.push({ when: { event, nth, delayMs: 0 }, fault: { kind: torn ? "torn-file" : "damaged-file", file, forMs } });
        const reader: VirtualFault =
          file === METADATA || chance.yes(0.2)
            ? { kind: "crash", process: "coordinator" }
            : chance.pick<VirtualFault>([
                { kind: "poison", task: file },
                { kind: "crash", process: `taskmanager:${chance.whole(0, taskManagers - 1)}` },
              ]);
        if (chance.yes(0.8)) faults.push({ when: { event: "checkpoint.completed", nth, delayMs: chance.whole(0, 60) }, fault: reader });
      }
    }
  }
  return faults;
}

/** Some tasks have finished, others fail, and when the last checkpoint is taken once more everything begins again. */
function blowsAtTheEnd(chance: Chance, job: JobSpec): ScheduledFault[] {
  const process = `taskmanager:${chance.whole(0, job.runtime.taskManagers - 1)}`;
  const last = chance.whole(2, 3);
  return [
    { when: { event: "task.state", to: "FINISHED", nth: chance.whole(1, 6), delayMs: 0 }, fault: { kind: "crash", process } },
    { when: { event: "checkpoint.triggered", to: "final", nth: last, delayMs: chance.whole(5, 60) }, fault: { kind: "crash", process: "coordinator" } },
  ];
}

function randomTrigger(chance: Chance, horizonMs: number): FaultTrigger {
  if (chance.yes(0.45)) return { atMs: Math.round(chance.between(0, horizonMs)) };
  return {
    ...chance.pick(EVENTS),
    nth: chance.yes(0.6) ? chance.whole(1, 3) : chance.whole(1, 30),
    delayMs: chance.yes(0.3) ? 0 : Math.round(10 * chance.exponential(chance.pick([1, 20, 200]))) / 10,
  };
}

function randomFault(chance: Chance, job: JobSpec): VirtualFault | undefined {
  const { taskManagers } = job.runtime;
  const manager = (): string => `taskmanager:${chance.whole(0, taskManagers - 1)}`;
  const owned = job.services.filter((service) => service.deployment === "rpc-service" || service.deployment === "sidecar");
  const instance = (): string => {
    const service = chance.pick(owned);
    return `${service.id}#${chance.whole(0, service.parallelism - 1)}`;
  };
  const anyProcess = (): string => {
    if (chance.yes(0.2)) return "coordinator";
    return owned.length > 0 && chance.yes(0.5) ? `service:${instance()}` : manager();
  };
  const worker = (): string => (owned.length > 0 && chance.yes(0.5) ? `service:${instance()}` : manager());
  const forMs = Math.round(chance.exponential(chance.pick([50, 1_000, 5_000, 15_000])));
  switch (chance.whole(0, 17)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return { kind: "crash", process: anyProcess() };
    case 4:
      return { kind: "terminate", process: anyProcess() };
    case 5:
    case 6:
      return { kind: "hang", process: anyProcess(), forMs };
    case 7:
      return { kind: "crash-mid-step", commands: chance.whole(0, 4) };
    case 8:
      return { kind: "reset", process: worker() };
    case 9:
      return { kind: "black-hole", process: worker(), forMs };
    case 10:
      return taskManagers < 2 ? undefined : { kind: "data-reset", from: "taskmanager:0", to: `taskmanager:${chance.whole(1, taskManagers - 1)}` };
    case 11:
      return { kind: "poison", task: randomTask(chance, job) };
    case 12:
      return { kind: "state-error", task: randomTask(chance, job) };
    case 13:
      return { kind: "storage-error" };
    case 14:
      return { kind: "slow-storage", forMs };
    case 15:
      return owned.length === 0 ? undefined : { kind: "device-lost", instance: instance() };
    case 16: {
      const scalable = job.services.filter((service) => service.deployment === "rpc-service");
      return scalable.length === 0 ? undefined : { kind: "scale", service: chance.pick(scalable).id, parallelism: chance.whole(1, 4) };
    }
    default:
      return { kind: "checkpoint" };
  }
}

function randomTask(chance: Chance, job: JobSpec): string {
  const vertex = chance.pick(buildJobGraph(job).vertices.filter(({ kind }) => kind === "stream"));
  return `${vertex.id}#${chance.whole(0, vertex.parallelism - 1)}`;
}
