/** The operators of one subtask, put together: a tree of direct calls with channels to other tasks at its ends. Flink's `OperatorChain`. */
import type { ExecutionGraph } from "../graph/executionGraph";
import { consumersOf } from "../graph/executionGraph";
import { FaultlineError } from "../graph/errors";
import type { JobSpec, KeySelector, OperatorSpec } from "../graph/jobFile";
import type { JobEdge, JobGraph, JobVertex } from "../graph/jobGraph";
import type { SubtaskName } from "../observe/journalEvent";
import { createOperator } from "../operators/createOperator";
import type { KeyFunction, PartitionerFunction } from "../operators/functions";
import { keyReader } from "../operators/stateKey";
import { OperatorOutput } from "../operators/streamOperator";
import type { ElementReceiver, LoadedFunction, OperatorContext, StreamOperator } from "../operators/streamOperator";
import type { FunctionRef } from "../graph/jobFile";
import type { TaskGate } from "./debug/taskGate";
import { channelSelector } from "./exchange/channelSelector";
import { RecordWriter } from "./exchange/recordWriter";
import { ResultPartition } from "./exchange/resultPartition";

export interface OperatorChainOptions {
  readonly job: JobSpec;
  readonly graph: JobGraph;
  readonly execution: ExecutionGraph;
  readonly vertex: JobVertex;
  readonly task: SubtaskName;
  readonly subtask: number;
  readonly attempt: number;
  /** Where the partition of an edge is kept, if it is. */
  readonly partitionFile: (edge: number) => string;
  readonly onOutputBlocked: (blocked: boolean) => void;
  readonly loadFunction: <F>(ref: FunctionRef, operator: string) => LoadedFunction<F>;
  readonly contextOf: (operator: OperatorSpec, keyField: string | undefined) => OperatorContext;
  /** Debug runs: where records can be held. */
  readonly gate?: Pick<TaskGate, "before">;
  /** A sink takes its first element. */
  readonly onFirstSinkElement: () => void;
}

/** Counts what goes into a sink. */
class SinkInput implements ElementReceiver {
  elements = 0;

  constructor(
    private readonly sink: StreamOperator,
    private readonly onFirst: () => void,
  ) {}

  element(value: unknown, timestamp: number | undefined): void {
    if (this.elements++ === 0) {
      this.onFirst();
    }
    this.sink.element(value, timestamp);
  }

  watermark(timestamp: number): void {
    this.sink.watermark(timestamp);
  }
}

export class OperatorChain {
  /** In topological order; with their ids. */
  readonly operators: readonly { readonly id: string; readonly operator: StreamOperator }[];
  /** Where the task's input goes. */
  readonly head: ElementReceiver;
  readonly headOperator: StreamOperator;
  /** Tells the head the key of the next element, by input edge. */
  readonly keySetters: ReadonlyMap<number, (value: unknown) => void>;
  private readonly sinkInputs: SinkInput[] = [];

  private constructor(
    readonly partitions: readonly ResultPartition[],
    private readonly writers: readonly RecordWriter[],
    options: OperatorChainOptions,
    writersOf: ReadonlyMap<
      string,
      readonly { readonly writer: RecordWriter; readonly target: string; readonly sideOutput: string | undefined }[]
    >,
  ) {
    const { vertex, graph } = options;
    const inputs = graph.edges.filter((edge) => edge.target === vertex.id);
    const receivers = new Map<string, ElementReceiver>();
    const operators: { id: string; operator: StreamOperator }[] = [];
    for (const { id, spec } of vertex.operators.toReversed()) {
      const targets = [
        ...vertex.chainedEdges
          .filter(({ source }) => source === id)
          .map(({ target, edge }) => ({
            receiver: onEdge(options, id, target, receivers.get(target)!),
            sideOutput: edge.sideOutput,
          })),
        ...(writersOf.get(id) ?? []).map(({ writer, target, sideOutput }) => ({
          receiver: onEdge(options, id, target, writer),
          sideOutput,
        })),
      ].map((target) =>
        spec.kind === "source" ? { ...target, receiver: atOperator(options, id, target.receiver) } : target,
      );
      const side = new Map<string, ElementReceiver[]>();
      for (const { receiver, sideOutput } of targets) {
        if (sideOutput !== undefined) {
          side.set(sideOutput, [...(side.get(sideOutput) ?? []), receiver]);
        }
      }
      const main = targets.filter(({ sideOutput }) => sideOutput === undefined).map(({ receiver }) => receiver);
      const key =
        inputs.find(({ targetOperator, ship }) => targetOperator === id && ship === "HASH")?.edge.key ??
        vertex.chainedEdges.find(({ target, edge }) => target === id && edge.ship === "HASH")?.edge.key;
      const keyField = key?.kind === "field" ? key.field : undefined;
      const operator = createOperator(options.contextOf(spec, keyField), new OperatorOutput(main, side));
      operators.unshift({ id, operator });
      const receiver = spec.kind === "sink" ? this.sinkInput(operator, options.onFirstSinkElement) : operator;
      receivers.set(id, atOperator(options, id, receiver));
    }
    this.operators = operators;
    this.headOperator = operators[0].operator;
    this.head = receivers.get(vertex.id)!;
    this.keySetters = new Map(
      inputs.flatMap((edge) => {
        const key = edge.ship === "HASH" ? edge.edge.key : undefined;
        if (key === undefined) {
          return [];
        }
        const read = readerOf(key, edge.targetOperator, options);
        return [[edge.index, (value: unknown) => this.headOperator.setKey(read(value))] as const];
      }),
    );
  }

