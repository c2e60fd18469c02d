/**
 * One attempt of one subtask in virtual time: INITIALIZING (state, sinks, clients), RUNNING, and one of FINISHED, FAILED, CANCELED. The
 * protocol is that of `cluster/task`: what is told to the coordinator when, how barriers, the end of the data and the final checkpoint go
 * through, and what a checkpoint keeps.
 */
import type { StateHandle, TaskDeployment, ServiceEndpoint } from "../core/deployment";
import type { JobMasterInput } from "../core/jobMasterState";
import { isTerminal } from "../graph/executionState";
import type { ExecutionState } from "../graph/executionState";
import type { Cause, JournalEventBody, SubtaskName } from "../observe/journalEvent";
import { BarrierAlignment } from "./barrierAlignment";
import type { AlignedBarrier } from "./barrierAlignment";
import type { ServiceCaller } from "./clientCalls";
import { TaskInputs } from "./taskInputs";
import type { JobModel, VertexModel } from "./jobModel";
import { channelsFor, recordAt, recordsOfSubtask } from "./jobModel";
import type { TaskSnapshot } from "./taskSnapshot";
import type { ChannelItem, PartitionTable, ProducerLoss, Subpartition } from "./virtualExchange";
import { subpartitionKey } from "./virtualExchange";
import { consumersOf } from "../graph/executionGraph";
import type { VirtualDisk } from "./virtualDisk";
import type { VirtualProcess } from "./virtualProcess";
import { VirtualSink } from "./virtualSink";

/** A client of one service, as the task uses it. */
export interface TaskClient {
  readonly inFlight: number;
  call(timeoutMs: number, caller: ServiceCaller): void;
  updateEndpoints(endpoints: readonly ServiceEndpoint[]): void;
  close(): void;
}

/** How long the parts of a task's life take; the next value of each. */
export interface TaskTiming {
  initializeMs(): number;
  recordMs(): number;
  snapshotMs(): number;
  commitMs(): number;
}

/** What is done to tasks on purpose. */
export interface TaskFaults {
  /** The user function fails on this record now. */
  failsOnRecord(task: SubtaskName, record: number): boolean;
  failsToWriteState(task: SubtaskName): boolean;
  /** The state file is on the disk. */
  stateWritten(checkpoint: number, task: SubtaskName): void;
}

/** What the tasks of one TaskManager share. */
export interface TaskEnvironment {
  readonly process: VirtualProcess;
  readonly model: JobModel;
  readonly disk: VirtualDisk;
  readonly timing: TaskTiming;
  readonly faults: TaskFaults;
  readonly partitions: PartitionTable;
  now(): number;
  /** The partitions of the TaskManager with this data address; undefined when it is gone for good. */
  partitionsAt(dataAddress: string): PartitionTable | undefined;
  openClient(service: string, deployment: TaskDeployment): TaskClient;
  /** Time to load the model of an embedded service. */
  embeddedLoadMs(service: string): number;
  send(message: JobMasterInput): void;
  journal(body: JournalEventBody): void;
}

export class VirtualTask {
  readonly name: SubtaskName;
  readonly attempt: number;
  private state: ExecutionState = "INITIALIZING";
  private readonly vertex: VertexModel;
  private readonly inputs: TaskInputs | undefined;
  private readonly outputs: { readonly subpartitions: readonly Subpartition[]; readonly keys: readonly string[]; turn: number }[] = [];
  private sinks: VirtualSink[] = [];
  private readonly clients: { readonly service: string; readonly timeoutMs: number; readonly capacity: number; readonly client: TaskClient }[] = [];
  private readonly alignment: BarrierAlignment;
  private offset = 0;
  private total = 0;
  private stopped = false;
  private pacedSince = 0;
  private pacedFrom = 0;
  /** Inputs taken whose results were not emitted, by a number of their own. */
  private readonly inFlight = new Map<number, number>();
  private callCount = 0;
  private working = false;
  private sourceTimerSet = false;
  private finishing = false;
  private dataEnded = false;
  private deferredFinal: AlignedBarrier | undefined;
  private finalCheckpoint: number | undefined;
  private finalFollows = false;
  private readonly aborted = new Set<number>();

