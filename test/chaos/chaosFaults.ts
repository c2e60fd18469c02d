/** The blows of a chaos run: what is done to which processes, when, and the proof from outside that it was done. */
import { openRun } from "../../simulator/client/openRun";
import { nextRandom } from "../../simulator/core/seededRandom";
import type { SeededRandom } from "../../simulator/core/seededRandom";
import { FaultlineError } from "../../simulator/graph/errors";
import { until } from "../process/faultlineCli";
import type { RunUnderTest } from "../process/faultlineCli";
import type { ChaosJob } from "./chaosJob";
import {
  blockNextCheckpoints,
  completeCheckpoints,
  damageNewest,
  isCheckpointUnderWay,
  unblock,
} from "./checkpointFolders";
import { linksReset } from "./linkReset";
import { isAlive, isStopped, runProcesses } from "./runProcesses";

export const BLOWS = [
  "crash",
  "terminate",
  "hang",
  "hang and heal",
  "coordinator crash",
  "coordinator pause",
  "coordinator twice",
  "coordinator and TaskManager",
  "both TaskManagers",
  "services and TaskManager",
  "during restart",
  "during recovery",
  "during checkpoint",
  "coordinator during checkpoint",
  "coordinator before completion",
  "damaged checkpoint",
  "hung TaskManager and coordinator",
  "link reset",
  "checkpoint storage error",
] as const;
export type BlowKind = (typeof BLOWS)[number];

/** Decided by the seed alone, before the run begins. */
export interface Blow {
  readonly kind: BlowKind;
  readonly target: string;
  readonly otherTarget: string;
  /** 0 to 1. */
  readonly chance: number;
  /** What the next blow waits for. */
  readonly then: "checkpoint" | "finished task" | "running" | "nothing";
}

/** Faults that a blow of the kind consists of. */
export function faultsOf(kind: BlowKind, instances: readonly string[]): number {
  switch (kind) {
    case "services and TaskManager":
      return instances.length + 1;
    case "coordinator twice":
    case "coordinator and TaskManager":
    case "both TaskManagers":
    case "during restart":
    case "during recovery":
    case "damaged checkpoint":
    case "hung TaskManager and coordinator":
      return 2;
    default:
      return 1;
  }
}

const NEEDS_CHECKPOINTS: ReadonlySet<BlowKind> = new Set([
  "during checkpoint",
  "coordinator during checkpoint",
  "coordinator before completion",
  "damaged checkpoint",
  "checkpoint storage error",
]);

/** Blows with together at least so many faults. */
export function planBlows(
  random: SeededRandom,
  faults: number,
  { instances, batch }: Pick<ChaosJob, "instances" | "batch">,
): Blow[] {
  const blows: Blow[] = [];
  let kinds: BlowKind[] = [];
  for (let planned = 0; planned < faults;) {
    // Every kind comes once before any comes again.
    if (kinds.length === 0) {
      kinds = BLOWS.filter(
        (kind) =>
          (kind !== "services and TaskManager" || instances.length > 0) && !(batch && NEEDS_CHECKPOINTS.has(kind)),
      );
    }
    const [kind] = kinds.splice(Math.floor(nextRandom(random) * kinds.length), 1);
    const taskManager = Math.floor(nextRandom(random) * 2);
    const workers = ["taskmanager:0", "taskmanager:1", ...instances.map((instance) => `service:${instance}`)];
    const any = workers[Math.floor(nextRandom(random) * workers.length)];
    const alone = ["crash", "terminate", "hang", "hang and heal"].includes(kind);
    const chance = nextRandom(random);
    const toss = nextRandom(random);
    const then = toss < 0.5 ? (batch ? "finished task" : "checkpoint") : toss < 0.8 ? "running" : "nothing";
    blows.push({
      kind,
      target: alone ? any : `taskmanager:${taskManager}`,
      otherTarget: `taskmanager:${1 - taskManager}`,
      chance,
      then,
    });
    planned += faultsOf(kind, instances);
  }
  return blows;
}

export class RunIsOver extends Error {}

/** Strikes one run. Every method that strikes returns how many faults took effect, as seen in /proc. */
export class Striker {
  constructor(
    private readonly run: RunUnderTest,
    private readonly instances: readonly string[],
    private readonly batch: boolean,
  ) {}

