/** The files of a file sink: committed parts, and parts that a checkpoint prepared and nobody committed. */
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import { FaultlineError } from "../graph/errors";
import { readLines } from "./textRecords";

export interface SinkParts {
  /** `part-SUBTASK-N.ndjson`; in a folder outside the run's own `part-RUN-SUBTASK-N.ndjson`. */
  readonly committed: readonly string[];
  /** The same with a leading dot: being written, or waiting for its checkpoint. */
  readonly uncommitted: readonly string[];
}

/** Where the sink writes: below the run's `output`, unless its path is absolute. */
export function sinkFolder(path: string, runDirectory: string): string {
  return isAbsolute(path) ? path : join(runDirectory, "output", path);
}

/** @throws FaultlineError FL2009 when the folder cannot be read. A folder that is not there has no parts. */
export async function findParts(path: string, runDirectory: string): Promise<SinkParts> {
  const folder = sinkFolder(path, runDirectory);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw unreadable(folder, error);
  });
  // Nothing else is a sink's: a link into a device would be read for ever.
  const names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const prefix = isAbsolute(path) ? `part-${basename(runDirectory)}-` : "part-";
  const rest = (name: string, dot: string): string | undefined =>
    name.startsWith(dot + prefix) ? name.slice(dot.length + prefix.length) : undefined;
  const matching = (dot: string, pattern: RegExp): readonly string[] =>
    names
      .filter((name) => pattern.test(rest(name, dot) ?? ""))
      .sort()
      .map((name) => join(folder, name));
  return { committed: matching("", /^\d+-\d+\.ndjson$/), uncommitted: matching(".", /^\d+-\d+\./) };
}

/** Files that one subtask of a run before this one had committed up to a savepoint: `PREFIX N.ndjson`, with N below `next`. */
export interface EarlierOutput {
  /** Absolute. */
  readonly directory: string;
  readonly prefix: string;
  readonly next: number;
}

/** @throws FaultlineError FL2009 when a folder is not there any more. */
export async function findEarlierParts(outputs: readonly EarlierOutput[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const { directory, prefix, next } of outputs) {
    if (next === 0) continue;
    const names = await readdir(directory).catch((error: unknown) => {
      throw unreadable(directory, error);
    });
    for (const name of names) {
      const number = name.startsWith(prefix) ? /^(\d+)\.ndjson$/.exec(name.slice(prefix.length))?.[1] : undefined;
      if (number !== undefined && Number(number) < next) files.push(join(directory, name));
    }
  }
  return files.sort();
}

/**
 * The records of these files, in order. Lines that are not JSON are counted in `damage` and left out.
 * @throws FaultlineError FL2009
 */
export async function* partRecords(
  files: readonly string[],
  damage: { lines: number },
): AsyncGenerator<unknown, void, undefined> {
  for (const file of files) {
    try {
      for await (const line of readLines(createReadStream(file, { encoding: "utf8", highWaterMark: 256 * 1024 }))) {
        let value: unknown;
        try {
          value = JSON.parse(line);
        } catch {
          damage.lines += 1;
          continue;
        }
        yield value;
      }
    } catch (error) {
      throw unreadable(file, error);
    }
  }
}

function unreadable(file: string, error: unknown): FaultlineError {
  return FaultlineError.of(
    "FL2009",
    `What the sink wrote cannot be read: ${(error as Error).message}.`,
    "Without it, loss and duplication cannot be told.",
    { file },
    error,
  );
}
