/** Faults that a TaskManager carries out: on the models in its tasks, on its tasks, their checkpoints, and its links. */
import type { FaultOrder } from "../faults/faultDefinition";
import type { ServiceSpec } from "../graph/jobFile";
import type { BatchedModel } from "../inference/batchedModel";
import type { SubtaskName } from "../observe/journalEvent";
import type { FaultMessage, FaultObserver, FaultWork, FaultWorks } from "./faultPerformer";
import { FaultPerformer } from "./faultPerformer";
import type { FaultyLoad } from "./modelFaultWorks";

interface LoadOrder {
  readonly order: FaultOrder;
  readonly observer: FaultObserver;
  left: number;
}

export class TaskManagerFaults {
  /** Models inside tasks (`embedded`), by task. */
  private readonly models = new Map<SubtaskName, BatchedModel>();
  private readonly loads: LoadOrder[] = [];
  private readonly performer: FaultPerformer;

  constructor(
    private readonly runDirectory: string,
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