  async strike({ kind, target, otherTarget, chance }: Blow): Promise<number> {
    switch (kind) {
      case "crash":
      case "terminate":
        return this.inject(kind, target);
      case "coordinator crash":
        return this.inject(chance < 0.5 ? "crash" : "terminate", "coordinator");
      case "hang":
        return this.inject("hang", target);
      case "hang and heal": {
        const struck = await this.inject("hang", target);
        await pause(chance * 1_000);
        await (await openRun(this.run.directory)).heal();
        return struck;
      }
      case "coordinator pause": {
        const pid = await this.pidOf("coordinator");
        process.kill(pid, "SIGSTOP");
        await until(() => isStopped(pid), "the coordinator is stopped", 5_000);
        await pause(chance * 3_500);
        process.kill(pid, "SIGCONT");
        return 1;
      }
      case "coordinator twice": {
        const first = await this.kill(["coordinator"]);
        await pause(chance * 400);
        return first + (await this.kill(["coordinator"]));
      }
      case "coordinator and TaskManager":
        return this.kill(["coordinator", target]);
      case "both TaskManagers":
        return this.kill([target, otherTarget]);
      case "services and TaskManager":
        return this.kill([target, ...this.instances.map((instance) => `service:${instance}`)]);
      case "during restart": {
        const seen = this.seen();
        const first = await this.kill([target]);
        // Its successor is started: a failover is under way, or a takeover that had begun before.
        await this.run.event("process.started", (event) => event.seq >= seen && event.process === target);
        await pause(chance * 300);
        return first + (await this.kill([otherTarget]));
      }
      case "during recovery": {
        const seen = this.seen();
        const first = await this.kill(["coordinator"]);
        await this.run.event("coordinator.recovered", (event) => event.seq >= seen);
        await pause(chance * 200);
        return first + (await this.kill([target]));
      }
      case "during checkpoint":
        return this.kill([target], () => isCheckpointUnderWay(this.run.directory));
      case "coordinator during checkpoint":
        return this.kill(["coordinator"], () => isCheckpointUnderWay(this.run.directory));
      case "coordinator before completion": {
        // Every task does its part of the checkpoint; nobody is there to complete it.
        const pid = await this.pidOf("coordinator");
        await untilEvent(() => this.over || isCheckpointUnderWay(this.run.directory));
        process.kill(pid, "SIGSTOP");
        await pause(100 + chance * 400);
        return this.kill(["coordinator"]);
      }
      case "damaged checkpoint":
        return this.damageNewestCheckpoint(chance);
      case "hung TaskManager and coordinator": {
        const pid = await this.pidOf(target);
        process.kill(pid, "SIGSTOP");
        await until(() => isStopped(pid), `${target} is stopped`, 5_000);
        return 1 + (await this.kill(["coordinator"]));
      }
      case "link reset":
        return this.resetLinks(target);
      case "checkpoint storage error":
        return this.failCheckpointStorage();
    }
  }

  /**
   * Strikes while the job is finishing: its sources are at their end, and the last checkpoint is due; in batch, a sink has finished and nothing is
   * committed. It may be over before it is hit.
   */
  async strikeAtTheEnd(targets: readonly string[]): Promise<number> {
    const since = this.seen();
    const ending = this.batch
      ? this.run.event(
          "task.state",
          ({ seq, task, to }) => seq >= since && to === "FINISHED" && task.startsWith("all#"),
        )
      : this.run.event("checkpoint.triggered", ({ reason }) => reason === "final");
    const { event } = await this.orOver(ending.then(() => ({ event: true })));
    if (!event) return 0;
    return this.kill(targets).catch((error: unknown) => {
      if (error instanceof RunIsOver) return 0;
      throw error;
    });
  }

  /** Waits for what the next blow waits for. */
  async settle(then: Blow["then"], since: number): Promise<void> {
    if (then === "nothing") return;
    const finished = this.run.event(
      "task.state",
      ({ seq, vertexKind, to }) => seq >= since && vertexKind === "stream" && to === "FINISHED",
    );
    if (then === "finished task") await this.orOver(finished);
    else finished.catch(() => undefined);
    if (then === "checkpoint") await this.orOver(this.run.event("checkpoint.completed", (event) => event.seq >= since));
    await this.orOver(untilEvent(() => this.jobState() === "RUNNING"));
  }

  /** Number of the next event that is read. */
  seen(): number {
    return this.run.events.length;
  }

  get over(): boolean {
    return this.run.cli.child.exitCode !== null || this.run.cli.child.signalCode !== null;
  }

  private jobState(): string | undefined {
    return this.run.events.findLast((event) => event.kind === "job.state")?.to;
  }

