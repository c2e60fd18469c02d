/** What one consumer of a partition gets, as its producer fills it and its reader takes it. Flink's `ResultSubpartition` and its view. */
import type { CheckpointBarrier, ExchangeEvent } from "./exchangeEvent";
import type { NetworkBuffer } from "./networkBuffer";
import type { RecordStructure } from "./recordSerializer";

export type PartitionItem =
  | { readonly kind: "buffer"; readonly buffer: NetworkBuffer; readonly backlog: number }
  | { readonly kind: "event"; readonly event: ExchangeEvent };

/** Why a partition is no more. */
export type PartitionLoss = "failed" | "canceled";

/** The consumer's side: a local channel or a reader of a connection. */
export interface PartitionReader {
  /** Something can be polled. Called within the producer's work: keep it short. */
  dataAvailable(): void;
  /** The producer is gone before its end. */
  producerLost(loss: PartitionLoss): void;
}

/** Data in flight at a checkpoint: payloads of buffers, and the structures that their receiver knew before them or learns from them. */
export interface SubpartitionState {
  readonly structures: readonly RecordStructure[];
  readonly payloads: readonly Uint8Array[];
}

export interface Subpartition {
  /** Bytes of buffers handed to the consumer. */
  readonly bytesOut: number;
  /** Everything was handed out, or the consumer has gone; never for one that can be read again. */
  readonly consumed: boolean;
  /** Called when `consumed` becomes true. */
  onConsumed: () => void;
  /** Appends the record that the partition's serializer holds. */
  append(timestamp: number | undefined): void;
  /** Queues an event behind all elements so far. */
  add(event: ExchangeEvent): void;
  /** Puts a barrier before everything that waits here. What it overtakes goes into the checkpoint. */
  addPriority(barrier: CheckpointBarrier): SubpartitionState;
  /** Sends first what was in flight at the checkpoint that the producer starts from. */
  restore(state: SubpartitionState): void;
  /** Makes a buffer that is not full available. */
  flush(): void;
  /** A reader begins; one from before is forgotten. */
  attach(reader: PartitionReader, credit: number): void;
  detach(reader: PartitionReader): void;
  addCredit(reader: PartitionReader, credit: number): void;
  canPoll(reader: PartitionReader): boolean;
  /** A data buffer costs one credit, an event none. `backlog`: data buffers that wait behind this one. */
  poll(reader: PartitionReader): PartitionItem | undefined;
  /** Gives everything back; with `loss` the consumer is told that no more comes. */
  release(loss: PartitionLoss | undefined): void;
}
