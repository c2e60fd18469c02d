/** The records of a file by number: NDJSON, CSV with a header, or lines. The file is read in pieces and never held whole. */
import { closeSync, openSync, readSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FaultlineError } from "../graph/errors";

export type RecordFormat = "ndjson" | "csv" | "lines";

const PIECE_BYTES = 256 * 1024;
/** The place of every so many records is remembered. */
const INDEX_STEP = 1024;
export const MAX_FILE_RECORD_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;
const QUOTE = 0x22;

interface Place {
  readonly offset: number;
  readonly line: number;
}

interface RawRecord {
  readonly bytes: Buffer;
  /** Line on which it begins, from 1. */
  readonly line: number;
}

/** Goes through the raw records of a file from a place on. */
class RecordScanner {
  private piece: Buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  private filled = 0;
  private at = 0;
  /** Offset in the file of the piece's first byte. */
  private pieceOffset: number;
  private line: number;
  private end = false;

  constructor(
    private readonly path: string,
    private readonly descriptor: number,
    private readonly format: RecordFormat,
    place: Place,
  ) {
    this.pieceOffset = place.offset;
    this.line = place.line;
  }

  get place(): Place {
    return { offset: this.pieceOffset + this.at, line: this.line };
  }

  next(): RawRecord | undefined {
    for (;;) {
      const { line } = this;
      const stop = this.findEnd();
      if (stop === undefined) {
        return undefined;
      }
      let from = this.at;
      if (this.pieceOffset + from === 0 && this.piece[from] === 0xef && this.piece[from + 1] === 0xbb) {
        from += 3; // a byte order mark
      }
      const until = stop > from && this.piece[stop - 1] === 0x0d ? stop - 1 : stop;
      const bytes = this.piece.subarray(from, Math.max(from, until));
      this.at = Math.min(stop + 1, this.filled);
      if (this.format === "lines" || bytes.some((byte) => byte > 0x20)) {
        return { bytes, line };
      }
    }
  }

  /** Where in the piece the record that begins at `at` ends; reads on as far as need be. */
  private findEnd(): number | undefined {
    let searched = this.at;
    let quotes = 0;
    for (;;) {
      const newline = this.piece.subarray(0, this.filled).indexOf(NEWLINE, searched);
      const stop = newline < 0 ? this.filled : newline;
      if (this.format === "csv") {
        for (let i = searched; i < stop; i++) {
          quotes += this.piece[i] === QUOTE ? 1 : 0;
        }
      }
      if (newline >= 0) {
        this.line++;
        if (quotes % 2 === 0) {
          return newline;
        }
        searched = newline + 1;
        continue;
      }
      if (this.end) {
        return this.at < this.filled ? this.filled : undefined;
      }
      const searchedInRecord = stop - this.at;
      this.readMore();
      searched = this.at + searchedInRecord;
    }
  }

  private readMore(): void {
    const rest = this.filled - this.at;
    if (rest > MAX_FILE_RECORD_BYTES) {
      throw FaultlineError.of(
        "FL2010",
        `The record at line ${this.line} of ${this.path} is over ${MAX_FILE_RECORD_BYTES} bytes long.`,
        undefined,
        { file: this.path, line: this.line },
      );
    }
    if (rest + PIECE_BYTES > this.piece.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.piece.length, rest + PIECE_BYTES));
      this.piece.copy(larger, 0, this.at, this.filled);
      this.piece = larger;
    } else {
      this.piece.copyWithin(0, this.at, this.filled);
    }
    this.pieceOffset += this.at;
    this.at = 0;
    this.filled = rest;
    let read: number;
    try {
      read = readSync(this.descriptor, this.piece, rest, PIECE_BYTES, this.pieceOffset + rest);
    } catch (error) {
      throw unreadable(this.path, error);
    }
    this.filled += read;
    this.end = read === 0;
  }
}

