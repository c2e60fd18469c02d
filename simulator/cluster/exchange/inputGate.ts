/**
 * All input channels of one subtask, over all of its input edges. Channels that have something wait in a fair queue. Flink's
 * `SingleInputGate` and `UnionInputGate`.
 */
import type { ProducerLocation } from "../controlMessages";
import type { CheckpointBarrier } from "./exchangeEvent";
import { FloatingCredits, InputChannel } from "./inputChannel";
import type { ChannelItem, ChannelOwner, ProducerLoss } from "./inputChannel";
import { BUFFERS_PER_CHANNEL, BufferPool, FLOATING_BUFFERS_PER_GATE } from "./networkBuffer";

export interface GateInput {
  /** Index of the job edge. */
  readonly edge: number;
  readonly producers: readonly ProducerLocation[];
}

export class InputGate implements ChannelOwner {
  readonly channels: readonly InputChannel[];
  /** Memory for what arrives from other processes; credit keeps it within its size. */
  readonly pool: BufferPool;
  private readonly ready: InputChannel[] = [];

  /**
   * @param onAvailable told when something can be polled and nothing could before
   * @param onProducerLost told when a channel broke before its end
   * @param onBarrierOvertook told of a barrier that does not wait for its turn
   */
  constructor(
    inputs: readonly GateInput[],
    private readonly onAvailable: () => void,
    private readonly onProducerLost: (channel: InputChannel, loss: ProducerLoss) => void,
    private readonly onBarrierOvertook: (channel: InputChannel, barrier: CheckpointBarrier) => void = () => {},
  ) {
    this.channels = inputs.flatMap(({ edge, producers }) => {
      const floating = new FloatingCredits(FLOATING_BUFFERS_PER_GATE);
      return producers.map((producer) => new InputChannel(this, edge, producer, floating));
    });
    this.pool = new BufferPool(this.channels.length * BUFFERS_PER_CHANNEL + inputs.length * FLOATING_BUFFERS_PER_GATE);
  }

  get buffersInUse(): number {
    return this.channels.reduce((sum, channel) => sum + channel.queuedBuffers, 0);
  }

  get bytesIn(): number {
    return this.channels.reduce((sum, channel) => sum + channel.bytesIn, 0);
  }

  channelHasItems(channel: InputChannel): void {
    if (!channel.queued && !channel.blocked) {
      channel.queued = true;
      this.ready.push(channel);
      if (this.ready.length === 1) {
        this.onAvailable();
      }
    }
  }

  poll(): { readonly channel: InputChannel; readonly item: ChannelItem } | undefined {
    for (;;) {
      const channel = this.ready.shift();
      if (channel === undefined) {
        return undefined;
      }
      channel.queued = false;
      const item = channel.blocked ? undefined : channel.take();
      if (item !== undefined) {
        if (channel.hasItems) {
          channel.queued = true;
          this.ready.push(channel);
        }
        return { channel, item };
      }
    }
  }

  block(channel: InputChannel): void {
    channel.blocked = true;
  }

  unblock(channel: InputChannel): void {
    if (channel.blocked) {
      channel.blocked = false;
      if (channel.hasItems) {
        this.channelHasItems(channel);
      }
    }
  }

  producerLost(channel: InputChannel, loss: ProducerLoss): void {
    this.onProducerLost(channel, loss);
  }

  barrierOvertook(channel: InputChannel, barrier: CheckpointBarrier): void {
    this.onBarrierOvertook(channel, barrier);
  }

  close(): void {
    for (const channel of this.channels) {
      channel.close();
    }
  }
}