  constructor(
    private readonly environment: TaskEnvironment,
    private readonly deployment: TaskDeployment,
    private readonly onEnded: (task: VirtualTask) => void,
  ) {
    this.name = deployment.task;
    this.attempt = deployment.attempt;
    this.vertex = environment.model.vertices.get(deployment.vertex)!;
    const { checkpointing } = environment.model.job.runtime;
    const channels = deployment.inputs.reduce((sum, input) => sum + input.producers.length, 0);
    this.alignment = new BarrierAlignment(channels, checkpointing?.mode !== "AT_LEAST_ONCE", (barrier) => {
      if (!this.aborted.has(barrier.checkpoint)) this.checkpoint(barrier);
    });
    this.inputs =
      channels === 0
        ? undefined
        : new TaskInputs(environment, deployment, {
            alive: () => !this.ended,
            wake: () => this.wake(),
            lost: (producer, loss) => this.producerLost(producer, loss),
          });
  }

  get ended(): boolean {
    return isTerminal(this.state);
  }

  get executionState(): ExecutionState {
    return this.state;
  }

  get slotIndex(): number {
    return this.deployment.index;
  }

  initialize(): void {
    const { environment, deployment, vertex } = this;
    this.report("INITIALIZING");
    for (const { edge, wiring } of vertex.outputs) {
      const [from, to] = consumersOf(wiring, deployment.index);
      const keys = Array.from({ length: to - from }, (_, offset) => subpartitionKey(edge.index, this.name, this.attempt, from + offset));
      this.outputs.push({ keys, subpartitions: keys.map((key) => environment.partitions.register(key, () => this.wake())), turn: 0 });
    }
    this.inputs?.open();
    let delayMs = environment.timing.initializeMs();
    for (const { service } of vertex.services) if (service.deployment === "embedded") delayMs += environment.embeddedLoadMs(service.id);
    environment.process.post(delayMs, () => {
      if (!this.ended) this.restore();
    });
  }

  cancel(): void {
    if (!this.ended) this.end("CANCELED");
  }

  /** To a source: emit the barrier. */
  triggerCheckpoint(checkpoint: number, final: boolean): void {
    if (this.state !== "RUNNING" || this.vertex.source === undefined) {
      this.decline(checkpoint, `${this.name} is ${this.state} and cannot take a checkpoint.`);
      return;
    }
    if (this.aborted.delete(checkpoint)) return;
    const barrier: AlignedBarrier = { checkpoint, final, alignmentMs: 0 };
    if (final && !this.dataEnded) {
      this.stopped = true;
      this.deferredFinal = barrier;
      this.wake();
    } else this.checkpoint(barrier);
  }

  checkpointComplete(checkpoint: number, final: boolean): void {
    if (this.state !== "RUNNING") return;
    this.commit(checkpoint, () => {
      if (final && this.finalCheckpoint === checkpoint && !this.ended) this.finish();
    });
  }

  checkpointAborted(checkpoint: number): void {
    if (this.ended) return;
    this.aborted.add(checkpoint);
    this.alignment.abort(checkpoint);
    if (this.deferredFinal?.checkpoint === checkpoint) this.deferredFinal = undefined;
    this.wake();
  }

  updateEndpoints(service: string, endpoints: readonly ServiceEndpoint[]): void {
    for (const entry of this.clients) if (entry.service === service) entry.client.updateEndpoints(endpoints);
  }

  /** A fault of the person's own code, or of the embedded model. */
  fail(cause: Cause, producer?: SubtaskName): void {
    if (!this.ended) this.end("FAILED", cause, producer);
  }

  private restore(): void {
    const { environment, deployment, vertex } = this;
    const { restore } = deployment;
    const snapshot = restore === undefined ? undefined : environment.disk.readState(restore.handle);
    if (typeof snapshot === "string") {
      this.fail({ code: "FL2007", message: `The state file ${restore?.handle.path} cannot be read: ${snapshot}.` });
      return;
    }
    this.sinks = vertex.sinks.map((operator) => new VirtualSink(operator, deployment.index, this.attempt, environment.disk));
    for (const sink of this.sinks) {
      if (!sink.open(snapshot?.sinks[sink.operator])) {
        this.fail({ code: "FL2007", message: `A file of the sink ${sink.operator} belongs to the checkpoint and is not there.` });
        return;
      }
    }
    for (const { service, timeoutMs, capacity } of vertex.services) {
      this.clients.push({ service: service.id, timeoutMs, capacity, client: environment.openClient(service.id, deployment) });
    }
    this.offset = snapshot?.offset ?? 0;
    environment.journal({ kind: "task.restored", task: this.name, attempt: this.attempt, checkpoint: restore?.checkpoint, bytes: restore?.handle.bytes ?? 0 });
    this.state = "RUNNING";
    this.report("RUNNING");
    if (vertex.source !== undefined) {
      this.total = recordsOfSubtask(vertex.source, deployment.index, vertex.parallelism);
      this.pacedSince = environment.now();
      this.pacedFrom = this.offset;
    }
    for (const record of snapshot?.inFlight ?? []) this.take(record);
    this.wake();
  }

