/** What a virtual task keeps in a checkpoint. Records are numbers: see `jobModel.ts`. */
export interface TaskSnapshot {
  /** Sources: records emitted. */
  readonly offset: number;
  /** Async and rpc operators: inputs whose results were not emitted. */
  readonly inFlight: readonly number[];
  /** By sink operator. */
  readonly sinks: Readonly<Record<string, SinkSnapshot>>;
}

export interface SinkSnapshot {
  /** Number of the next file. */
  readonly next: number;
  readonly pending: readonly PendingSinkFile[];
}

/** A closed file that waits for its checkpoint. */
export interface PendingSinkFile {
  readonly name: string;
  readonly finalName: string;
  readonly records: number;
  readonly checkpoint: number;
}
