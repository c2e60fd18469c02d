/** What breaks in a simulated cluster, how often, and how it is carried out. */
import type { Cause } from "../observe/journalEvent";
import type { Chance } from "./chance";
import type { FlowWorld, ModelCopy } from "./flowWorld";
import type { Node } from "./machines";
import type { VirtualProcess } from "./virtualProcess";

export const FAILURE_KINDS = ["device", "node", "taskmanager", "model", "task", "hang", "coordinator"] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** What one is counted by: the mean time between failures is that of one device, one node, … */
export const FAILURE_UNITS: Readonly<Record<FailureKind, string>> = {
  device: "a device is lost with every copy of a model on it, and comes back after its repair",
  node: "a node is lost with every process on it, and comes back after its repair",
  taskmanager: "a TaskManager's process dies",
  model: "the process that holds a copy of a model dies; where the model is embedded that is the TaskManager",
  task: "a function of a stream task fails on a record",
  hang: "a TaskManager or a service instance stands still, for good as far as anybody knows",
  coordinator: "the coordinator dies, and another one takes over",
};

export interface FailureModel {
  /** Mean time between failures of one unit, ms. Kinds that are not named do not fail. */
  readonly mtbfMs: Readonly<Partial<Record<FailureKind, number>>>;
  /** One failure of these kinds in turn each so many ms, in place of the rates. */
  readonly everyMs: number | undefined;
  /** How long a device or node is away. */
  readonly deviceRepairMs: number;
  readonly nodeRepairMs: number;
}

export class FailureProcess {
  private turn = 0;

  constructor(
    private readonly world: FlowWorld,
    private readonly model: FailureModel,
    private readonly chance: Chance,
    private readonly onFailure: (kind: FailureKind) => void,
  ) {}

  /** From now on things break. */
  start(): void {
    const { loop } = this.world;
    const kinds = FAILURE_KINDS.filter((kind) => this.model.mtbfMs[kind] !== undefined);
    const { everyMs } = this.model;
    if (everyMs !== undefined) {
      const used = kinds.length === 0 ? FAILURE_KINDS.filter((kind) => this.units(kind) > 0 && kind !== "hang" && kind !== "coordinator") : kinds;
      const next = (): void => {
        loop.after(everyMs, () => {
          this.fail(used[this.turn++ % used.length]);
          next();
        });
      };
      next();
      return;
    }
    for (const kind of kinds) this.await(kind, this.chance.fork(kind));
  }

  private await(kind: FailureKind, chance: Chance): void {
    const { loop } = this.world;
    const units = this.units(kind);
    const mtbfMs = this.model.mtbfMs[kind];
    if (mtbfMs === undefined) return;
    // Nothing to break now: look again later.
    const delay = units === 0 ? mtbfMs : chance.exponential(mtbfMs / units);
    loop.after(delay, () => {
      if (units > 0) this.fail(kind);
      this.await(kind, chance);
    });
  }

  private units(kind: FailureKind): number {
    const { world } = this;
    switch (kind) {
      case "device":
        return world.services.size === 0 ? 0 : world.machines.devices.length;
      case "node":
        return world.machines.nodes.length;
      case "taskmanager":
        return world.taskManagers.size;
      case "model":
        return world.copies.size;
      case "hang":
        return this.workers().length;
      case "task":
        return [...world.regions.values()].reduce((sum, { tasks }) => sum + tasks, 0);
      case "coordinator":
        return 1;
    }
  }

  private fail(kind: FailureKind): void {
    if (this.carryOut(kind)) this.onFailure(kind);
  }

  private carryOut(kind: FailureKind): boolean {
    const { world, chance } = this;
    switch (kind) {
      case "device": {
        const inUse = [...new Set([...world.copies].map(({ device }) => device))].filter(({ failed }) => !failed);
        if (inUse.length === 0) return false;
        const device = chance.pick(inUse);
        device.failed = true;
        for (const copy of [...world.copies]) if (copy.device === device) copy.fail(DEVICE_LOST);
        world.loop.after(this.model.deviceRepairMs, () => {
          device.failed = false;
          world.machines.retry();
        });
        return true;
      }
      case "node":
        return this.failNode();
      case "taskmanager":
        return killOne(chance, [...world.taskManagers.values()].map(({ process }) => process));
      case "model": {
        const copies: readonly ModelCopy[] = [...world.copies];
        return killOne(chance, copies.map(({ process }) => process));
      }
      case "task": {
        const regions = [...world.regions.values()].filter(({ running }) => running.size > 0);
        if (regions.length === 0) return false;
        const task = chance.pick([...chance.pick(regions).running.values()]);
        task.manager.fail(task, { code: "FL2004", message: `A function of ${task.name} failed on a record.` });
        return true;
      }
      case "hang": {
        const workers = this.workers();
        if (workers.length === 0) return false;
        world.hang(chance.pick(workers), HANGS_FOR_MS);
        return true;
      }
      case "coordinator":
        world.coordinator?.process.kill();
        return true;
    }
  }

  private failNode(): boolean {
    const { world, chance } = this;
    const up: readonly Node[] = world.machines.nodes.filter((node) => node.up);
    if (up.length === 0) return false;
    const node = chance.pick(up);
    node.up = false;
    for (const [process, on] of [...world.nodeOf]) if (on === node) process.kill();
    world.loop.after(this.model.nodeRepairMs, () => {
      node.up = true;
      world.machines.retry();
    });
    return true;
  }

  private workers(): readonly VirtualProcess[] {
    const { world } = this;
    const managers = [...world.taskManagers.values()].map(({ process }) => process);
    return [...new Set([...managers, ...[...world.copies].map(({ process }) => process)])].filter(({ state }) => state === "running");
  }
}

const DEVICE_LOST: Cause = { code: "FL3006", message: "The device of the model was lost." };
/** Longer than any heartbeat timeout that makes sense: who hangs is given up. */
const HANGS_FOR_MS = 600_000;

function killOne(chance: Chance, processes: readonly VirtualProcess[]): boolean {
  const alive = processes.filter((process) => process.alive);
  if (alive.length === 0) return false;
  chance.pick(alive).kill();
  return true;
}
