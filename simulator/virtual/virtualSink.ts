/** A sink that commits in two phases: the rules of `operators/fileSink`, over a virtual disk. */
import type { SinkSnapshot, PendingSinkFile } from "./taskSnapshot";
import type { VirtualDisk } from "./virtualDisk";

const FINAL = "part-";

export class VirtualSink {
  private next = 0;
  private pending: PendingSinkFile[] = [];
  private records: number[] = [];
  private readonly key: string;

  constructor(
    readonly operator: string,
    index: number,
    private readonly attempt: number,
    private readonly disk: VirtualDisk,
  ) {
    this.key = `${operator}#${index}`;
  }

  /**
   * Commits what the checkpoint had pending, and removes what came after it: what was committed since belongs to a checkpoint that was found
   * damaged, and is made again. @returns false when a file of the checkpoint is missing.
   */
  open(snapshot: SinkSnapshot | undefined): boolean {
    this.next = snapshot?.next ?? 0;
    for (const { name, finalName } of snapshot?.pending ?? []) {
      if (!this.disk.commitSinkFile(this.key, name, finalName)) return false;
    }
    for (const name of this.disk.sinkFileNames(this.key)) {
      if (name.startsWith(".") || Number(name.slice(FINAL.length)) >= this.next) this.disk.removeSinkFile(this.key, name);
    }
    return true;
  }

  add(record: number): void {
    this.records.push(record);
  }

  snapshot(checkpoint: number): SinkSnapshot {
    this.closeFile(checkpoint);
    return { next: this.next, pending: [...this.pending] };
  }

  /** What `commit` has to do for this checkpoint; all of it without checkpoints. */
  ready(checkpoint: number | undefined): readonly PendingSinkFile[] {
    if (checkpoint === undefined) this.closeFile(-1);
    return this.pending.filter((file) => checkpoint === undefined || file.checkpoint <= checkpoint);
  }

  /** @returns false when the file is gone. */
  commit(file: PendingSinkFile): boolean {
    const there = this.disk.commitSinkFile(this.key, file.name, file.finalName);
    this.pending = this.pending.filter((other) => other !== file);
    return there;
  }

  private closeFile(checkpoint: number): void {
    if (this.records.length === 0) return;
    const name = `.part-${this.next}.inprogress.${this.attempt}`;
    this.disk.writeSinkFile(this.key, name, this.records);
    this.pending.push({ name, finalName: `${FINAL}${this.next}`, records: this.records.length, checkpoint });
    this.records = [];
    this.next++;
  }
}
