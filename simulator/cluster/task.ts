/**
 * One attempt of one subtask: INITIALIZING (functions, state, clients), RUNNING, and one of FINISHED, FAILED, CANCELED. Flink's `Task` and
 * `StreamTask`.
 *
 * The end of the data: sources send the watermark ∞ and EndOfData; every task behind gives what it holds back and passes EndOfData on. With
 * checkpoints the task then waits for the final one, so that its sinks can commit, and finishes when that is complete (FLIP-147). Without,
 * it commits and finishes at once; in batch it leaves the commit to the end of the job.
 */
import { join } from "node:path";
import { FaultlineError } from "../graph/errors";
import type { ExecutionState } from "../graph/executionState";
import { isTerminal } from "../graph/executionState";
import type { JobVertex } from "../graph/jobGraph";
import type { Cause, InstanceMetrics, SubtaskName, TaskMetrics } from "../observe/journalEvent";
import { SourceOperator } from "../operators/sourceOperator";
import { readStateFile } from "./checkpointStorage";
import type { InFlightState } from "./checkpointStorage";
import type { ServiceEndpoint, TaskDeployment } from "./controlMessages";
import type { TaskGate } from "./debug/taskGate";
import type { CheckpointBarrier, ExchangeEvent } from "./exchange/exchangeEvent";
import type { InputChannel, ProducerLoss } from "./exchange/inputChannel";
import { InputGate } from "./exchange/inputGate";
import { connectLocally } from "./exchange/localChannel";
import { OperatorChain } from "./operatorChain";
import { OperatorContexts } from "./operatorContexts";
import { OperatorFinish } from "./operatorFinish";
import { runPaths } from "./runDirectory";
import { SubtaskCheckpoints } from "./subtaskCheckpoints";
import { TaskCounters } from "./taskCounters";
import { causeOf } from "./taskEnvironment";
import type { TaskEnvironment } from "./taskEnvironment";
import { TaskInput } from "./taskInput";
import { TaskLoop } from "./taskLoop";

const SOURCE_STEP = 256;
/** How long a task waits to be canceled after its producer was. */
const CANCELED_PRODUCER_WAIT_MS = 10_000;

export class Task {
  readonly name: SubtaskName;
  readonly attempt: number;
  private state: ExecutionState = "INITIALIZING";
  private readonly vertex: JobVertex;
  private readonly loop: TaskLoop;
  private chain: OperatorChain | undefined;
  private input: TaskInput | undefined;
  private gate: InputGate | undefined;
  private debugGate: TaskGate | undefined;
  private readonly contexts: OperatorContexts;
  private readonly counters = new TaskCounters();
  private readonly finishing = new OperatorFinish();
  private dataEnded = false;
  /** A final barrier that came while operators were still finishing. */
  private deferredFinal: { readonly barrier: CheckpointBarrier; readonly alignmentMs: number } | undefined;
  private finalCheckpoint: number | undefined;
  /** The barrier of a stop-with-savepoint was taken: what would come after it belongs to the run that starts from it. */
  private suspended = false;
  private readonly checkpoints: SubtaskCheckpoints;
  private readonly aborted = new Set<number>();
  private sinkSeen = false;

  constructor(
    private readonly environment: TaskEnvironment,
    private readonly deployment: TaskDeployment,
    /** Told once, in a terminal state. */
    private readonly onEnded: (task: Task) => void,
  ) {
    this.name = deployment.task;
    this.attempt = deployment.attempt;
    this.vertex = environment.graph.vertices.find(({ id }) => id === deployment.vertex)!;
    const flushAlways = environment.job.runtime.bufferTimeoutMs === 0;
    this.checkpoints = new SubtaskCheckpoints({
      deployment,
      runDirectory: environment.runDirectory,
      send: (message) => environment.send(message),
      isEnded: () => this.ended,
      onFailure: (error) => this.fail(error),
      storageFaults: environment.faults?.storage,
      declines: () => environment.faults?.declines(deployment.task),
    });
    this.loop = new TaskLoop({
      scheduler: environment.scheduler,
      step: () => this.step(),
      onError: (error) => this.fail(error),
      journal: (body) => environment.journal(body),
      log: (level, message) => environment.journal({ kind: "log", process: environment.process, level, message }),
      afterSlice: () => {
        if (flushAlways) {
          this.flush();
        }
      },
    });
    this.contexts = new OperatorContexts({
      environment,
      deployment,
      parallelism: this.vertex.parallelism,
      control: this.loop,
      isEnded: () => this.ended,
      gate: () => this.debugGate,
    });
  }

