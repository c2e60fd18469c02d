/** Sends the elements of one operator over one edge. Flink's `RecordWriter`. */
import { FaultlineError } from "../../graph/errors";
import { recordText } from "../../operators/recordText";
import type { ElementReceiver } from "../../operators/streamOperator";
import { ALL_CHANNELS } from "./channelSelector";
import type { ChannelSelector } from "./channelSelector";
import type { ResultPartition } from "./resultPartition";

export class RecordWriter implements ElementReceiver {
  recordsOut = 0;

  /** @param operator whose elements these are, for messages */
  constructor(
    private readonly partition: ResultPartition,
    private readonly selector: ChannelSelector,
    private readonly operator: string,
  ) {}

  element(value: unknown, timestamp: number | undefined): void {
    const channel = this.selector(value);
    this.recordsOut++;
    try {
      if (channel === ALL_CHANNELS) {
        this.partition.broadcast(value, timestamp);
      } else {
        this.partition.emit(value, timestamp, channel);
      }
    } catch (error) {
      if (error instanceof FaultlineError) {
        throw error;
      }
      throw FaultlineError.of(
        "FL2004",
        `A record of "${this.operator}" cannot be sent (${(error as Error).message}): ${recordText(value)}`,
        "Records hold plain data: numbers, texts, dates, arrays, typed arrays, maps, sets and objects of them.",
        { element: `operators.${this.operator}` },
        error,
      );
    }
  }

  watermark(timestamp: number): void {
    this.partition.broadcastEvent({ kind: "watermark", timestamp });
  }

  watermarkStatus(idle: boolean): void {
    this.partition.broadcastEvent({ kind: "watermarkStatus", idle });
  }
}
