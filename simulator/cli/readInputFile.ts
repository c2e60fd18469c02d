/** Reads a text file that came from outside, with a limit on its size; `-` is standard input. */
import { open, stat } from "node:fs/promises";
import { FaultlineError } from "../graph/errors";

/** Largest file that is read as a graph, in bytes. */
export const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/** Throws FL1001 (not there, a folder, not readable), FL1002 (not UTF-8) and FL1004 (over `limit` bytes; then nothing is kept of it). */
export async function readInputFile(path: string, limit = MAX_INPUT_BYTES): Promise<string> {
  try {
    if (path === "-") return decode(await readStream(process.stdin, path, limit), path);
    const { size } = await checkedStat(path);
    if (size > limit) throw tooLarge(path, `${size} bytes`, limit);
    const handle = await open(path, "r");
    // A pipe or a device says no size: it is read until the limit.
    return decode(await readStream(handle.createReadStream(), path, limit), path);
  } catch (error) {
    if (error instanceof FaultlineError) throw error;
    throw FaultlineError.of("FL1001", `${path} cannot be read: ${reasonOf(error)}.`, undefined, { file: path }, error);
  }
}

async function checkedStat(path: string): Promise<{ readonly size: number }> {
  const found = await stat(path);
  if (found.isDirectory()) {
    throw FaultlineError.of("FL1001", `${path} is a folder.`, "Name a file in it.", { file: path });
  }
  return found;
}

async function readStream(stream: AsyncIterable<Buffer | string>, path: string, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    length += bytes.length;
    if (length > limit) throw tooLarge(path, `more than ${limit} bytes`, limit);
    pieces.push(bytes);
  }
  return Buffer.concat(pieces, length);
}

function tooLarge(path: string, size: string, limit: number): FaultlineError {
  return FaultlineError.of(
    "FL1004",
    `${path} is ${size} long; the limit is ${limit} bytes (${limit / 1024 / 1024} MB).`,
    undefined,
    {
      file: path,
    },
  );
}

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw FaultlineError.of("FL1002", `${path} is not UTF-8 text.`, "Save it as UTF-8.", { file: path });
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "access is denied";
  return error instanceof Error ? error.message : String(error);
}