  get ended(): boolean {
    return isTerminal(this.state);
  }

  /** Never throws: a task that cannot begin fails. */
  async initialize(): Promise<void> {
    this.report("INITIALIZING");
    try {
      const { deployment, environment } = this;
      const restored =
        deployment.restore === undefined
          ? undefined
          : await readStateFile(environment.runDirectory, deployment.restore.handle);
      if (this.ended) {
        return;
      }
      this.debugGate = environment.streamDebugger?.gate(
        this.name,
        this.loop,
        (id) => this.chain?.operators.find((one) => one.id === id)?.operator.debugView() ?? {},
      );
      this.chain = OperatorChain.build({
        job: environment.job,
        graph: environment.graph,
        execution: environment.execution,
        vertex: this.vertex,
        task: this.name,
        subtask: deployment.index,
        attempt: this.attempt,
        partitionFile: (edge) =>
          join(
            runPaths.partitions(environment.runDirectory),
            `${encodeURIComponent(deployment.vertex)}-${deployment.index}.${this.attempt}.${edge}.data`,
          ),
        onOutputBlocked: (blocked) => this.loop.blockOutput(blocked),
        loadFunction: (ref, operator) => this.contexts.loadFunction(ref, operator),
        contextOf: (operator, keyField) => this.contexts.of(operator, keyField),
        onFirstSinkElement: () => this.firstSinkElement(),
        gate: this.debugGate,
      });
      for (const partition of this.chain.partitions) {
        partition.restore(restored?.inFlight?.outputs.find(({ edge }) => edge === partition.id.edge)?.states ?? []);
        environment.partitions.register(partition);
      }
      if (deployment.inputs.length > 0) {
        this.openInputs(this.chain, restored?.inFlight);
      }
      for (const { id, operator } of this.chain.operators) {
        await operator.open(restored?.operators[id]);
        if (this.ended) {
          await operator.close();
          return;
        }
      }
      environment.journal({
        kind: "task.restored",
        task: this.name,
        attempt: this.attempt,
        checkpoint: deployment.restore?.checkpoint,
        bytes: deployment.restore?.handle.bytes ?? 0,
      });
      this.counters.beginAt(this.source?.offset ?? 0);
      this.state = "RUNNING";
      this.report("RUNNING");
      for (const { operator } of this.chain.operators) {
        operator.start();
      }
      this.loop.start();
    } catch (error) {
      this.fail(error);
    }
  }

  cancel(): void {
    if (!this.ended) {
      this.end("CANCELED");
    }
  }

  /** To a source: emit the barrier. A savepoint's is aligned also where the job's checkpoints are not. */
  triggerCheckpoint(checkpoint: number, final: boolean, savepoint: "suspend" | "go on" | undefined): void {
    const { source } = this;
    if (this.state !== "RUNNING" || source === undefined) {
      const message = `${this.name} is ${this.state} and cannot take a checkpoint.`;
      this.checkpoints.decline(checkpoint, { code: "FL2006", message });
      return;
    }
    this.loop.post(() => {
      const { checkpointing } = this.environment;
      const unaligned =
        !final && savepoint === undefined && checkpointing?.unaligned === true && checkpointing.mode === "EXACTLY_ONCE";
      const suspend = savepoint === "suspend" ? { suspend: true } : {};
      const barrier: CheckpointBarrier = { kind: "barrier", checkpoint, final, unaligned, ...suspend };
      if (this.aborted.delete(checkpoint)) {
        return;
      }
      if (final && !this.dataEnded) {
        source.stop();
        this.deferredFinal = { barrier, alignmentMs: 0 };
      } else {
        this.checkpoint(barrier, 0);
      }
    });
  }

  checkpointComplete(checkpoint: number, final: boolean): void {
    if (this.state !== "RUNNING") {
      return;
    }
    this.chain!.commit(checkpoint).then(
      () => {
        if (final && this.finalCheckpoint === checkpoint && !this.ended) {
          this.finish();
        }
      },
      (error: unknown) => this.fail(error),
    );
  }

