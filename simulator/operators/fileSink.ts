/**
 * The file sink, in two phases: Flink's `FileSink` with its `Committer`.
 *
 * Records go to `.part-<subtask>-<n>.inprogress.<attempt>`. A checkpoint closes that file, makes it durable and keeps it as pending
 * in its state; when the checkpoint is complete, it is renamed to `part-<subtask>-<n>.ndjson`. A restore renames what the checkpoint had
 * pending (again, if need be) and removes what came after. So a name without a dot is always a whole, committed file. In a folder
 * outside the run's own, the names carry the run's id: `part-<run>-<subtask>-<n>.ndjson`.
 *
 * In batch the attempt ends with its file prepared; `batchCommit.ts` commits when all tasks have finished.
 */
import { closeSync, fsync, mkdirSync, openSync, writeSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, isAbsolute, join, relative } from "node:path";
import { promisify } from "node:util";
import { FaultlineError } from "../graph/errors";
import { recordLine } from "./recordLine";
import { StreamOperator } from "./streamOperator";
import type { OperatorContext, OperatorOutput, OperatorSnapshot } from "./streamOperator";

const syncFile = promisify(fsync);

/** Text is handed to the system in pieces of about this many UTF-16 units. */
const PIECE_LENGTH = 64 * 1024;

/** A closed file that waits for its checkpoint. */
export interface PendingFile {
  /** Absolute: a savepoint may be restored by another run. */
  readonly directory: string;
  readonly name: string;
  readonly finalName: string;
  readonly records: number;
  readonly checkpoint: number;
}

/** Files `<prefix><n>.ndjson` with a number below `next`: what one subtask had given up to a checkpoint. */
export interface SinkOutput {
  /** Absolute. */
  readonly directory: string;
  readonly prefix: string;
  readonly next: number;
}

export interface FileSinkState extends SinkOutput {
  readonly pending: readonly PendingFile[];
  /** What runs before this one had given, up to the savepoint that it began from. */
  readonly before: readonly SinkOutput[];
}

/** Where the sink writes. */
export function sinkDirectory(path: string, runDirectory: string): string {
  return isAbsolute(path) ? path : join(runDirectory, "output", path);
}

/** How the names of a subtask's committed files begin. */
export function partPrefix(path: string, runDirectory: string, subtask: number): string {
  return isAbsolute(path) ? `part-${basename(runDirectory)}-${subtask}-` : `part-${subtask}-`;
}

export class FileSink extends StreamOperator {
  private readonly directory: string;
  private readonly prefix: string;
  private next = 0;
  private pending: PendingFile[] = [];
  private before: readonly SinkOutput[] = [];
  private descriptor: number | undefined;
  private currentName = "";
  private records = 0;
  private lines: string[] = [];
  private length = 0;
  private closed = false;
  /** Commits one after the other. */
  private committing: Promise<void> = Promise.resolve();

  /** @param path relative to the run's `output` folder, or absolute */
  constructor(path: string, context: OperatorContext, output: OperatorOutput) {
    super(context, output);
    this.directory = sinkDirectory(path, context.runDirectory);
    this.prefix = partPrefix(path, context.runDirectory, context.subtask);
  }

  override async open(state: unknown): Promise<void> {
    const snapshot = state as FileSinkState | undefined;
    this.next = snapshot?.next ?? 0;
    this.before = snapshot?.before ?? [];
    try {
      await mkdir(this.directory, { recursive: true });
      this.report(await this.commit(snapshot?.pending ?? [], true), undefined);
      for (const name of await readdir(this.directory)) {
        // Canceled meanwhile: the folder belongs to the next attempt.
        if (!this.closed && this.isLeftOver(name)) {
          await rm(join(this.directory, name), { force: true });
        }
      }
    } catch (error) {
      throw error instanceof FaultlineError ? error : this.cannotWrite(error);
    }
  }

  override element(value: unknown): void {
    const line = recordLine(value);
    this.lines.push(line);
    this.length += line.length;
    this.records++;
    if (this.length >= PIECE_LENGTH) {
      this.write();
    }
  }

  override watermark(): void {}

  override finish(): void {
    this.write();
  }

  override snapshot(checkpoint: number): OperatorSnapshot {
    const closed = this.closeFile(checkpoint);
    const { directory, prefix, next, before } = this;
    const state: FileSinkState = { directory, prefix, next, pending: [...this.pending], before };
    return { state, durable: closed };
  }

  override async prepareCommit(): Promise<void> {
    await this.closeFile(-1)();
  }

  override async checkpointComplete(checkpoint: number | undefined): Promise<void> {
    if (checkpoint === undefined) {
      await this.closeFile(-1)();
    }
    const ready = this.pending.filter((file) => checkpoint === undefined || file.checkpoint <= checkpoint);
    this.committing = this.committing.then(async () => {
      try {
        await this.commit(ready, false);
      } catch (error) {
        throw error instanceof FaultlineError ? error : this.cannotWrite(error);
      }
      this.pending = this.pending.filter((file) => !ready.includes(file));
      this.report(ready, checkpoint);
    });
    await this.committing;
  }

