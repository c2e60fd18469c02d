/**
 * The coordinator's side of checkpoint storage: `checkpoints/chk-N/_metadata` makes checkpoint N complete. It is written aside, synced and
 * renamed, and carries a checksum of itself and of every state file, so that a crash at any byte leaves either a complete checkpoint
 * or none.
 */
import { createHash } from "node:crypto";
import { open, mkdir, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StateHandle } from "../core/deployment";
import type { CompletedCheckpoint } from "../core/checkpoint";
import type { Cause } from "../observe/journalEvent";
import { runPaths } from "./runDirectory";
import type { CheckpointStorageFaults } from "./storageFaults";
import type { StateLayout } from "./stateLayout";

export const METADATA = "_metadata";
const SCHEMA = 2;

export interface CheckpointMetadata {
  readonly schema: number;
  readonly checkpoint: number;
  readonly final: boolean;
  readonly handles: Readonly<Record<string, StateHandle>>;
  readonly sourceOffsets: Readonly<Record<string, number>>;
  /** What the paths of the handles begin at: the run's folder, or (a savepoint) the folder of this file. */
  readonly base: "run" | "folder";
  /** Whose state it is. */
  readonly layout: StateLayout;
}

export interface StoredCheckpoint {
  readonly bytes: number;
  /** Relative to the run's folder. */
  readonly path: string;
}

export interface DamagedCheckpoint {
  readonly checkpoint: number;
  readonly path: string;
  readonly cause: Cause;
}

export function checkpointFolder(directory: string, checkpoint: number): string {
  return join(runPaths.checkpoints(directory), `chk-${checkpoint}`);
}

/** @throws an Error of the file system. */
export async function storeCheckpoint(directory: string, completed: CompletedCheckpoint, layout: StateLayout, faults?: CheckpointStorageFaults): Promise<StoredCheckpoint> {
  const bytes = await writeMetadata(checkpointFolder(directory, completed.checkpoint), completed, layout, "run", faults);
  return { bytes, path: `checkpoints/chk-${completed.checkpoint}` };
}

/** The metadata, which makes the folder a checkpoint. @returns bytes of it all. */
export async function writeMetadata(folder: string, completed: CompletedCheckpoint, layout: StateLayout, base: CheckpointMetadata["base"], faults?: CheckpointStorageFaults): Promise<number> {
  const metadata: CheckpointMetadata = {
    schema: SCHEMA,
    checkpoint: completed.checkpoint,
    final: completed.final,
    handles: Object.fromEntries(completed.handles),
    sourceOffsets: Object.fromEntries(completed.sourceOffsets),
    base,
    layout,
  };
  const body = JSON.stringify(metadata);
  await mkdir(folder, { recursive: true });
  const aside = join(folder, `.${METADATA}`);
  await faults?.beforeWrite(aside);
  const file = await open(aside, "w", 0o600);
  try {
    await file.writeFile(`${createHash("sha256").update(body).digest("hex")}\n${body}`);
    await file.sync();
  } catch (error) {
    faults?.onError(join(folder, METADATA), error);
    throw error;
  } finally {
    await file.close();
  }
  await rename(aside, join(folder, METADATA));
  await syncFolder(folder);
  let bytes = body.length;
  for (const handle of completed.handles.values()) bytes += handle.bytes;
  return bytes;
}

/** The metadata goes first: a checkpoint half deleted is no checkpoint. */
export async function discardCheckpoint(directory: string, checkpoint: number): Promise<void> {
  const folder = checkpointFolder(directory, checkpoint);
  await rm(join(folder, METADATA), { force: true });
  await rm(folder, { recursive: true, force: true });
}

/** Every complete checkpoint in a run's folder, oldest first, and those that are damaged. */
export async function readCheckpoints(directory: string): Promise<{
  readonly completed: readonly CompletedCheckpoint[];
  readonly damaged: readonly DamagedCheckpoint[];
  /** Greater than any number used. */
  readonly nextCheckpoint: number;
}> {
  const names = await readdir(runPaths.checkpoints(directory)).catch(() => [] as string[]);
  const numbers = names.flatMap((name) => (/^chk-\d+$/.test(name) ? [Number(name.slice(4))] : [])).sort((a, b) => a - b);
  const completed: CompletedCheckpoint[] = [];
  const damaged: DamagedCheckpoint[] = [];
  for (const checkpoint of numbers) {
    const path = `checkpoints/chk-${checkpoint}`;
    const text = await readFile(join(checkpointFolder(directory, checkpoint), METADATA), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const found = await verify(directory, text);
    if (typeof found === "string") damaged.push({ checkpoint, path, cause: { code: "FL2007", message: found, hint: "The checkpoint before it is used instead." } });
    else completed.push(found);
  }
  return { completed, damaged, nextCheckpoint: (numbers[numbers.length - 1] ?? 0) + 1 };
}

/** @returns what a metadata file says, or what is wrong with it. */
export function decodeMetadata(text: string): CheckpointMetadata | string {
  const lineEnd = text.indexOf("\n");
  const body = text.slice(lineEnd + 1);
  if (createHash("sha256").update(body).digest("hex") !== text.slice(0, lineEnd)) return "Its metadata does not match its checksum.";
  const metadata = JSON.parse(body) as CheckpointMetadata;
  return metadata.schema === SCHEMA ? metadata : `Its metadata is of version ${metadata.schema}, this program reads version ${SCHEMA}.`;
}

/** @returns the checkpoint, or what is wrong with it. */
async function verify(directory: string, text: string): Promise<CompletedCheckpoint | string> {
  const metadata = decodeMetadata(text);
  if (typeof metadata === "string") return metadata;
  for (const [task, handle] of Object.entries(metadata.handles)) {
    const problem = await verifyState(directory, handle);
    if (problem !== undefined) return `The state of ${task} ${problem}.`;
  }
  return {
    checkpoint: metadata.checkpoint,
    final: metadata.final,
    handles: new Map(Object.entries(metadata.handles)),
    sourceOffsets: new Map(Object.entries(metadata.sourceOffsets)),
  };
}

/** @returns what is wrong with a state file, if anything. */
export async function verifyState(directory: string, handle: StateHandle): Promise<string | undefined> {
  const bytes = await readFile(join(directory, handle.path)).catch(() => undefined);
  if (bytes === undefined) return "is missing";
  if (bytes.length !== handle.bytes) return `has ${bytes.length} bytes instead of ${handle.bytes}`;
  return createHash("sha256").update(bytes).digest("hex") === handle.sha256 ? undefined : "does not match its checksum";
}

export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
