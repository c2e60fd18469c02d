/**
 * The disk of a virtual run: state files and metadata of checkpoints, and the files of sinks. What is renamed is durable; what a process was
 * writing when it died is not there. The rules are those of `cluster/checkpointStore` and of the file sink.
 */
import type { CompletedCheckpoint } from "../core/checkpoint";
import type { StateHandle } from "../core/deployment";
import type { SubtaskName } from "../observe/journalEvent";
import type { TaskSnapshot } from "./taskSnapshot";

interface CheckpointFolder {
  readonly states: Map<string, TaskSnapshot>;
  metadata: CompletedCheckpoint | undefined;
}

interface SinkFile {
  readonly records: readonly number[];
}

export class VirtualDisk {
  private readonly folders = new Map<number, CheckpointFolder>();
  /** By sink subtask (`OPERATOR#INDEX`): files by their name. A name without a dot in front is committed. */
  private readonly sinks = new Map<string, Map<string, SinkFile>>();

  writeState(checkpoint: number, task: SubtaskName, snapshot: TaskSnapshot): StateHandle {
    const folder = this.folders.get(checkpoint) ?? { states: new Map(), metadata: undefined };
    this.folders.set(checkpoint, folder);
    folder.states.set(task, snapshot);
    return { path: `checkpoints/chk-${checkpoint}/${task}`, bytes: 64, sha256: "" };
  }

  /** @returns undefined when the file is not there. */
  readState(handle: StateHandle): TaskSnapshot | undefined {
    const [, checkpoint, task] = /^checkpoints\/chk-(\d+)\/(.+)$/.exec(handle.path) ?? [];
    return this.folders.get(Number(checkpoint))?.states.get(task);
  }

  storeCheckpoint(completed: CompletedCheckpoint): void {
    const folder = this.folders.get(completed.checkpoint) ?? { states: new Map(), metadata: undefined };
    this.folders.set(completed.checkpoint, folder);
    // What is on disk does not change with what is in memory.
    folder.metadata = { ...completed, handles: new Map(completed.handles), sourceOffsets: new Map(completed.sourceOffsets) };
  }

  discardCheckpoint(checkpoint: number): void {
    this.folders.delete(checkpoint);
  }

  /** Complete checkpoints whose files are all there, oldest first; and a number greater than any used. */
  readCheckpoints(): { readonly completed: readonly CompletedCheckpoint[]; readonly nextCheckpoint: number } {
    const numbers = [...this.folders.keys()].sort((a, b) => a - b);
    const completed: CompletedCheckpoint[] = [];
    for (const checkpoint of numbers) {
      const metadata = this.folders.get(checkpoint)?.metadata;
      if (metadata === undefined) continue;
      if ([...metadata.handles.values()].every((handle) => this.readState(handle) !== undefined)) completed.push(metadata);
    }
    return { completed, nextCheckpoint: (numbers[numbers.length - 1] ?? 0) + 1 };
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

  private filesOf(sink: string): Map<string, SinkFile> {
    let files = this.sinks.get(sink);
    if (files === undefined) this.sinks.set(sink, (files = new Map<string, SinkFile>()));
    return files;
  }
}
