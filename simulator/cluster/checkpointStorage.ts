/**
 * State of subtasks on disk: `RUN/checkpoints/chk-<n>/<vertex>-<index>.state`. A file is written aside, made durable, then renamed, so that
 * one under its final name is whole; its length and SHA-256 are in the handle that the coordinator keeps. Flink's
 * `FsCheckpointStorage`.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { Packr } from "msgpackr";
import { FaultlineError } from "../graph/errors";
import type { StateHandle } from "./controlMessages";
import type { ChannelState } from "./exchange/inputChannel";
import type { CheckpointStorageFaults } from "./storageFaults";
import type { SubpartitionState } from "./exchange/subpartition";

/** First bytes of a state file; the digit is the format's version. */
const MAGIC = Buffer.from("FLSTATE1");

const packr = new Packr({ moreTypes: true, copyBuffers: true });

/** What was on the way at a checkpoint whose barriers overtook the data. */
export interface InFlightState {
  /** By input channel: job edge and producer. */
  readonly inputs: readonly { readonly edge: number; readonly producer: string; readonly state: ChannelState }[];
  /** By output: job edge; one state for each consumer. */
  readonly outputs: readonly { readonly edge: number; readonly states: readonly SubpartitionState[] }[];
}

export interface TaskState {
  /** What each operator of the chain gave, by operator id. */
  readonly operators: Readonly<Record<string, unknown>>;
  readonly inFlight: InFlightState | undefined;
}

/** The state of the operators as it is now: they may change it afterwards. */
export function encodeOperatorStates(operators: TaskState["operators"]): Buffer {
  return packr.pack(operators);
}

export function encodeTaskState(operators: Buffer, inFlight?: InFlightState): Buffer {
  return Buffer.concat([MAGIC, packr.pack({ operators, inFlight })]);
}

export function decodeTaskState(bytes: Buffer): TaskState {
  const { operators, inFlight } = packr.unpack(bytes.subarray(MAGIC.length)) as {
    operators: Buffer;
    inFlight: InFlightState | undefined;
  };
  return { operators: packr.unpack(operators) as TaskState["operators"], inFlight };
}

/** Relative to the run's folder. */
export function stateFilePath(checkpoint: number, vertex: string, index: number): string {
  return `checkpoints/chk-${checkpoint}/${encodeURIComponent(vertex)}-${index}.state`;
}

/** Writes a state file. Throws FL2006 when it cannot. */
export async function writeStateFile(runDirectory: string, path: string, bytes: Buffer, faults?: CheckpointStorageFaults): Promise<StateHandle> {
  const target = join(runDirectory, path);
  const aside = `${target}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await faults?.beforeWrite(aside);
    const file = await open(aside, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {});
    faults?.onError(target, error);
    const { code, message } = error as NodeJS.ErrnoException;
    throw FaultlineError.of(
      "FL2006",
      `State cannot be written to ${target}: ${code === "ENOSPC" ? "the disk is full" : message}.`,
      code === "ENOSPC" ? "Free some space." : undefined,
      { file: target },
      error,
    );
  }
  return { path, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Reads a state file. Throws FL2007 when it is not there, cut, changed or of another version. */
export async function readStateFile(runDirectory: string, handle: StateHandle): Promise<TaskState> {
  const file = isAbsolute(handle.path) ? handle.path : join(runDirectory, handle.path);
  const damaged = (why: string, cause?: unknown): FaultlineError =>
    FaultlineError.of("FL2007", `The state file ${file} cannot be read: ${why}.`, undefined, { file }, cause);
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw damaged(
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "it is not there" : (error as Error).message,
      error,
    );
  }
  if (bytes.length !== handle.bytes) {
    throw damaged(`it has ${bytes.length} bytes instead of ${handle.bytes}`);
  }
  if (createHash("sha256").update(bytes).digest("hex") !== handle.sha256) {
    throw damaged("its content has changed");
  }
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw damaged("it was written by another version");
  }
  return decodeTaskState(bytes);
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") {
    return;
  }
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