  /** Makes the partitions and the operators; loads the person's functions. Throws FL1020, FL1021. */
  static build(options: OperatorChainOptions): OperatorChain {
    const { graph, vertex } = options;
    const partitions: ResultPartition[] = [];
    const writers: RecordWriter[] = [];
    const writersOf = new Map<string, { writer: RecordWriter; target: string; sideOutput: string | undefined }[]>();
    for (const edge of graph.edges.filter(({ source }) => source === vertex.id)) {
      const [from, to] = consumersOf(options.execution.edges[edge.index], options.subtask);
      const partition = new ResultPartition({
        id: { task: options.task, attempt: options.attempt, edge: edge.index },
        firstConsumer: from,
        consumers: to - from,
        type: edge.partitionType,
        file: options.partitionFile(edge.index),
        onBlocked: options.onOutputBlocked,
      });
      const writer = new RecordWriter(partition, selectorOf(edge, to - from, options), edge.sourceOperator);
      partitions.push(partition);
      writers.push(writer);
      writersOf.set(edge.sourceOperator, [
        ...(writersOf.get(edge.sourceOperator) ?? []),
        { writer, target: edge.targetOperator, sideOutput: edge.edge.sideOutput },
      ]);
    }
    return new OperatorChain(partitions, writers, options, writersOf);
  }

  /** Elements given to other tasks and to sinks. */
  get recordsOut(): number {
    return (
      this.writers.reduce((sum, writer) => sum + writer.recordsOut, 0) +
      this.sinkInputs.reduce((sum, sink) => sum + sink.elements, 0)
    );
  }

  /** The checkpoint is complete, or (`undefined`) a job without checkpoints has ended. */
  async commit(checkpoint: number | undefined): Promise<void> {
    for (const { operator } of this.operators) {
      await operator.checkpointComplete(checkpoint);
    }
  }

  /** Batch: see `StreamOperator.prepareCommit`. */
  async prepareCommit(): Promise<void> {
    for (const { operator } of this.operators) {
      await operator.prepareCommit();
    }
  }

  private sinkInput(operator: StreamOperator, onFirst: () => void): SinkInput {
    const input = new SinkInput(operator, onFirst);
    this.sinkInputs.push(input);
    return input;
  }
}

function onEdge({ gate }: OperatorChainOptions, from: string, to: string, receiver: ElementReceiver): ElementReceiver {
  return gate === undefined ? receiver : gate.before({ kind: "edge", from, to }, receiver);
}

function atOperator({ gate }: OperatorChainOptions, operator: string, receiver: ElementReceiver): ElementReceiver {
  return gate === undefined ? receiver : gate.before({ kind: "operator", operator }, receiver);
}

function readerOf(key: KeySelector, target: string, options: OperatorChainOptions): (value: unknown) => unknown {
  return keyReader(key, target, (ref) => options.loadFunction<KeyFunction>(ref, target));
}

function selectorOf(edge: JobEdge, channels: number, options: OperatorChainOptions): (value: unknown) => number {
  const { key, partitioner } = edge.edge;
  const target = options.graph.vertices.find(({ id }) => id === edge.target)!;
  return channelSelector({
    ship: edge.ship,
    channels,
    subtask: options.subtask,
    seed: `${options.task}/${options.attempt}/${edge.index}`,
    key: key === undefined ? undefined : readerOf(key, edge.targetOperator, options),
    maxParallelism: target.maxParallelism,
    partitioner:
      partitioner === undefined
        ? undefined
        : checkedPartitioner(options.loadFunction<PartitionerFunction>(partitioner, edge.sourceOperator), edge),
  });
}

function checkedPartitioner(
  loaded: LoadedFunction<PartitionerFunction>,
  edge: JobEdge,
): (value: unknown, channels: number) => number {
  return (value, channels) => {
    let channel: number;
    try {
      channel = loaded.call(value, channels);
    } catch (error) {
      throw loaded.failed(error, value);
    }
    if (!Number.isInteger(channel) || channel < 0 || channel >= channels) {
      throw FaultlineError.of(
        "FL2004",
        `The partitioner of the edge ${edge.sourceOperator} → ${edge.targetOperator} gave the channel ${String(channel)}.`,
        `It must give a whole number from 0 to ${channels - 1}.`,
      );
    }
    return channel;
  };
}
