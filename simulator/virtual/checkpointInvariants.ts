/**
 * Checkpoints complete only when every task that has to has acknowledged; tasks start from the latest complete one, and it is on the disk. One
 * that cannot be read is gone back behind, once, and for good.
 */
import type { CompletedCheckpoint } from "../core/checkpoint";
import type { JobMasterCommand, JobMasterInput, JobMasterState } from "../core/jobMasterState";
import type { JournalEventBody, SubtaskName } from "../observe/journalEvent";
import { ensure } from "./invariantViolation";
import type { VirtualWorld } from "./virtualWorld";

type Triggered = Extract<JournalEventBody, { kind: "checkpoint.triggered" }>;
type Damaged = Extract<JournalEventBody, { kind: "checkpoint.damaged" }>;
type Failure = Extract<JournalEventBody, { kind: "failure" }>;
type Completed = Extract<JournalEventBody, { kind: "checkpoint.completed" }>;

export class CheckpointRecord {
  /** Checkpoint → tasks that have to acknowledge, with their attempts. */
  private readonly required = new Map<number, ReadonlyMap<SubtaskName, number>>();
  private readonly final = new Set<number>();
  private readonly acknowledged = new Map<number, Map<SubtaskName, number>>();
  private readonly stored = new Set<number>();
  /** Complete ones that a restart may begin from. */
  private complete: number[] = [];
  /** Said to be damaged, and another one was restored instead: never to be restored again. */
  private givenUp = new Set<number>();
  /** Said to be damaged. Where the coordinator dies before it starts a task, nobody may ever read that. */
  private saidDamaged: number[] = [];
  /** Attempt of a task → the checkpoint that it was to be restored from. */
  private readonly restored = new Map<string, number>();
  latestCompleted = 0;
  /** The last one that was held against the tasks. */
  latestWhole = 0;
  private readonly stoppedAt = new Map<number, number>();
  private readonly sourcesAtEnd = new Map<SubtaskName, number>();

  /** A new coordinator knows nothing of what was pending; what is complete and can be read stays. */
  afterRecovery(world: VirtualWorld): CheckpointRecord {
    const next = new CheckpointRecord();
    next.latestCompleted = this.latestCompleted;
    next.givenUp = this.givenUp;
    for (const given of this.journalled(world)) next.givenUp.add(given);
    const { completed, damaged } = world.disk.readCheckpoints();
    next.complete = completed.map(({ checkpoint }) => checkpoint).filter((checkpoint) => !this.givenUp.has(checkpoint));
    for (const { checkpoint } of damaged) if (checkpoint > (next.latest ?? 0)) next.saidDamaged.push(checkpoint);
    return next;
  }

  /** Said to be damaged, and in what is left of the journal: the new coordinator has read it, whether a task was started since or not. */
  private journalled(world: VirtualWorld): readonly number[] {
    if (this.saidDamaged.length === 0) return [];
    const { events } = world.journal;
    const before = events.slice(0, events.findLastIndex(({ kind }) => kind === "coordinator.recovered"));
    return this.saidDamaged.filter((given) => before.some((event) => event.kind === "checkpoint.damaged" && event.checkpoint === given));
  }

  /** What a restart has to begin from. */
  get latest(): number | undefined {
    return this.complete.at(-1);
  }

  isStored(checkpoint: number): boolean {
    return this.stored.has(checkpoint);
  }

  /** How long the coordinator had stood still when the checkpoint was triggered. */
  stoppedAtTrigger(checkpoint: number, nowMs: number): number {
    const known = this.stoppedAt.get(checkpoint);
    if (known === undefined) this.stoppedAt.set(checkpoint, nowMs);
    return known ?? nowMs;
  }

