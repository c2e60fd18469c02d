/**
 * Savepoints on disk: a folder with `_metadata` and the state files that it names, whole in itself, so that it can be moved. A retained
 * checkpoint of a run is read the same way. Flink's `SavepointMetadata` and self-contained savepoints (FLINK-5763).
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { CompletedCheckpoint } from "../core/checkpoint";
import type { StateHandle } from "../core/deployment";
import { FaultlineError } from "../graph/errors";
import type { SubtaskName } from "../observe/journalEvent";
import { readStateFile } from "./checkpointStorage";
import type { TaskState } from "./checkpointStorage";
import { decodeMetadata, METADATA, syncFolder, writeMetadata } from "./checkpointStore";
import type { StoredCheckpoint } from "./checkpointStore";
import { runPaths } from "./runDirectory";
import type { StateLayout } from "./stateLayout";

export interface Savepoint {
  /** Absolute. */
  readonly folder: string;
  readonly checkpoint: number;
  readonly layout: StateLayout;
  /** State files by subtask, with absolute paths. */
  readonly handles: ReadonlyMap<SubtaskName, StateHandle>;
}

/**
 * Copies the state files of a checkpoint that all tasks have acknowledged into the savepoint's folder; its metadata, written last, makes it
 * one.
 * @throws an Error of the file system, or FL2007 for a state file that changed meanwhile
 */
export async function storeSavepoint(
  folder: string,
  runDirectory: string,
  completed: CompletedCheckpoint,
  layout: StateLayout,
): Promise<StoredCheckpoint> {
  await mkdir(folder, { recursive: true });
  const handles = new Map<SubtaskName, StateHandle>();
  for (const [task, handle] of completed.handles) {
    const path = basename(handle.path);
    await copyState(join(runDirectory, handle.path), join(folder, path), handle);
    handles.set(task, { ...handle, path });
  }
  await syncFolder(folder);
  return { bytes: await writeMetadata(folder, { ...completed, handles }, layout, "folder"), path: folder };
}

async function copyState(from: string, to: string, handle: StateHandle): Promise<void> {
  const bytes = await readFile(from);
  if (createHash("sha256").update(bytes).digest("hex") !== handle.sha256) {
    throw FaultlineError.of("FL2007", `The state file ${from} has changed since it was written`, undefined, {
      file: from,
    });
  }
  const file = await open(to, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * A savepoint by its folder (or its `_metadata`), a checkpoint by its folder, or the newest whole checkpoint of a run by the run's folder.
 * @throws FaultlineError FL1041, with the file that is missing or damaged
 */
export async function openSavepoint(path: string): Promise<Savepoint> {
  const folder = await savepointFolder(resolve(path));
  const file = join(folder, METADATA);
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) throw unreadable(file, "it is not there");
  const metadata = decodeMetadata(text);
  if (typeof metadata === "string") throw unreadable(file, lowerFirst(metadata.replace(/\.$/, "")));
  const base = metadata.base === "run" ? dirname(dirname(folder)) : folder;
  const handles = new Map(
    Object.entries(metadata.handles).map(
      ([task, handle]) => [task, { ...handle, path: join(base, handle.path) }] as const,
    ),
  );
  return { folder, checkpoint: metadata.checkpoint, layout: metadata.layout, handles };
}

/** The state of one subtask. @throws FaultlineError FL1041, with the file */
export async function readSavepointState(handle: StateHandle): Promise<TaskState> {
  try {
    return await readStateFile("/", handle);
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    throw FaultlineError.of(
      "FL1041",
      `The savepoint is damaged. ${error.message}`,
      "Take another savepoint, or an older checkpoint.",
      { file: handle.path },
      error,
    );
  }
}

async function savepointFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined)
    throw FaultlineError.of("FL1041", "There is no such savepoint.", "Check the path.", { file: path });
  if (!found.isDirectory()) {
    if (basename(path) === METADATA) return dirname(path);
    throw FaultlineError.of("FL1041", "This is a file, not the folder of a savepoint.", undefined, { file: path });
  }
  const names = await readdir(path);
  if (names.includes(METADATA)) return path;
  if (names.includes("run.json")) {
    const checkpoints = await readdir(runPaths.checkpoints(path)).catch(() => [] as string[]);
    const numbers = checkpoints
      .flatMap((name) => (/^chk-\d+$/.test(name) ? [Number(name.slice(4))] : []))
      .sort((a, b) => b - a);
    for (const number of numbers) {
      const folder = join(runPaths.checkpoints(path), `chk-${number}`);
      if ((await readdir(folder).catch(() => [] as string[])).includes(METADATA)) return folder;
    }
    throw FaultlineError.of(
      "FL1041",
      "This run has no complete checkpoint.",
      "Take a savepoint: `faultline savepoint RUN`.",
      { file: path },
    );
  }
  if (names.some((name) => name.endsWith(".state"))) {
    throw unreadable(join(path, METADATA), "it is not there: the savepoint was not finished");
  }
  const inside = names.filter((name) => name.startsWith("savepoint-"));
  throw FaultlineError.of(
    "FL1041",
    "This folder is no savepoint: it holds no _metadata.",
    inside.length === 0
      ? "Name the folder that `faultline savepoint` printed."
      : `It holds ${inside.sort().slice(0, 5).join(", ")}: name one of them.`,
    { file: path },
  );
}

function unreadable(file: string, why: string): FaultlineError {
  return FaultlineError.of(
    "FL1041",
    `The savepoint cannot be read: ${why}.`,
    "Take another savepoint, or an older checkpoint.",
    { file },
  );
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