  override async close(): Promise<void> {
    this.closed = true;
    if (this.descriptor !== undefined) {
      const { descriptor } = this;
      this.descriptor = undefined;
      try {
        closeSync(descriptor);
        await rm(join(this.directory, this.currentName), { force: true });
      } catch {
        // The next attempt removes it.
      }
    }
  }

  /**
   * Files of earlier attempts. What was committed up to the restored checkpoint stays. What came later belongs to a checkpoint that was found
   * damaged: its records are made again. Without a checkpoint the job starts anew, and so does its output.
   */
  private isLeftOver(name: string): boolean {
    if (name.startsWith(this.prefix)) {
      return Number.parseInt(name.slice(this.prefix.length), 10) >= this.next;
    }
    const attempt = Number(name.slice(name.lastIndexOf(".") + 1));
    return name.startsWith(`.${this.prefix}`) && attempt < this.context.attempt;
  }

  private write(): void {
    if (this.length === 0) {
      return;
    }
    const bytes = Buffer.from(this.lines.join(""), "utf8");
    this.lines = [];
    this.length = 0;
    try {
      if (this.descriptor === undefined) {
        mkdirSync(this.directory, { recursive: true });
        this.currentName = `.${this.prefix}${this.next}.inprogress.${this.context.attempt}`;
        this.descriptor = openSync(join(this.directory, this.currentName), "w");
      }
      for (let at = 0; at < bytes.length;) {
        at += writeSync(this.descriptor, bytes, at);
      }
    } catch (error) {
      throw this.cannotWrite(error);
    }
  }

  /** Ends the file under way; the returned work makes it durable. */
  private closeFile(checkpoint: number): () => Promise<void> {
    this.write();
    const { descriptor, currentName: name, records } = this;
    if (descriptor === undefined) {
      return async () => {};
    }
    this.descriptor = undefined;
    this.records = 0;
    this.pending.push({
      directory: this.directory,
      name,
      finalName: `${this.prefix}${this.next}.ndjson`,
      records,
      checkpoint,
    });
    this.next++;
    return async () => {
      try {
        await syncFile(descriptor);
        closeSync(descriptor);
      } catch (error) {
        throw this.cannotWrite(error);
      }
    };
  }

  /** Gives the files their final names; those that had them already are not in the result. */
  private async commit(files: readonly PendingFile[], restored: boolean): Promise<readonly PendingFile[]> {
    const renamed: PendingFile[] = [];
    for (const file of files) {
      const [from, to] = [join(file.directory, file.name), join(file.directory, file.finalName)];
      try {
        await rename(from, to);
        renamed.push(file);
      } catch (error) {
        const gone = (error as NodeJS.ErrnoException).code === "ENOENT";
        // Committed by an attempt before, or the output of another run that is not there any more.
        if (gone && ((await exists(to)) || (restored && !(await exists(file.directory))))) {
          continue;
        }
        throw restored && gone
          ? FaultlineError.of(
              "FL2007",
              `The file ${from} belongs to the checkpoint and is not there.`,
              "Files of a sink that begin with a dot must not be removed while a run goes on.",
              undefined,
              error,
            )
          : error;
      }
    }
    for (const directory of new Set(renamed.map((file) => file.directory))) {
      await syncFolder(directory);
    }
    return renamed;
  }

  private report(files: readonly PendingFile[], checkpoint: number | undefined): void {
    const { context } = this;
    if (files.length === 0) {
      return;
    }
    context.control.journal({
      kind: "sink.committed",
      task: context.task,
      checkpoint,
      files: files.map(({ directory, finalName }) => {
        const path = join(directory, finalName);
        const inside = relative(context.runDirectory, path);
        return inside.startsWith("..") || isAbsolute(inside) ? path : inside;
      }),
      records: files.reduce((sum, file) => sum + file.records, 0),
    });
  }

  private cannotWrite(error: unknown): FaultlineError {
    const { code, message } = error as NodeJS.ErrnoException;
    const [why, hint] =
      code === "ENOSPC"
        ? ["the disk is full", "Free some space; the run goes on from its last checkpoint."]
        : code === "EACCES" || code === "EPERM" || code === "EROFS"
          ? ["it may not be written", "Choose a folder that may be written."]
          : [message, undefined];
    return FaultlineError.of(
      "FL2009",
      `The sink "${this.context.operator.id}" cannot write to ${this.directory}: ${why}.`,
      hint,
      { file: this.directory, element: `operators.${this.context.operator.id}` },
      error,
    );
  }
}

/** What was renamed in the folder is durable afterwards. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform !== "win32") {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