  checkpointAborted(checkpoint: number): void {
    if (this.ended) {
      return;
    }
    this.aborted.add(checkpoint);
    for (const old of [...this.aborted].filter((other) => other < checkpoint - 16)) {
      this.aborted.delete(old);
    }
    this.input?.abortCheckpoint(checkpoint);
    if (this.deferredFinal?.barrier.checkpoint === checkpoint) {
      this.deferredFinal = undefined;
    }
    if (this.finalCheckpoint === checkpoint) {
      this.suspended = false;
    }
    this.loop.wake();
  }

  /** Fault: the next record that arrives throws. False where none arrives: a source has no input. */
  poisonNextRecord(onThrow: () => void): boolean {
    this.input?.poisonNext(onThrow);
    return this.input !== undefined;
  }

  updateEndpoints(service: string, endpoints: readonly ServiceEndpoint[]): void {
    for (const entry of this.contexts.clients) {
      if (entry.service === service) {
        entry.client.updateEndpoints?.(endpoints);
      }
    }
  }

  /** Sends what waits in buffers that are not full. */
  flush(): void {
    for (const partition of this.chain?.partitions ?? []) {
      partition.flush();
    }
  }

  takeMetrics(): TaskMetrics {
    const { attempt, loop, chain, input, gate, source } = this;
    return this.counters.take({ attempt, loop, chain, input, gate, source, clients: this.contexts.clients });
  }

  /** Of the models that run in this task (`deployment: embedded`), under the names of their copies. */
  takeModelMetrics(): Readonly<Record<SubtaskName, InstanceMetrics>> {
    const copies = this.contexts.clients.flatMap(({ service, client }) => {
      const metrics = client.takeModelMetrics?.();
      return metrics === undefined
        ? []
        : [[`${service}#${this.deployment.index}`, { attempt: this.attempt, ...metrics }] as const];
    });
    return Object.fromEntries(copies);
  }

  private get source(): SourceOperator | undefined {
    const head = this.chain?.headOperator;
    return head instanceof SourceOperator ? head : undefined;
  }

  private step(): "progress" | "idle" {
    if (this.suspended) {
      return "idle";
    }
    if (this.finishing.begun && !this.dataEnded && this.advanceFinish()) {
      return "progress";
    }
    if (this.input !== undefined) {
      return this.input.step();
    }
    if (this.finishing.begun) {
      return "idle";
    }
    const polled = this.source!.poll(SOURCE_STEP);
    if (polled.kind === "end") {
      if (!this.loop.hasPendingWork) {
        this.finishing.begin();
      }
      return "progress";
    }
    if (polled.kind === "wait") {
      this.loop.wakeAfter(polled.waitMs);
      return "idle";
    }
    return "progress";
  }

  /** One operator after the other gives what it holds back. False when it has to wait. */
  private advanceFinish(): boolean {
    const { operators, partitions } = this.chain!;
    const outcome = this.finishing.advance(operators);
    if (outcome !== "done") {
      return outcome === "progress";
    }
    this.dataEnded = true;
    this.broadcast({ kind: "endOfData" });
    partitions.forEach((partition) => partition.flush());
    const { deferredFinal } = this;
    if (deferredFinal !== undefined) {
      this.deferredFinal = undefined;
      this.checkpoint(deferredFinal.barrier, deferredFinal.alignmentMs);
    } else if (this.source !== undefined) {
      this.environment.send({ kind: "endOfData", task: this.name, attempt: this.attempt });
    }
    if (this.environment.checkpointing === undefined && this.finalCheckpoint === undefined) {
      const committed = this.environment.job.runtime.mode === "batch" ? this.chain!.prepareCommit() : this.chain!.commit(undefined);
      committed.then(
        () => {
          if (!this.ended) {
            this.finish();
          }
        },
        (error: unknown) => this.fail(error),
      );
    }
    return true;
  }

  /** All channels delivered the barrier, or this is a source: take the state, pass the barrier on, and acknowledge when it is durable. */
  private checkpoint(barrier: CheckpointBarrier, alignmentMs: number): void {
    const { checkpoint, final, suspend } = barrier;
    if (final && !this.dataEnded) {
      this.deferredFinal = { barrier, alignmentMs };
      return;
    }
    if (final || suspend === true) {
      this.finalCheckpoint = checkpoint;
      this.suspended = suspend === true;
    }
    this.checkpoints.take(this.chain!, barrier, alignmentMs);
  }

