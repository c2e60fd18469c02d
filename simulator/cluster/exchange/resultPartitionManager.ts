/**
 * The partitions that this TaskManager's tasks produce. Consumers may ask before the producer has been deployed: they wait, with a
 * limit. Flink's `ResultPartitionManager` and its partition request listeners.
 */
import type { SubtaskName } from "../../observe/journalEvent";
import type { PartitionId, ResultPartition } from "./resultPartition";
import type { PartitionLoss, PartitionReader, Subpartition } from "./subpartition";

/** What a consumer asks for. */
export interface PartitionRequest {
  readonly partition: PartitionId;
  /** Subtask index of the consumer. */
  readonly consumer: number;
  readonly consumerAttempt: number;
  readonly initialCredit: number;
}

interface Waiting {
  readonly request: PartitionRequest;
  readonly reader: PartitionReader;
  readonly attached: (subpartition: Subpartition) => void;
  readonly notFound: () => void;
  readonly timer: NodeJS.Timeout;
}

function keyOf({ task, attempt, edge }: PartitionId): string {
  return `${edge}/${attempt}/${task}`;
}

export class ResultPartitionManager {
  private readonly partitions = new Map<string, ResultPartition>();
  private readonly waiting = new Map<string, Waiting[]>();

  /** @param waitMs how long a request may wait for its partition; Flink's `taskmanager.network.partition-request-timeout` is 10 s */
  constructor(private readonly waitMs = 10_000) {}

  register(partition: ResultPartition): void {
    const key = keyOf(partition.id);
    this.partitions.set(key, partition);
    const waiting = this.waiting.get(key) ?? [];
    this.waiting.delete(key);
    for (const { request, reader, attached, notFound, timer } of waiting) {
      clearTimeout(timer);
      this.attach(partition, request, reader, attached, notFound);
    }
  }

  /**
   * Joins a reader to its subpartition, now or when the partition is there. Returns a function that takes the request back.
   * `notFound` is called when the partition does not come in time.
   */
  request(
    request: PartitionRequest,
    reader: PartitionReader,
    attached: (subpartition: Subpartition) => void,
    notFound: () => void,
  ): () => void {
    const key = keyOf(request.partition);
    const partition = this.partitions.get(key);
    if (partition !== undefined) {
      this.attach(partition, request, reader, attached, notFound);
      return () => partition.subpartitionOf(request.consumer)?.detach(reader);
    }
    const forget = (): void => {
      clearTimeout(entry.timer);
      const rest = (this.waiting.get(key) ?? []).filter((other) => other !== entry);
      if (rest.length === 0) {
        this.waiting.delete(key);
      } else {
        this.waiting.set(key, rest);
      }
    };
    const entry: Waiting = {
      request,
      reader,
      attached,
      notFound,
      timer: setTimeout(() => {
        forget();
        notFound();
      }, this.waitMs),
    };
    this.waiting.set(key, [...(this.waiting.get(key) ?? []), entry]);
    return () => {
      forget();
      this.partitions.get(key)?.subpartitionOf(request.consumer)?.detach(reader);
    };
  }

  /**
   * The producer has finished: the partition stays until its consumers have taken everything, or have gone. One that is kept on disk stays until
   * it is released.
   */
  releaseWhenConsumed(partition: ResultPartition): void {
    if (partition.stored) {
      return;
    }
    partition.whenConsumed(() => this.release(partition, undefined));
  }

  /** Removes a partition; with `loss` its consumers are told. */
  release(partition: ResultPartition, loss: PartitionLoss | undefined): void {
    this.partitions.delete(keyOf(partition.id));
    partition.release(loss);
  }

  /** Releases what these attempts have left to be read again. What is read while it is produced goes with its last consumer. */
  releaseOf(attempts: readonly { readonly task: SubtaskName; readonly attempt: number }[]): void {
    for (const partition of [...this.partitions.values()]) {
      const { task, attempt } = partition.id;
      if (partition.stored && attempts.some((other) => other.task === task && other.attempt === attempt)) {
        this.release(partition, undefined);
      }
    }
  }

  /** A newer attempt of a task begins: what older ones have left is superseded. */
  releaseBefore(task: SubtaskName, attempt: number): void {
    for (const partition of [...this.partitions.values()]) {
      if (partition.id.task === task && partition.id.attempt < attempt) {
        this.release(partition, "canceled");
      }
    }
  }

  close(): void {
    for (const entry of [...this.waiting.values()].flat()) {
      clearTimeout(entry.timer);
    }
    this.waiting.clear();
    this.releaseAll();
  }

  releaseAll(): void {
    for (const partition of [...this.partitions.values()]) {
      this.release(partition, undefined);
    }
  }

  private attach(
    partition: ResultPartition,
    request: PartitionRequest,
    reader: PartitionReader,
    attached: (subpartition: Subpartition) => void,
    notFound: () => void,
  ): void {
    const subpartition = partition.subpartitionOf(request.consumer);
    if (subpartition === undefined) {
      notFound();
      return;
    }
    attached(subpartition);
    subpartition.attach(reader, request.initialCredit);
  }
}
