/** Damages what the latest checkpoint keeps, for real and on disk, in a way that can be repaired. */
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FaultTarget } from "../faults/faultDefinition";
import { runPaths } from "./runDirectory";

interface Metadata {
  readonly handles: Readonly<Record<string, { readonly path: string; readonly sha256: string }>>;
}

/**
 * Turns bytes of a task's state file around, or of the checkpoint's metadata.
 * @throws an Error when there is no checkpoint, or it keeps nothing of the target.
 */
export function damageCheckpoint(directory: string, target: FaultTarget): { readonly evidence: string; repair(): void } {
  const [folder, text] = latestMetadata(directory);
  const file = target.kind === "task" ? join(directory, stateOf(text, target.task)) : join(folder, "_metadata");
  const intact = readFileSync(file);
  const damaged = Buffer.from(intact);
  const middle = Math.floor(damaged.length / 2);
  for (let at = middle; at < Math.min(damaged.length, middle + 16); at++) damaged[at] = (damaged[at] ?? 0) ^ 0xff;
  writeFileSync(file, damaged);
  const seen = checksum(readFileSync(file));
  if (seen === checksum(intact)) throw new Error(`${file} is as it was`);
  return {
    evidence: `${file} does not match its checksum any more (${seen.slice(0, 12)}… instead of ${checksum(intact).slice(0, 12)}…)`,
    repair: () => writeFileSync(file, intact),
  };
}

function latestMetadata(directory: string): readonly [folder: string, text: string] {
  const checkpoints = runPaths.checkpoints(directory);
  const numbers = readdirSync(checkpoints).flatMap((name) => (/^chk-\d+$/.test(name) ? [Number(name.slice(4))] : []));
  for (const number of numbers.sort((a, b) => b - a)) {
    const folder = join(checkpoints, `chk-${number}`);
    try {
      return [folder, readFileSync(join(folder, "_metadata"), "utf8")];
    } catch {
      // Not complete yet.
    }
  }
  throw new Error("there is no complete checkpoint yet");
}

function stateOf(metadata: string, task: string): string {
  const { handles } = JSON.parse(metadata.slice(metadata.indexOf("\n") + 1)) as Metadata;
  const handle = handles[task];
  if (handle === undefined) throw new Error(`the latest checkpoint keeps nothing of ${task}`);
  return handle.path;
}

function checksum(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
