/** The input channels of a virtual task: what has arrived, in order for each channel, and which of them are at their end. */
import type { TaskDeployment } from "../core/deployment";
import type { SubtaskName } from "../observe/journalEvent";
import type { ChannelItem, ChannelReader, PartitionTable, ProducerLoss } from "./virtualExchange";
import { subpartitionKey } from "./virtualExchange";
import type { VirtualProcess } from "./virtualProcess";

interface Channel {
  readonly producer: SubtaskName;
  readonly key: string;
  readonly dataAddress: string;
  readonly items: ChannelItem[];
  taken: () => void;
  endOfData: boolean;
  ended: boolean;
}

export interface TaskInputsHost {
  readonly process: VirtualProcess;
  partitionsAt(dataAddress: string): PartitionTable | undefined;
}

export interface TaskInputsOwner {
  alive(): boolean;
  wake(): void;
  lost(producer: SubtaskName, loss: ProducerLoss): void;
}

export class TaskInputs {
  private readonly channels: readonly Channel[];
  private turn = 0;

  constructor(
    private readonly host: TaskInputsHost,
    deployment: TaskDeployment,
    private readonly owner: TaskInputsOwner,
  ) {
    this.channels = deployment.inputs.flatMap(({ edge, producers }) =>
      producers.map(({ task, attempt, dataAddress }) => ({
        producer: task,
        key: subpartitionKey(edge, task, attempt, deployment.index),
        dataAddress,
        items: [],
        taken: () => undefined,
        endOfData: false,
        ended: false,
      })),
    );
  }

  /** Asks the producers. */
  open(): void {
    const { process } = this.host;
    for (const channel of this.channels) {
      const partitions = this.host.partitionsAt(channel.dataAddress);
      if (partitions === undefined) {
        process.post(1, () => this.lost(channel, "disconnected"));
        continue;
      }
      const reader: ChannelReader = {
        process,
        onAttached: (taken) => {
          channel.taken = taken;
        },
        receive: (item) => {
          if (!this.owner.alive()) return;
          channel.items.push(item);
          this.owner.wake();
        },
        onProducerLost: (loss) => this.lost(channel, loss),
      };
      partitions.request(channel.key, reader);
    }
  }

  /** A channel with something to take, in turn. */
  next(isBlocked: (channel: number) => boolean): number | undefined {
    const count = this.channels.length;
    for (let step = 0; step < count; step++) {
      const channel = (this.turn + step) % count;
      if (this.channels[channel].items.length === 0 || isBlocked(channel)) continue;
      this.turn = (channel + 1) % count;
      return channel;
    }
    return undefined;
  }

  take(channel: number): ChannelItem | undefined {
    const { items, taken } = this.channels[channel];
    const item = items.shift();
    if (item?.kind === "record") taken();
    return item;
  }

  /** @returns true when no channel brings data any more. */
  endOfData(channel: number): boolean {
    this.channels[channel].endOfData = true;
    return this.channels.every((other) => other.endOfData);
  }

  endOfPartition(channel: number): void {
    this.channels[channel].ended = true;
  }

  private lost(channel: Channel, loss: ProducerLoss): void {
    if (this.owner.alive() && !channel.ended) this.owner.lost(channel.producer, loss);
  }
}
