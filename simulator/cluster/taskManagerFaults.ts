/** Faults that a TaskManager carries out: on the models in its tasks, on its tasks, their checkpoints, and its links. */
import type { FaultOrder } from "../faults/faultDefinition";
import type { ServiceSpec } from "../graph/jobFile";
import type { BatchedModel } from "../inference/batchedModel";
import type { Cause, ProcessName, SubtaskName } from "../observe/journalEvent";
import type { FaultMessage, FaultObserver, FaultWork, FaultWorks } from "./faultPerformer";
import { FaultPerformer } from "./faultPerformer";
import type { ServiceEndpoint } from "./controlMessages";
import { LinkFaultTable } from "./links/linkFaultTable";
import type { RelayRules } from "./links/linkRelay";
import { LinkRelay } from "./links/linkRelay";
import { exhaustMemory } from "./memoryExhaustion";
import type { FaultyLoad } from "./modelFaultWorks";
import { CheckpointStorageFaults } from "./storageFaults";
import type { TaskFaults } from "./taskEnvironment";

interface LoadOrder {
  readonly order: FaultOrder;
  readonly observer: FaultObserver;
  left: number;
}

/** The connections of a TaskManager, as far as faults go. */
export interface FaultyNetwork {
  shapeData(taskManager: ProcessName, rules: RelayRules): void;
  /** The addresses of instances have changed, as {@link TaskManagerFaults.endpoints} gives them. */
  onEndpointsChanged(): void;
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
  private readonly links: LinkFaultTable;
  private readonly relays = new Map<SubtaskName, LinkRelay>();
  private readonly addresses = new Map<SubtaskName, string>();
  /** Where to tell that the link to the coordinator is hit. */
  onCoordinatorLink: (faults: LinkFaultTable) => void = () => undefined;
  private readonly poisons: { readonly task: SubtaskName; readonly observer: FaultObserver; left: number }[] = [];
  private readonly declinations: { readonly task: SubtaskName; readonly observer: FaultObserver; left: number }[] = [];
  private readonly performer: FaultPerformer;

  constructor(
    self: ProcessName,
    private readonly runDirectory: string,
    private readonly network: FaultyNetwork,
    private readonly taskOf: (name: SubtaskName) => PoisonableTask | undefined,
    send: (message: FaultMessage) => void,
  ) {
    this.links = new LinkFaultTable(self, runDirectory, (injection) => this.end(injection), (peer) => this.onLinkChanged(peer));
    this.performer = new FaultPerformer(this.works(), send);
  }

  perform(order: FaultOrder): void {
    this.performer.perform(order);
  }

  end(injection: number): void {
    this.performer.end(injection);
  }

  /** Instances as clients are to reach them: through a relay where a fault is on the link. */
  endpoints(instances: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] {
    return instances.map((endpoint) => {
      this.addresses.set(endpoint.instance, endpoint.address);
      const relay = this.relays.get(endpoint.instance);
      if (relay === undefined) return endpoint;
      relay.retarget(targetOf(endpoint.address));
      return { ...endpoint, address: relay.address };
    });
  }

  private onLinkChanged(peer: ProcessName): void {
    if (peer === "coordinator") return this.onCoordinatorLink(this.links);
    if (peer.startsWith("taskmanager:")) return this.network.shapeData(peer, this.links.rulesOf(peer));
    void this.relayChanged(peer, peer.slice("service:".length));
  }

  private async relayChanged(peer: ProcessName, instance: SubtaskName): Promise<void> {
    const relay = this.relays.get(instance);
    if (!this.links.isHit(peer)) {
      this.relays.delete(instance);
      relay?.rulesChanged();
      relay?.retire();
      this.network.onEndpointsChanged();
    } else if (relay === undefined) {
      const address = this.addresses.get(instance);
      if (address === undefined) return;
      this.relays.set(instance, await LinkRelay.open(targetOf(address), this.links.rulesOf(peer)));
      this.network.onEndpointsChanged();
    } else relay.rulesChanged();
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
      ...this.links.works(),
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

/** `127.0.0.1:PORT`. */
function targetOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
