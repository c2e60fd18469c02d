/** The checkpoints of a run as they lie on the disk, and what is done to them there. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

interface CheckpointFolder {
  readonly number: number;
  readonly path: string;
}

/** Oldest first. */
function checkpoints(runDirectory: string): CheckpointFolder[] {
  return readdirSync(join(runDirectory, "checkpoints"))
    .filter((name) => /^chk-\d+$/.test(name))
    .map((name) => ({ number: Number(name.slice(4)), path: pathOf(runDirectory, Number(name.slice(4))) }))
    .sort((a, b) => a.number - b.number);
}

function pathOf(runDirectory: string, checkpoint: number): string {
  return join(runDirectory, "checkpoints", `chk-${checkpoint}`);
}

export function completeCheckpoints(runDirectory: string): CheckpointFolder[] {
  return checkpoints(runDirectory).filter(({ path }) => existsSync(join(path, "_metadata")));
}

/** The newest checkpoint's folder is there, and it is not complete. */
export function isCheckpointUnderWay(runDirectory: string): boolean {
  const newest = checkpoints(runDirectory).at(-1);
  return newest !== undefined && !existsSync(join(newest.path, "_metadata"));
}

/** Changes one byte of one file of the newest complete checkpoint; its number. */
export function damageNewest(runDirectory: string, chance: number): number {
  const newest = completeCheckpoints(runDirectory).at(-1);
  if (newest === undefined) throw new Error("there is no checkpoint to damage");
  const files = readdirSync(newest.path)
    .filter((name) => name === "_metadata" || name.endsWith(".state"))
    .sort();
  const file = join(newest.path, files[Math.floor(chance * files.length)] ?? "_metadata");
  const bytes = readFileSync(file);
  const at = Math.floor(chance * bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ 0x20;
  writeFileSync(file, bytes);
  const descriptor = openSync(file, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
  return newest.number;
}

/** Puts a file where the folder of each of the next two checkpoints would be: the disk refuses them. Their numbers. */
export function blockNextCheckpoints(runDirectory: string, triggered: number): number[] {
  const next = Math.max(triggered, checkpoints(runDirectory).at(-1)?.number ?? 0) + 1;
  return [next, next + 1].filter((number) => {
    try {
      writeFileSync(pathOf(runDirectory, number), "", { flag: "wx" });
      return true;
    } catch {
      return false;
    }
  });
}

export function unblock(runDirectory: string, blocked: readonly number[]): void {
  for (const number of blocked) {
    const path = pathOf(runDirectory, number);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) rmSync(path, { force: true });
  }
}