  onInput(input: JobMasterInput): void {
    if (input.kind === "endOfData") this.sourcesAtEnd.set(input.task, input.attempt);
    if (input.kind === "checkpointStored") this.stored.add(input.checkpoint);
    if (input.kind !== "checkpointAck") return;
    const tasks = this.acknowledged.get(input.checkpoint) ?? new Map<SubtaskName, number>();
    this.acknowledged.set(input.checkpoint, tasks);
    // The attempt that was asked counts; a later word of another attempt does not take its place.
    if (this.required.get(input.checkpoint)?.get(input.task) === input.attempt) tasks.set(input.task, input.attempt);
  }

  onDamaged({ checkpoint }: Damaged): void {
    ensure(checkpoint === this.latest, "given-up", `checkpoint ${checkpoint} is said to be damaged; the latest is ${this.latest ?? "none"}`);
    ensure(this.complete.length > 1, "given-up", `checkpoint ${checkpoint} is given up, and there is none before it`);
    this.complete.pop();
    this.saidDamaged.push(checkpoint);
  }

  onDiscarded(checkpoint: number): void {
    this.complete = this.complete.filter((other) => other !== checkpoint);
  }

  onDeployed(task: SubtaskName, attempt: number, checkpoint: number | undefined): void {
    for (const given of this.saidDamaged.splice(0)) this.givenUp.add(given);
    if (checkpoint !== undefined) this.restored.set(`${task} ${attempt}`, checkpoint);
  }

  /** A task could not read what the latest checkpoint keeps of it: with one before, it is given up in the same step. */
  checkUnreadable(input: JobMasterInput, failures: Iterable<Failure>): void {
    if (input.kind !== "taskState" || input.state !== "FAILED" || input.cause?.code !== "FL2007") return;
    if (![...failures].some(({ task, attempt }) => task === input.task && attempt === input.attempt)) return;
    const from = this.restored.get(`${input.task} ${input.attempt}`);
    ensure(from !== this.latest || this.complete.length < 2, "not-given-up", `${input.task} cannot read checkpoint ${from}, and it is to be restored again`);
  }

  onTriggered(event: Triggered, live: ReadonlyMap<SubtaskName, number>, isSource: (task: SubtaskName) => boolean): void {
    ensure(!this.required.has(event.checkpoint), "checkpoint-number", `checkpoint ${event.checkpoint} was triggered twice`);
    ensure(event.checkpoint > this.latestCompleted, "checkpoint-number", `checkpoint ${event.checkpoint} was triggered after ${this.latestCompleted} was complete`);
    ensure(event.tasks === live.size, "checkpoint-tasks", `checkpoint ${event.checkpoint} asks ${event.tasks} tasks; ${live.size} live`);
    const sources = [...live].filter(([task]) => isSource(task));
    const allAtEnd = sources.length > 0 && sources.every(([task, attempt]) => this.sourcesAtEnd.get(task) === attempt);
    ensure(!allAtEnd || event.reason !== "periodic", "final-put-off", `checkpoint ${event.checkpoint} is triggered although every source is at its end`);
    this.required.set(event.checkpoint, live);
    if (event.reason === "final") this.final.add(event.checkpoint);
  }

  /** A task that finished meanwhile has nothing to acknowledge any more, if the checkpoint is the last one. */
  onFinished(task: SubtaskName): void {
    for (const [checkpoint, required] of this.required) {
      if (!this.final.has(checkpoint)) continue;
      const attempt = required.get(task);
      if (attempt !== undefined) (this.acknowledged.get(checkpoint) ?? this.acknowledged.set(checkpoint, new Map()).get(checkpoint)!).set(task, attempt);
    }
  }