  /** Looks for something to do, and does it after the time it takes. */
  private wake(): void {
    if (this.working || this.state !== "RUNNING") return;
    if (this.finishing && !this.dataEnded && this.inFlight.size === 0) {
      this.work(() => this.endData());
      return;
    }
    if (this.clients.some(({ client, capacity }) => client.inFlight >= capacity)) return;
    if (this.outputs.some(({ subpartitions }) => subpartitions.some((subpartition) => subpartition.full))) return;
    if (this.inputs !== undefined) {
      const channel = this.inputs.next((candidate) => this.alignment.isBlocked(candidate));
      if (channel !== undefined) this.work(() => this.takeItem(channel));
    } else if (!this.finishing) this.pollSource();
  }

  private work(step: () => void): void {
    this.working = true;
    this.environment.process.post(this.environment.timing.recordMs(), () => {
      this.working = false;
      if (this.state !== "RUNNING") return;
      step();
      this.wake();
    });
  }

  private pollSource(): void {
    const { environment, vertex, deployment } = this;
    const source = vertex.source;
    if (source === undefined) return;
    if (this.stopped || this.offset >= this.total) {
      this.finishing = true;
      this.wake();
      return;
    }
    const intervalMs = (1000 * vertex.parallelism) / source.ratePerSecond;
    const dueAt = this.pacedSince + (this.offset - this.pacedFrom) * intervalMs;
    if (environment.now() >= dueAt) {
      this.work(() => {
        if (this.stopped) return;
        const record = recordAt(source, deployment.index + this.offset * vertex.parallelism);
        this.offset++;
        this.take(record);
      });
      return;
    }
    if (this.sourceTimerSet) return;
    this.sourceTimerSet = true;
    environment.process.timer(dueAt, () => {
      this.sourceTimerSet = false;
      this.wake();
    });
  }

  private takeItem(channel: number): void {
    const item = this.inputs!.take(channel);
    if (item === undefined) return;
    switch (item.kind) {
      case "record":
        this.take(item.record);
        return;
      case "barrier":
        this.alignment.onBarrier(channel, item.checkpoint, item.final, this.environment.now());
        return;
      case "endOfData":
        if (item.final) this.finalFollows = true;
        if (this.inputs!.endOfData(channel)) this.finishing = true;
        return;
      case "endOfPartition":
        this.inputs!.endOfPartition(channel);
        this.alignment.onEndOfPartition(channel, this.environment.now());
    }
  }

  private take(record: number): void {
    if (this.environment.faults.failsOnRecord(this.name, record)) {
      this.fail({ code: "FL2004", message: `A function of ${this.name} failed on the record ${record}.` });
      return;
    }
    if (this.clients.length === 0) this.emit(record);
    else {
      const id = this.callCount++;
      this.inFlight.set(id, record);
      this.call(id, record, 0);
    }
  }

  private call(id: number, record: number, position: number): void {
    const entry = this.clients[position];
    if (entry === undefined) {
      this.inFlight.delete(id);
      this.emit(record);
      this.wake();
      return;
    }
    entry.client.call(entry.timeoutMs, {
      onResult: () => {
        if (!this.ended) this.call(id, record, position + 1);
      },
      onError: (message) => this.fail({ code: "FL3009", message: `A call of ${this.name} to "${entry.service}" failed: ${message}.` }),
    });
  }

  private emit(record: number): void {
    for (const sink of this.sinks) sink.add(record);
    this.vertex.outputs.forEach((model, index) => {
      const output = this.outputs[index];
      for (const channel of channelsFor(model, this.deployment.index, record, output.turn++)) {
        output.subpartitions[channel].add({ kind: "record", record });
      }
    });
  }

