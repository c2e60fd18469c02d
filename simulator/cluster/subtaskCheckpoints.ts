/**
 * The checkpoints of one subtask: take the state at the barrier, pass the barrier on, store, acknowledge or decline. Flink's
 * `SubtaskCheckpointCoordinatorImpl`.
 */
import type { Cause } from "../observe/journalEvent";
import { SourceOperator } from "../operators/sourceOperator";
import type { OperatorSnapshot } from "../operators/streamOperator";
import { encodeOperatorStates, encodeTaskState, stateFilePath, writeStateFile } from "./checkpointStorage";
import type { InFlightState } from "./checkpointStorage";
import type { TaskDeployment, WorkerMessage } from "./controlMessages";
import type { CheckpointBarrier } from "./exchange/exchangeEvent";
import type { InputGate } from "./exchange/inputGate";
import type { SubpartitionState } from "./exchange/subpartition";
import type { GateState } from "./exchange/unalignedBarrierHandler";
import type { OperatorChain } from "./operatorChain";
import type { CheckpointStorageFaults } from "./storageFaults";
import { causeOf } from "./taskEnvironment";

/** What a task gives to a checkpoint at its barrier. */
interface TakenState {
  readonly operators: Buffer;
  readonly outputs: InFlightState["outputs"];
  /** To be done before the checkpoint is acknowledged. */
  readonly durable: readonly (() => Promise<void>)[];
  readonly sourceOffset: number | undefined;
}

export interface SubtaskCheckpointsOptions {
  readonly deployment: TaskDeployment;
  readonly runDirectory: string;
  readonly send: (message: WorkerMessage) => void;
  readonly isEnded: () => boolean;
  readonly storageFaults?: CheckpointStorageFaults;
  /** Fault: why the next checkpoint is declined, if it is. */
  readonly declines?: () => Cause | undefined;
  /** An operator could not make its part durable: the task fails. */
  readonly onFailure: (error: unknown) => void;
}

export class SubtaskCheckpoints {
  /** The operators' state of a checkpoint whose data in flight is not all here yet. */
  private unaligned: { readonly checkpoint: number; readonly state: TakenState } | undefined;

  constructor(private readonly options: SubtaskCheckpointsOptions) {}

  /** All channels delivered the barrier, or this is a source. */
  take(chain: OperatorChain, barrier: CheckpointBarrier, alignmentMs: number): void {
    const taken = this.takeState(chain, barrier);
    // Nothing comes into a source: what waits at its outputs is all that is in flight.
    const inFlight = barrier.unaligned ? { inputs: [], outputs: taken.outputs } : undefined;
    void this.store(barrier.checkpoint, encodeTaskState(taken.operators, inFlight), taken, alignmentMs);
  }

  /** The first of several barriers that overtake. */
  begin(chain: OperatorChain, barrier: CheckpointBarrier): void {
    this.unaligned = { checkpoint: barrier.checkpoint, state: this.takeState(chain, barrier) };
  }

  /** The barrier goes out, and the state of the operators is what it is now. */
  private takeState(chain: OperatorChain, barrier: CheckpointBarrier): TakenState {
    const { operators: chained, partitions } = chain;
    const outputs: { edge: number; states: readonly SubpartitionState[] }[] = [];
    for (const partition of partitions) {
      if (barrier.unaligned) {
        outputs.push({ edge: partition.id.edge, states: partition.broadcastPriority(barrier) });
      } else {
        partition.broadcastEvent(barrier);
      }
    }
    const operators: Record<string, unknown> = {};
    const durable: Exclude<OperatorSnapshot["durable"], undefined>[] = [];
    for (const { id, operator } of chained) {
      const snapshot = operator.snapshot(barrier.checkpoint);
      if (snapshot !== undefined) {
        operators[id] = snapshot.state;
        if (snapshot.durable !== undefined) {
          durable.push(snapshot.durable);
        }
      }
    }
    const { headOperator } = chain;
    const sourceOffset = headOperator instanceof SourceOperator ? headOperator.offset : undefined;
    return { operators: encodeOperatorStates(operators), outputs, durable, sourceOffset };
  }

  /** All that was in flight before the barriers is here. */
  complete(gate: InputGate, barrier: CheckpointBarrier, state: GateState, alignmentMs: number): void {
    const taken = this.unaligned;
    if (taken?.checkpoint !== barrier.checkpoint) {
      return;
    }
    this.unaligned = undefined;
    const inputs = gate.channels.map((channel, i) => ({
      edge: channel.edge,
      producer: channel.producer.task,
      state: state[i],
    }));
    const { operators, outputs } = taken.state;
    void this.store(barrier.checkpoint, encodeTaskState(operators, { inputs, outputs }), taken.state, alignmentMs);
  }

  private async store(
    checkpoint: number,
    state: Buffer,
    { durable, sourceOffset }: TakenState,
    alignmentMs: number,
  ): Promise<void> {
    try {
      await Promise.all(durable.map((work) => work()));
    } catch (error) {
      this.options.onFailure(error);
      return;
    }
    const { task, number, attempt, vertex, index } = this.options.deployment;
    const declined = this.options.isEnded() ? undefined : this.options.declines?.();
    if (declined !== undefined) {
      this.decline(checkpoint, declined);
      return;
    }
    try {
      const path = stateFilePath(checkpoint, vertex, index);
      const handle = await writeStateFile(this.options.runDirectory, path, state, this.options.storageFaults);
      if (!this.options.isEnded()) {
        this.options.send({
          kind: "checkpointAck",
          checkpoint,
          task,
          number,
          attempt,
          handle,
          alignmentMs,
          ...(sourceOffset === undefined ? {} : { sourceOffset }),
        });
      }
    } catch (error) {
      if (!this.options.isEnded()) {
        this.decline(checkpoint, causeOf(error));
      }
    }
  }

  decline(checkpoint: number, cause: Cause): void {
    const { task, attempt } = this.options.deployment;
    this.options.send({ kind: "checkpointDeclined", checkpoint, task, attempt, cause });
  }
}
