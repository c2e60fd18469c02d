/** Faults that a TaskManager carries out: on the models in its tasks, on its tasks, their checkpoints, and its links. */
import type { FaultOrder } from "../faults/faultDefinition";
import type { ServiceSpec } from "../graph/jobFile";
import type { BatchedModel } from "../inference/batchedModel";
import type { Cause, SubtaskName } from "../observe/journalEvent";
import type { FaultMessage, FaultObserver, FaultWork, FaultWorks } from "./faultPerformer";
import { FaultPerformer } from "./faultPerformer";
import { exhaustMemory } from "./memoryExhaustion";
import type { FaultyLoad } from "./modelFaultWorks";
import { CheckpointStorageFaults } from "./storageFaults";
import type { TaskFaults } from "./taskEnvironment";

interface LoadOrder {
  readonly order: FaultOrder;
  readonly observer: FaultObserver;
  left: number;
}

/** A task, as far as faults go. */
interface PoisonableTask {
  readonly name: SubtaskName;
  poisonNextRecord(onThrow: () => void): boolean;
}

export class TaskManagerFaults implements TaskFaults {
  /** Models inside tasks (`embedded`), by task. */
  private readonly models = new Map<SubtaskName, BatchedModel>();
  private readonly loads: LoadOrder[] = [];
  readonly storage = new CheckpointStorageFaults();
  private readonly poisons: { readonly task: SubtaskName; readonly observer: FaultObserver; left: number }[] = [];
  private readonly declinations: { readonly task: SubtaskName; readonly observer: FaultObserver; left: number }[] = [];
  private readonly performer: FaultPerformer;

  constructor(
    private readonly runDirectory: string,
    private readonly taskOf: (name: SubtaskName) => PoisonableTask | undefined,
    send: (message: FaultMessage) => void,
  ) {
    this.performer = new FaultPerformer(this.works(), send);
  }

  perform(order: FaultOrder): void {
    this.performer.perform(order);
  }

  end(injection: number): void {
    this.performer.end(injection);
  }

  /** A task has loaded a model of its own; `undefined` once it is gone. */
  setModel(task: SubtaskName, model: BatchedModel | undefined): void {
    if (model === undefined) this.models.delete(task);
    else this.models.set(task, model);
  }

  /** A task that was restarted meets the next of its poisoned records. */
  onDeployed(task: PoisonableTask): void {
    for (const poison of this.poisons) if (poison.task === task.name) this.poison(poison, task);
  }

  declines(task: SubtaskName): Cause | undefined {
    const declination = this.declinations.find((one) => one.task === task);
    if (declination === undefined) return undefined;
    declination.left--;
    declination.observer.effective(`${task} declined a checkpoint`);
    if (declination.left === 0) declination.observer.over();
    return { code: "FL2006", message: `${task} declines the checkpoint: a fault makes it.` };
  }

  private poison(poison: (typeof this.poisons)[number], task: PoisonableTask): boolean {
    return task.poisonNextRecord(() => {
      poison.left--;
      poison.observer.effective(`a record threw in ${task.name}`);
      if (poison.left === 0) poison.observer.over();
    });
  }

  private poisonWork(order: FaultOrder, observer: FaultObserver): () => void {
    const name = order.target.slice("task:".length);
    const task = this.taskOf(name);
    const poison = { task: name, observer, left: Number(order.parameters.records) };
    if (task === undefined) throw new Error("it does not run at the moment.");
    if (!this.poison(poison, task)) throw new Error("it is a source, and no record arrives at it; poison a task behind it.");
    this.poisons.push(poison);
    return () => void this.poisons.splice(this.poisons.indexOf(poison), 1);
  }

  private declineWork(order: FaultOrder, observer: FaultObserver): () => void {
    const declination = { task: order.target.slice("task:".length), observer, left: Number(order.parameters.checkpoints) };
    this.declinations.push(declination);
    return () => void this.declinations.splice(this.declinations.indexOf(declination), 1);
  }

  /** The service as a task is to load it. */
  async load(task: SubtaskName, spec: ServiceSpec): Promise<FaultyLoad | undefined> {
    const orders = this.loads.filter(({ order, left }) => order.carrier === task && left > 0);
    if (orders.length === 0) return undefined;
    for (const order of orders) order.left--;
    const { faultyLoad } = await import("./modelFaultWorks");
    const faulty = faultyLoad(spec, orders.map(({ order }) => order), this.runDirectory);
    if (faulty === undefined) return undefined;
    const seen = (effects: ReturnType<FaultyLoad["loaded"]>): ReturnType<FaultyLoad["loaded"]> => {
      for (const { injection, evidence } of effects) {
        const load = orders.find(({ order }) => order.injection === injection);
        load?.observer.effective(evidence);
        if (load?.left === 0) load.observer.over();
      }
      return effects;
    };
    return { spec: faulty.spec, loaded: (loadMs) => seen(faulty.loaded(loadMs)), failed: (message) => seen(faulty.failed(message)) };
  }

  private works(): FaultWorks {
    const loadWork: FaultWork = (order, observer) => {
      const load: LoadOrder = { order, observer, left: Number(order.parameters.loads) };
      this.loads.push(load);
      return () => void this.loads.splice(this.loads.indexOf(load), 1);
    };
    const modelWork: FaultWork = (order, observer) => this.onModel(order, observer);
    return {
      "device-lost": modelWork,
      "device-out-of-memory": modelWork,
      "slow-inference": modelWork,
      "wrong-output": modelWork,
      "load-failure": loadWork,
      "slow-load": loadWork,
      "memory-exhaustion": exhaustMemory,
      poison: (order, observer) => this.poisonWork(order, observer),
      "checkpoint-declined": (order, observer) => this.declineWork(order, observer),
      ...this.storage.works(),
    };
  }

  /** A TaskManager without models of its own need not load what faults of models need. */
  private onModel(order: FaultOrder, observer: FaultObserver): () => void {
    let ended = false;
    let end: (() => void) | void;
    import("./modelFaultWorks")
      .then(({ modelFaultWorks }) => {
        const model = order.carrier === undefined ? undefined : this.models.get(order.carrier);
        if (!ended) end = modelFaultWorks(() => (model === undefined ? [] : [model]))[order.fault]?.(order, observer);
      })
      .catch((error: Error) => observer.failed(error.message));
    return () => {
      ended = true;
      end?.();
    };
  }
}