  private finish(): void {
    this.broadcast({ kind: "endOfPartition" });
    this.end("FINISHED");
  }

  private broadcast(event: ExchangeEvent): void {
    for (const partition of this.chain!.partitions) {
      partition.broadcastEvent(event);
    }
  }

  private fail(error: unknown, producer?: SubtaskName): void {
    if (!this.ended) {
      this.end("FAILED", causeOf(error), producer);
    }
  }

  private end(state: "FINISHED" | "FAILED" | "CANCELED", cause?: Cause, producer?: SubtaskName): void {
    this.state = state;
    this.environment.send({
      kind: "taskState",
      task: this.name,
      attempt: this.attempt,
      state,
      ...(cause === undefined ? {} : { cause }),
      ...(producer === undefined ? {} : { producer }),
    });
    // What was counted since the last metrics must not be lost with the task.
    this.environment.journal({
      kind: "metrics",
      intervalMs: 0,
      process: this.environment.process,
      rssBytes: process.memoryUsage.rss(),
      tasks: { [this.name]: this.takeMetrics() },
      instances: this.takeModelMetrics(),
    });
    this.loop.stop();
    this.input?.close();
    this.gate?.close();
    for (const partition of this.chain?.partitions ?? []) {
      if (state === "FINISHED") {
        this.environment.partitions.releaseWhenConsumed(partition);
      } else {
        this.environment.partitions.release(partition, state === "FAILED" ? "failed" : "canceled");
      }
    }
    for (const { operator } of this.chain?.operators ?? []) {
      operator.close().catch(() => {});
    }
    for (const { client } of this.contexts.clients) {
      client.close().catch(() => {});
    }
    this.onEnded(this);
  }

  private report(state: ExecutionState): void {
    this.environment.send({ kind: "taskState", task: this.name, attempt: this.attempt, state });
  }

  private openInputs(chain: OperatorChain, inFlight: InFlightState | undefined): void {
    const { environment, deployment } = this;
    const gate = new InputGate(
      deployment.inputs,
      () => this.loop.wake(),
      (channel, loss) => this.producerLost(channel, loss),
      (channel, barrier) => this.input?.barrierOvertook(channel, barrier),
    );
    this.gate = gate;
    this.input = new TaskInput({
      gate,
      loop: this.loop,
      checkpointMode: environment.checkpointing?.mode ?? "EXACTLY_ONCE",
      head: chain.head,
      keySetters: chain.keySetters,
      onCheckpoint: (barrier, alignmentMs) => {
        if (!this.aborted.has(barrier.checkpoint)) {
          this.checkpoint(barrier, alignmentMs);
        }
      },
      onUnalignedCheckpoint: (barrier) => this.checkpoints.begin(chain, barrier),
      onInFlightKnown: (barrier, state, alignmentMs) => this.checkpoints.complete(gate, barrier, state, alignmentMs),
      onEndOfData: () => {
        this.finishing.begin();
      },
    });
    for (const { edge, producer, state } of inFlight?.inputs ?? []) {
      gate.channels.find((channel) => channel.edge === edge && channel.producer.task === producer)?.restore(state);
    }
    for (const channel of gate.channels) {
      if (channel.producer.dataAddress === environment.dataAddress) {
        connectLocally(environment.partitions, channel, deployment.index, this.attempt);
      } else {
        environment.connections.to(channel.producer.dataAddress).request(channel, deployment.index, this.attempt);
      }
    }
  }

  private producerLost(channel: InputChannel, loss: ProducerLoss): void {
    const { task, process: host } = channel.producer;
    const why: Record<ProducerLoss, string> = {
      failed: `${task} failed`,
      canceled: `${task} was canceled`,
      disconnected: `the connection to ${task} on ${host} broke`,
      notFound: `${task} on ${host} did not begin to produce in time`,
    };
    const fail = (): void => this.fail(FaultlineError.of("FL2005", `${this.name} lost its input: ${why[loss]}.`), task);
    if (loss === "canceled") {
      // Whoever cancels a producer cancels its consumers, too: this is no failure unless that does not come.
      this.loop.setTimer(Date.now() + CANCELED_PRODUCER_WAIT_MS, fail);
    } else {
      fail();
    }
  }

  private firstSinkElement(): void {
    if (!this.sinkSeen) {
      this.sinkSeen = true;
      this.environment.journal({ kind: "sink.first-record", task: this.name });
    }
  }
}