  onCompleted(event: Completed): void {
    const { checkpoint } = event;
    const required = this.required.get(checkpoint);
    ensure(required !== undefined, "checkpoint-incomplete", `checkpoint ${checkpoint} was completed without having been triggered`);
    const missing = [...required.keys()].filter((task) => this.acknowledged.get(checkpoint)?.has(task) !== true);
    ensure(missing.length === 0, "checkpoint-incomplete", `checkpoint ${checkpoint} is complete without ${missing.join(", ")}`);
    ensure(this.stored.has(checkpoint), "checkpoint-incomplete", `checkpoint ${checkpoint} is complete and its metadata is not on the disk`);
    ensure(checkpoint > this.latestCompleted, "checkpoint-order", `checkpoint ${checkpoint} was completed after ${this.latestCompleted}`);
    this.latestCompleted = checkpoint;
    this.complete.push(checkpoint);
  }
}

export function checkCheckpoints(record: CheckpointRecord, world: VirtualWorld, master: JobMasterState, commands: readonly JobMasterCommand[]): void {
  checkTimeouts(record, world, master);
  const { completed } = master.checkpoints;
  const latest = completed[completed.length - 1];
  checkWhole(record, world, master, latest);
  for (const command of commands) {
    if (command.kind === "discardCheckpoint") {
      const kept = completed.some((checkpoint) => checkpoint.checkpoint === command.checkpoint);
      ensure(!kept, "discarded", `checkpoint ${command.checkpoint} is discarded and still counts as complete`);
      record.onDiscarded(command.checkpoint);
    }
    if (command.kind === "notifyCheckpointComplete") {
      ensure(record.isStored(command.checkpoint), "told-too-early", `tasks are told that checkpoint ${command.checkpoint} is complete, and it is not on the disk`);
    }
    if (command.kind !== "deploy") continue;
    for (const { task, attempt, restore } of command.deployments) {
      // Without checkpoints there is at most the one of a drain, which what had finished by itself is no part of: that begins anew.
      if (restore === undefined && master.job.runtime.checkpointing === undefined) continue;
      const from = restore?.checkpoint;
      ensure(from === record.latest, "restore", `${task} starts from checkpoint ${from ?? "none"}; the latest is ${record.latest ?? "none"}`);
      record.onDeployed(task, attempt, from);
      if (restore === undefined) continue;
      ensure(world.disk.holdsState(restore.handle), "restore", `the state of ${task} at checkpoint ${from} is not on the disk`);
    }
  }
  const config = master.job.runtime.checkpointing;
  const running = master.checkpoints.pending.filter((pending) => pending.reason === "periodic");
  ensure(running.length <= (config?.maxConcurrent ?? 0), "max-concurrent", `${running.length} checkpoints run at once`);
}

/** Whoever has finished may have to start again too, with everything: a task that a checkpoint does not hold would begin anew. */
function checkWhole(record: CheckpointRecord, world: VirtualWorld, master: JobMasterState, latest: CompletedCheckpoint | undefined): void {
  if (latest === undefined || latest.checkpoint === record.latestWhole || master.job.runtime.checkpointing === undefined) return;
  record.latestWhole = latest.checkpoint;
  for (const { name, vertexKind } of master.tasks.values()) {
    if (vertexKind !== "stream") continue;
    const handle = latest.handles.get(name);
    ensure(handle !== undefined && world.disk.holdsState(handle), "checkpoint-incomplete", `checkpoint ${latest.checkpoint} holds no state of ${name}`);
  }
}

/** The time in which the coordinator itself stood still does not count. */
function checkTimeouts(record: CheckpointRecord, world: VirtualWorld, master: JobMasterState): void {
  const timeoutMs = master.job.runtime.checkpointing?.timeoutMs;
  const stoppedMs = world.coordinator?.process.stoppedForMs ?? 0;
  for (const { checkpoint, storing, triggeredAtMs } of master.checkpoints.pending) {
    const waitedMs = world.loop.now - triggeredAtMs - (stoppedMs - record.stoppedAtTrigger(checkpoint, stoppedMs));
    ensure(storing || timeoutMs === undefined || waitedMs <= timeoutMs + 1, "overdue", `checkpoint ${checkpoint} is waited for since ${waitedMs} ms`);
  }
}