  private endData(): void {
    this.dataEnded = true;
    const { deferredFinal } = this;
    if (deferredFinal !== undefined) this.finalFollows = true;
    this.broadcast({ kind: "endOfData", final: this.finalFollows });
    if (deferredFinal !== undefined) {
      this.deferredFinal = undefined;
      this.checkpoint(deferredFinal);
    } else if (this.vertex.source !== undefined) {
      this.environment.send({ kind: "endOfData", task: this.name, attempt: this.attempt });
    }
    if (this.environment.model.job.runtime.checkpointing === undefined && !this.finalFollows) {
      this.commit(undefined, () => {
        if (!this.ended) this.finish();
      });
    }
  }

  private checkpoint(barrier: AlignedBarrier): void {
    const { checkpoint, final, alignmentMs } = barrier;
    if (final && !this.dataEnded) {
      this.deferredFinal = barrier;
      return;
    }
    const { environment } = this;
    this.broadcast({ kind: "barrier", checkpoint, final });
    if (final) this.finalCheckpoint = checkpoint;
    const snapshot: TaskSnapshot = {
      offset: this.offset,
      inFlight: [...this.inFlight.values()],
      sinks: Object.fromEntries(this.sinks.map((sink) => [sink.operator, sink.snapshot(checkpoint)])),
    };
    const isSource = this.vertex.source !== undefined;
    environment.process.post(environment.timing.snapshotMs(), () => {
      if (environment.faults.failsToWriteState(this.name)) {
        if (!this.ended) this.decline(checkpoint, "State cannot be written: the disk reports an error.");
        return;
      }
      const handle: StateHandle = environment.disk.writeState(checkpoint, this.name, snapshot);
      environment.faults.stateWritten(checkpoint, this.name);
      if (this.ended) return;
      environment.send({
        kind: "checkpointAck",
        checkpoint,
        task: this.name,
        number: this.deployment.number,
        attempt: this.attempt,
        handle,
        alignmentMs,
        ...(isSource ? { sourceOffset: snapshot.offset } : {}),
      });
    });
  }

  private decline(checkpoint: number, message: string): void {
    this.environment.send({ kind: "checkpointDeclined", checkpoint, task: this.name, attempt: this.attempt, cause: { code: "FL2006", message } });
  }

  /** Commits one file after the other, each after its time; goes on when the task ends meanwhile, as the real one does. */
  private commit(checkpoint: number | undefined, then: () => void): void {
    const { process, timing } = this.environment;
    const work = this.sinks.flatMap((sink) => sink.ready(checkpoint).map((file) => ({ sink, file })));
    const step = (index: number): void => {
      const next = work[index];
      if (next === undefined) {
        then();
        return;
      }
      process.post(timing.commitMs(), () => {
        if (!next.sink.commit(next.file)) {
          this.fail({ code: "FL2009", message: `A file of the sink ${next.sink.operator} is gone.` });
          return;
        }
        this.environment.journal({ kind: "sink.committed", task: this.name, checkpoint, files: [next.file.finalName], records: next.file.records });
        step(index + 1);
      });
    };
    step(0);
  }

  private finish(): void {
    this.broadcast({ kind: "endOfPartition" });
    this.end("FINISHED");
  }

  private broadcast(item: ChannelItem): void {
    for (const output of this.outputs) for (const subpartition of output.subpartitions) subpartition.add(item);
  }

  private producerLost(producer: SubtaskName, loss: ProducerLoss): void {
    this.fail({ code: "FL2005", message: `${this.name} lost its input: ${producer} (${loss}).` }, producer);
  }

  private end(state: "FINISHED" | "FAILED" | "CANCELED", cause?: Cause, producer?: SubtaskName): void {
    const { environment } = this;
    this.state = state;
    environment.send({ kind: "taskState", task: this.name, attempt: this.attempt, state, ...(cause && { cause }), ...(producer && { producer }) });
    const loss = state === "FINISHED" ? undefined : state === "FAILED" ? "failed" : "canceled";
    for (const output of this.outputs) for (const key of output.keys) environment.partitions.release(key, loss);
    for (const { client } of this.clients) client.close();
    this.onEnded(this);
  }

  private report(state: ExecutionState): void {
    this.environment.send({ kind: "taskState", task: this.name, attempt: this.attempt, state });
  }
}
