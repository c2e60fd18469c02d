/**
 * The disk of a virtual run: state files and metadata of checkpoints, and the files of sinks. What is renamed is durable; what a process was
 * writing when it died is not there. A file of a checkpoint can be damaged, which its checksum shows to who reads it and to nobody before. The
 * rules are those of `cluster/checkpointStore` and of the file sink.
 */
import type { CompletedCheckpoint } from "../core/checkpoint";
import type { StateHandle } from "../core/deployment";
import type { Cause, SubtaskName } from "../observe/journalEvent";
import type { TaskSnapshot } from "./taskSnapshot";

/** What makes a checkpoint complete, as the name of a file. */
export const METADATA = "_metadata";

interface CheckpointFile<T> {
  readonly content: T;
  damaged: boolean;
}

interface CheckpointFolder {
  readonly states: Map<string, CheckpointFile<TaskSnapshot>>;
  metadata: CheckpointFile<CompletedCheckpoint> | undefined;
}

export interface DamagedCheckpoint {
  readonly checkpoint: number;
  readonly path: string;
  readonly cause: Cause;
}

interface SinkFile {
  readonly records: readonly number[];
}

export class VirtualDisk {
  /** @param copies what is on the disk does not change with what is in memory: without that, what is given must not change any more. */
  constructor(private readonly copies = true) {}

  private readonly folders = new Map<number, CheckpointFolder>();
  /** By sink subtask (`OPERATOR#INDEX`): files by their name. A name without a dot in front is committed. */
  private readonly sinks = new Map<string, Map<string, SinkFile>>();

  writeState(checkpoint: number, task: SubtaskName, snapshot: TaskSnapshot): StateHandle {
    const folder = this.folders.get(checkpoint) ?? { states: new Map(), metadata: undefined };
    this.folders.set(checkpoint, folder);
    folder.states.set(task, { content: snapshot, damaged: false });
    return { path: `checkpoints/chk-${checkpoint}/${task}`, bytes: 64, sha256: "" };
  }

  /** @returns what the file says, or why it cannot be read. */
  readState(handle: StateHandle): TaskSnapshot | string {
    const file = this.stateFile(handle);
    if (file === undefined) return "it is not there";
    return file.damaged ? "its content has changed" : file.content;
  }

  /** The file is there, damaged or not. */
  holdsState(handle: StateHandle): boolean {
    return this.stateFile(handle) !== undefined;
  }

  /**
   * Damages a file of a checkpoint: a task's state or {@link METADATA}.
   * @returns what repairs it, unless it is gone by then; undefined when there is no such file, or it is damaged already.
   */
  damage(checkpoint: number, name: string): (() => void) | undefined {
    const metadata = this.folders.get(checkpoint)?.metadata;
    const handle = metadata?.content.handles.get(name);
    // What a checkpoint keeps of a task that has finished lies with an earlier one.
    const file = name === METADATA ? metadata : handle === undefined ? this.folders.get(checkpoint)?.states.get(name) : this.stateFile(handle);
    if (file === undefined || file.damaged) return undefined;
    file.damaged = true;
    return () => (file.damaged = false);
  }

  /** The newest one with metadata, damaged or not. */
  get newestCheckpoint(): CompletedCheckpoint | undefined {
    let newest: CompletedCheckpoint | undefined;
    for (const { metadata } of this.folders.values()) if (metadata !== undefined && metadata.content.checkpoint > (newest?.checkpoint ?? 0)) newest = metadata.content;
    return newest;
  }

  storeCheckpoint(completed: CompletedCheckpoint): void {
    const folder = this.folders.get(completed.checkpoint) ?? { states: new Map(), metadata: undefined };
    this.folders.set(completed.checkpoint, folder);
    const content = !this.copies ? completed : { ...completed, handles: new Map(completed.handles), sourceOffsets: new Map(completed.sourceOffsets) };
    folder.metadata = { content, damaged: false };
  }

  discardCheckpoint(checkpoint: number): void {
    this.folders.delete(checkpoint);
  }

  /** Complete checkpoints whose files can all be read, oldest first; those that are damaged; and a number greater than any used. */
  readCheckpoints(): { readonly completed: readonly CompletedCheckpoint[]; readonly damaged: readonly DamagedCheckpoint[]; readonly nextCheckpoint: number } {
    const numbers = this.checkpointFolders;
    const completed: CompletedCheckpoint[] = [];
    const damaged: DamagedCheckpoint[] = [];
    for (const checkpoint of numbers) {
      const metadata = this.folders.get(checkpoint)?.metadata;
      if (metadata === undefined) continue;
      const problem = this.problemOf(metadata);
      const cause = (message: string): Cause => ({ code: "FL2007", message, hint: "The checkpoint before it is used instead." });
      if (problem === undefined) completed.push(metadata.content);
      else damaged.push({ checkpoint, path: `checkpoints/chk-${checkpoint}`, cause: cause(problem) });
    }
    return { completed, damaged, nextCheckpoint: (numbers[numbers.length - 1] ?? 0) + 1 };
  }

  /** Folders of checkpoints that are on the disk. */
  get checkpointFolders(): readonly number[] {
    return [...this.folders.keys()].sort((a, b) => a - b);
  }

  writeSinkFile(sink: string, name: string, records: readonly number[]): void {
    this.filesOf(sink).set(name, { records });
  }

  /** @returns false when neither the file nor its new name is there. */
  commitSinkFile(sink: string, name: string, finalName: string): boolean {
    const files = this.filesOf(sink);
    const file = files.get(name);
    if (file === undefined) return files.has(finalName);
    files.delete(name);
    files.set(finalName, file);
    return true;
  }

  removeSinkFile(sink: string, name: string): void {
    this.filesOf(sink).delete(name);
  }

  sinkFileNames(sink: string): readonly string[] {
    return [...this.filesOf(sink).keys()];
  }

  /** Records that the sink's subtasks committed, each as often as it is there. */
  committedRecords(sinkOperator: string): number[] {
    const records: number[] = [];
    for (const [sink, files] of this.sinks) {
      if (sink.slice(0, sink.lastIndexOf("#")) !== sinkOperator) continue;
      for (const [name, file] of files) if (!name.startsWith(".")) records.push(...file.records);
    }
    return records;
  }

  private problemOf({ content, damaged }: CheckpointFile<CompletedCheckpoint>): string | undefined {
    if (damaged) return "Its metadata does not match its checksum.";
    for (const [task, handle] of content.handles) {
      const state = this.readState(handle);
      if (typeof state === "string") return `The state of ${task} cannot be read: ${state}.`;
    }
    return undefined;
  }

  private stateFile({ path }: StateHandle): CheckpointFile<TaskSnapshot> | undefined {
    const [, checkpoint, task] = /^checkpoints\/chk-(\d+)\/(.+)$/.exec(path) ?? [];
    return this.folders.get(Number(checkpoint))?.states.get(task);
  }

  private filesOf(sink: string): Map<string, SinkFile> {
    let files = this.sinks.get(sink);
    if (files === undefined) this.sinks.set(sink, (files = new Map<string, SinkFile>()));
    return files;
  }
}