  /** Through the command that people use; what the run's journal says of it is held against what the system shows. */
  private async inject(fault: string, target: string): Promise<number> {
    const client = await openRun(this.run.directory);
    const deadline = Date.now() + 30_000;
    for (;;) {
      const pid = await this.pidOf(target);
      try {
        await client.inject({ fault, target });
        const gone = (): boolean => (fault === "hang" ? isStopped(pid) || !isAlive(pid) : !isAlive(pid));
        await until(gone, `${fault} of ${target} (process ${pid}) has taken effect`, 10_000);
        return 1;
      } catch (error) {
        // A process that is just coming up, or a coordinator that is just taking over.
        if (!(error instanceof FaultlineError) || !["FL1033", "FL2008"].includes(error.code) || Date.now() > deadline)
          throw error;
        await pause(20);
      }
    }
  }

  /** SIGKILL to all of them at once, when all of them are there. */
  private async kill(names: readonly string[], when: () => boolean = () => true): Promise<number> {
    const pids: number[] = [];
    await untilEvent(() => {
      if (this.over) throw new RunIsOver(`the run was over before ${names.join(", ")} could be killed`);
      if (!when()) return false;
      const there = runProcesses(this.run.directory);
      if (!names.every((name) => there.has(name))) return false;
      for (const name of names) {
        const pid = there.get(name) ?? 0;
        process.kill(pid, "SIGKILL");
        pids.push(pid);
      }
      return true;
    });
    await until(() => !pids.some(isAlive), `${names.join(", ")} are gone`, 5_000);
    return pids.length;
  }

  private async pidOf(name: string): Promise<number> {
    let pid: number | undefined;
    await untilEvent(() => {
      if (this.over) throw new RunIsOver(`the run was over before ${name} could be hit`);
      pid = runProcesses(this.run.directory).get(name);
      return pid !== undefined;
    });
    return pid ?? 0;
  }

  /** Changes a byte of the newest complete checkpoint, then takes the coordinator down: it must notice, and go back to the one before. */
  private async damageNewestCheckpoint(chance: number): Promise<number> {
    await untilEvent(() => this.over || completeCheckpoints(this.run.directory).length >= 2);
    const coordinator = await this.pidOf("coordinator");
    // Nothing is written meanwhile, so that the newest stays the newest.
    process.kill(coordinator, "SIGSTOP");
    await until(() => isStopped(coordinator), "the coordinator is stopped", 5_000);
    const seen = this.seen();
    const newest = damageNewest(this.run.directory, chance);
    process.kill(coordinator, "SIGKILL");
    await until(() => !isAlive(coordinator), "the coordinator is gone", 5_000);
    await this.run.event("checkpoint.damaged", (event) => event.seq >= seen && event.checkpoint === newest);
    return 2;
  }

  /** Every connection of the TaskManager to others and to services breaks; tried again until there was one to break. */
  private async resetLinks(target: string): Promise<number> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const pid = await this.pidOf(target);
      // Node's own handlers are there once it has connected; before, the signal would end it.
      const there = this.run.of("process.connected").some((event) => event.pid === pid);
      if (there) {
        const before = linksReset(this.run.directory, pid);
        process.kill(pid, "SIGUSR2");
        await pause(30);
        if (linksReset(this.run.directory, pid) > before) return 1;
      }
      if (this.over) throw new RunIsOver(`the run was over before links of ${target} were there`);
      if (Date.now() > deadline) throw new Error(`${target} had no links to break for 30 s`);
      await pause(20);
    }
  }

  /** Where the next checkpoints would be written there is a file: the disk refuses them. */
  private async failCheckpointStorage(): Promise<number> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const seen = this.seen();
      const triggered = this.run.of("checkpoint.triggered").map(({ checkpoint }) => checkpoint);
      const blocked = blockNextCheckpoints(this.run.directory, Math.max(0, ...triggered));
      const refused = (): boolean =>
        this.run
          .of("checkpoint.failed")
          .some(
            ({ seq, checkpoint, cause }) =>
              seq >= seen && blocked.includes(checkpoint) && cause.message.includes("cannot be written"),
          );
      await until(() => refused() || this.over, "a checkpoint was refused", 3_000).catch(() => undefined);
      unblock(this.run.directory, blocked);
      if (refused()) return 1;
      if (this.over) throw new RunIsOver("the run was over before a checkpoint was refused");
      if (Date.now() > deadline) throw new Error("no checkpoint was refused within 30 s");
    }
  }

  /** Waits, unless the run is over first. */
  private async orOver<T>(waiting: Promise<T>): Promise<T | { readonly event: false }> {
    return Promise.race([waiting, this.run.cli.exit.then(() => ({ event: false }) as const)]);
  }
}

/** Looks every two milliseconds: what is waited for here has no event. */
async function untilEvent(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error("waited 40 s for processes or a state that did not come");
    await pause(2);
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
