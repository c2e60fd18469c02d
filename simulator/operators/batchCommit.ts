/**
 * Commits the output of a batch job whose tasks have all finished. Until then a task may have to run again, because a result that it or another
 * task left was lost; so no file of a batch job gets its final name before every file can have it. Doing it again does no harm.
 */
import { createReadStream } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { FaultlineError } from "../graph/errors";
import { partPrefix, sinkDirectory, syncFolder } from "./fileSink";

export interface CommittedFiles {
  /** Relative to the run's folder where they lie in it. */
  readonly files: readonly string[];
  readonly records: number;
}

/**
 * Gives the files that one subtask's last attempt prepared their final names, and removes what other attempts left.
 * @param path of the file sink, as the job has it
 * @returns what has got its name just now
 * @throws FaultlineError FL2009
 */
export async function commitBatchOutput(
  path: string,
  { runDirectory, subtask, attempt }: { readonly runDirectory: string; readonly subtask: number; readonly attempt: number },
): Promise<CommittedFiles> {
  const directory = sinkDirectory(path, runDirectory);
  const prefix = partPrefix(path, runDirectory, subtask);
  const files: string[] = [];
  let records = 0;
  try {
    const there = await readdir(directory).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    });
    for (const name of there) {
      const [, number, by] = name.startsWith(`.${prefix}`) ? (/^(\d+)\.inprogress\.(\d+)$/.exec(name.slice(prefix.length + 1)) ?? []) : [];
      if (number === undefined) continue;
      const from = join(directory, name);
      if (Number(by) !== attempt) {
        await rm(from, { force: true });
        continue;
      }
      const to = join(directory, `${prefix}${number}.ndjson`);
      records += await countLines(from);
      await rename(from, to);
      const inside = relative(runDirectory, to);
      files.push(inside.startsWith("..") ? to : inside);
    }
    if (files.length > 0) await syncFolder(directory);
  } catch (error) {
    const { message } = error as Error;
    throw FaultlineError.of("FL2009", `The output in ${directory} cannot be committed: ${message}.`, undefined, { file: directory }, error);
  }
  return { files, records };
}

async function countLines(file: string): Promise<number> {
  let lines = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
  }
  return lines;
}
