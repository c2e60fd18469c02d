/**
 * Which channels an element goes to. Flink's `StreamPartitioner`s: FORWARD, RESCALE, REBALANCE, SHUFFLE, HASH, BROADCAST, GLOBAL, CUSTOM.
 */
import type { ShipStrategy } from "../../graph/jobFile";
import { hashText, keyGroupOf, maxParallelismOf, subtaskOfKeyGroup } from "../../operators/keyGroup";

/** The channel of an element; {@link ALL_CHANNELS} for every one. */
export type ChannelSelector = (value: unknown) => number;
export const ALL_CHANNELS = -1;

export interface ChannelSelectorOptions {
  readonly ship: ShipStrategy;
  readonly channels: number;
  /** Subtask of the producer. */
  readonly subtask: number;
  /** SHUFFLE draws from this, so that a run can be repeated. */
  readonly seed: string;
  /** HASH: the key of an element. */
  readonly key: ((value: unknown) => unknown) | undefined;
  readonly maxParallelism: number | undefined;
  /** CUSTOM: the channel of an element; checked against the number of channels by the caller's function. */
  readonly partitioner: ((value: unknown, channels: number) => number) | undefined;
}

/** Keys whose channel is remembered, so that a key's text is not hashed for each of its elements. */
const REMEMBERED_KEYS = 8192;

export function channelSelector(options: ChannelSelectorOptions): ChannelSelector {
  const { channels } = options;
  switch (options.ship) {
    case "FORWARD":
    case "GLOBAL":
      return () => 0;
    case "BROADCAST":
      return () => ALL_CHANNELS;
    case "REBALANCE":
    case "RESCALE": {
      // Producers start at different channels, so that few elements do not all go to the first.
      let next = options.ship === "REBALANCE" ? options.subtask % channels : 0;
      return () => {
        const channel = next;
        next = next + 1 === channels ? 0 : next + 1;
        return channel;
      };
    }
    case "SHUFFLE": {
      let state = hashText(options.seed) | 1;
      return () => {
        // xorshift32 (Marsaglia 2003)
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return (state >>> 0) % channels;
      };
    }
    case "HASH":
      return hashSelector(
        options.key!,
        channels,
        maxParallelismOf(options.maxParallelism, channels),
      );
    case "CUSTOM": {
      const partitioner = options.partitioner!;
      return (value) => partitioner(value, channels);
    }
  }
}

function hashSelector(key: (value: unknown) => unknown, channels: number, maxParallelism: number): ChannelSelector {
  const remembered = new Map<unknown, number>();
  return (value) => {
    const keyValue = key(value);
    const known = remembered.get(keyValue);
    if (known !== undefined) {
      return known;
    }
    const channel = subtaskOfKeyGroup(keyGroupOf(JSON.stringify(keyValue), maxParallelism), maxParallelism, channels);
    if (typeof keyValue !== "object") {
      if (remembered.size === REMEMBERED_KEYS) {
        remembered.clear();
      }
      remembered.set(keyValue, channel);
    }
    return channel;
  };
}
