/**
 * The files of a folder as records, in the order of their names: `{ name, bytes }`. The list is made once; a restore with another list is
 * refused, since a record is known by its number.
 */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, sep } from "node:path";
import { FaultlineError } from "../graph/errors";
import { MAX_FILE_RECORD_BYTES } from "./fileRecords";

export interface DirectoryRecord {
  /** Path below the folder, with `/`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Names of the files, sorted, with `/` between folders. Hidden ones are left out.
 * @throws FaultlineError FL2010 when the folder cannot be read
 */
export async function listDirectory(path: string, suffix: string | undefined): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length).split(sep).filter(Boolean).join("/"))
    .filter(
      (name) =>
        !name.split("/").some((part) => part.startsWith(".")) && (suffix === undefined || name.endsWith(suffix)),
    )
    .sort((a, b) => (a < b ? -1 : 1));
}

export class DirectoryRecords {
  private constructor(
    private readonly path: string,
    private readonly names: readonly string[],
  ) {}

  static async open(path: string, suffix: string | undefined): Promise<DirectoryRecords> {
    return new DirectoryRecords(path, await listDirectory(path, suffix));
  }

  get count(): number {
    return this.names.length;
  }

  /** Names the list of files. */
  get listing(): string {
    return createHash("sha256").update(this.names.join("\0")).digest("hex").slice(0, 16);
  }

  /** @throws FaultlineError FL2010 for a file that is gone, may not be read, or is too large for a record */
  read(index: number): DirectoryRecord {
    const name = this.names[index];
    const file = join(this.path, name);
    try {
      const { size } = statSync(file);
      if (size > MAX_FILE_RECORD_BYTES) {
        throw FaultlineError.of(
          "FL2010",
          `The file ${file} has ${size} bytes; a record may have ${MAX_FILE_RECORD_BYTES}.`,
          "Leave it out with `suffix`, or cut it.",
          { file },
        );
      }
      return { name, bytes: new Uint8Array(readFileSync(file)) };
    } catch (error) {
      throw error instanceof FaultlineError ? error : unreadable(file, error);
    }
  }
}

function unreadable(file: string, error: unknown): FaultlineError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === "ENOENT"
      ? "it is not there"
      : code === "EACCES"
        ? "it may not be read"
        : code === "ENOTDIR"
          ? "it is no folder"
          : message;
  return FaultlineError.of("FL2010", `${file} cannot be read: ${why}.`, undefined, { file }, error);
}
