/** A channel whose both ends are in this process: buffers change hands without being copied, under the same credit. */
import type { InputChannel } from "./inputChannel";
import { BUFFERS_PER_CHANNEL } from "./networkBuffer";
import type { PartitionReader, Subpartition } from "./subpartition";
import type { ResultPartitionManager } from "./resultPartitionManager";

/** @param consumer subtask index of the consumer */
export function connectLocally(
  partitions: ResultPartitionManager,
  channel: InputChannel,
  consumer: number,
  consumerAttempt: number,
): void {
  let subpartition: Subpartition | undefined;
  let moving = false;
  const move = (): void => {
    // Taking a buffer may grant credit, which announces data: one loop does for both.
    if (moving) {
      return;
    }
    moving = true;
    for (let item = subpartition?.poll(reader); item !== undefined; item = subpartition?.poll(reader)) {
      if (item.kind === "buffer") {
        channel.onBuffer(item.buffer, item.backlog);
      } else {
        channel.onEvent(item.event);
      }
    }
    moving = false;
  };
  const reader: PartitionReader = { dataAvailable: move, producerLost: (loss) => channel.onProducerLost(loss) };
  const { task, attempt } = channel.producer;
  let cancel = (): void => {};
  channel.connect({
    addCredit: (credit) => {
      subpartition?.addCredit(reader, credit);
      move();
    },
    close: () => cancel(),
  });
  cancel = partitions.request(
    { partition: { task, attempt, edge: channel.edge }, consumer, consumerAttempt, initialCredit: BUFFERS_PER_CHANNEL },
    reader,
    (attached) => {
      subpartition = attached;
    },
    () => channel.onProducerLost("notFound"),
  );
}