function unreadable(path: string, error: unknown): FaultlineError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === "ENOENT"
      ? "it is not there"
      : code === "EACCES"
        ? "it may not be read"
        : code === "EISDIR"
          ? "it is a folder"
          : message;
  return FaultlineError.of("FL2010", `The file ${path} cannot be read: ${why}.`, undefined, { file: path }, error);
}

export class FileRecords {
  private scanner: RecordScanner;
  private nextIndex = 0;

  private constructor(
    private readonly path: string,
    private readonly format: RecordFormat,
    private readonly descriptor: number,
    /** Places of the records 0, 1024, 2048, … */
    private readonly places: readonly Place[],
    private readonly columns: readonly string[],
    /** How many records the file holds. */
    readonly count: number,
  ) {
    this.scanner = new RecordScanner(path, descriptor, format, places[0]);
  }

  /** Counts the records of a file. Throws FL2010 when it cannot be read. */
  static async open(path: string, format: RecordFormat): Promise<FileRecords> {
    let descriptor: number;
    try {
      descriptor = openSync(path, "r");
    } catch (error) {
      throw unreadable(path, error);
    }
    try {
      const scanner = new RecordScanner(path, descriptor, format, { offset: 0, line: 1 });
      let columns: readonly string[] = [];
      if (format === "csv") {
        const header = scanner.next();
        columns = header === undefined ? [] : splitCsv(header.bytes.toString("utf8"));
      }
      const places: Place[] = [scanner.place];
      let count = 0;
      while (scanner.next() !== undefined) {
        count++;
        if (count % INDEX_STEP === 0) {
          places.push(scanner.place);
          if (count % (INDEX_STEP * 32) === 0) {
            await nextTurn();
          }
        }
      }
      return new FileRecords(path, format, descriptor, places, columns, count);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Record `index`. Throws FL2010, with the line, for one that is not of the format. */
  read(index: number): unknown {
    if (index < this.nextIndex || index - this.nextIndex > INDEX_STEP) {
      const step = Math.floor(index / INDEX_STEP);
      this.scanner = new RecordScanner(this.path, this.descriptor, this.format, this.places[step]);
      this.nextIndex = step * INDEX_STEP;
    }
    let record = this.scanner.next();
    for (; this.nextIndex < index; this.nextIndex++) {
      record = this.scanner.next();
    }
    this.nextIndex++;
    if (record === undefined) {
      throw FaultlineError.of("FL2010", `The file ${this.path} became shorter while it was read.`, undefined, {
        file: this.path,
      });
    }
    return this.parse(record);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private parse({ bytes, line }: RawRecord): unknown {
    const text = bytes.toString("utf8");
    switch (this.format) {
      case "lines":
        return text;
      case "csv": {
        const cells = splitCsv(text);
        return Object.fromEntries(this.columns.map((column, i) => [column, cells[i] ?? ""]));
      }
      case "ndjson":
        try {
          return JSON.parse(text) as unknown;
        } catch (error) {
          throw FaultlineError.of(
            "FL2010",
            `Line ${line} of ${this.path} is not JSON: ${text.length > 120 ? `${text.slice(0, 120)}…` : text}`,
            "Every line must be one JSON value.",
            { file: this.path, line },
            error,
          );
        }
    }
  }
}

/** Cells of one CSV record (RFC 4180: quotes around a cell, two quotes for one inside). */
export function splitCsv(text: string): string[] {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let cell = "";
      let from = at + 1;
      for (;;) {
        const quote = text.indexOf('"', from);
        if (quote < 0) {
          cell += text.slice(from);
          at = text.length;
          break;
        }
        cell += text.slice(from, quote);
        if (text[quote + 1] === '"') {
          cell += '"';
          from = quote + 2;
          continue;
        }
        at = quote + 1;
        break;
      }
      cells.push(cell);
    } else {
      const comma = text.indexOf(",", at);
      const stop = comma < 0 ? text.length : comma;
      cells.push(text.slice(at, stop));
      at = stop;
    }
    const comma = text.indexOf(",", at);
    if (comma < 0) {
      return cells;
    }
    at = comma + 1;
  }
}
