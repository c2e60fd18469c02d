/**
 * What the sources of a job hold, read from where they read, and how much of it counts in a run.
 *
 * Records are numbered from 0, over the whole sequence with its repeats; `sourceSplits.ts` says which belong to which subtask. What counts in a
 * run that began from a savepoint is what it and the runs before it emitted, up to the savepoint.
 */
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { FaultlineError } from "../graph/errors";
import type { SourceConnector } from "../graph/jobFile";
import { advance, countBelow, initialAssignment, RecordsLeft } from "../graph/sourceSplits";
import type { SplitAssignment } from "../graph/sourceSplits";
import type { SubtaskName } from "./journalEvent";
import type { SourceSpecOperator } from "./sinkLineage";
import { readCsv, readLines } from "./textRecords";

export interface RunEnd {
  /**
   * `complete`: the job finished by itself, and the sources count in full. `drained`: it was stopped, and what its sources had emitted was
   * flushed and committed. `broken`: it failed, was cancelled, broke off or goes on; what counts is what the last checkpoint holds.
   */
  readonly ending: "complete" | "drained" | "broken";
  /** Source subtask → records that it had emitted at the last completed checkpoint; `undefined` when there was none. */
  readonly sourceOffsets: Readonly<Record<SubtaskName, number>> | undefined;
  /** That checkpoint is a savepoint which stopped the job: aligned, and there whatever the job's checkpoints are. */
  readonly savepoint?: boolean;
}

/** Makes record `index` of a generator source with a function of the person's own. */
export type MakeRecord = (index: number) => unknown;

/** The part of a source that counts in a run. */
export interface SourceShare {
  readonly source: SourceSpecOperator;
  /** Records in one pass; `undefined` for a generator. */
  readonly perPass: number | undefined;
  /** Records that there are, over all subtasks; may be infinite. */
  readonly held: number;
  /** Records that do not count: nobody emitted them, as far as is known. */
  readonly left: RecordsLeft;
  readonly total: number;
}

/**
 * @param assignments what each subtask had to emit when the run began, when it did not begin at the beginning
 * @throws FaultlineError FL2010 when the source's file cannot be read.
 */
export async function sourceShare(
  source: SourceSpecOperator,
  end: RunEnd,
  assignments?: readonly SplitAssignment[],
): Promise<SourceShare> {
  const { connector, limit } = source.source;
  const { parallelism } = source;
  const perPass = connector.kind === "generator" ? undefined : await countRecords(connector);
  const all = connector.kind === "generator" ? Infinity : (perPass ?? 0) * connector.repeat;
  const held = Math.min(all, limit ?? Infinity);
  const ranges = Array.from({ length: parallelism }, (_, subtask): SplitAssignment => {
    const assigned = assignments?.[subtask] ?? initialAssignment(subtask, parallelism);
    const whole = assigned.reduce((sum, range) => sum + countBelow(range, held), 0);
    const emitted = end.sourceOffsets?.[`${source.id}#${subtask}`] ?? 0;
    return advance(assigned, end.ending === "complete" && whole !== Infinity ? whole : Math.min(whole, emitted));
  });
  const left = new RecordsLeft(ranges.flat());
  return { source, perPass, held, left, total: left.emittedBelow(held) };
}

/** One record of a source. */
export interface SourceIdentity {
  /** Value of the field; `undefined` for a record without it. */
  readonly id: unknown;
  /** How often it counts in the run, and how often the source holds it. */
  readonly times: number;
  readonly most: number;
}

/**
 * The records of a source by the value of a field, each position of its file once. Of a generator those that count.
 * @throws FaultlineError FL2010
 */
export async function* identities(
  share: SourceShare,
  field: string,
  makeRecord: MakeRecord | undefined,
): AsyncGenerator<SourceIdentity, void, undefined> {
  const { connector } = share.source.source;
  if (connector.kind !== "generator") {
    let position = 0;
    for await (const value of fileRecords(connector)) {
      yield { id: fieldOf(value, field), ...timesCounted(share, position++, connector.repeat) };
    }
    return;
  }
  const end = Math.min(share.held, share.left.front);
  for (let index = 0; index < end; index++) {
    if (share.left.has(index)) continue;
    yield { id: fieldOf(makeRecord === undefined ? { seq: index } : makeRecord(index), field), times: 1, most: 1 };
  }
}

export function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[field] : undefined;
}

/** Over the passes of the file, for the record at `position` of one pass. */
function timesCounted(
  share: SourceShare,
  position: number,
  passes: number,
): { readonly times: number; readonly most: number } {
  const perPass = share.perPass ?? 0;
  const fitting = perPass === 0 ? (position < share.held ? passes : 0) : Math.ceil((share.held - position) / perPass);
  const most = Math.min(passes, Math.max(0, fitting));
  // From `front` on all is left: a file that was to be read for ever is not looked through to its end.
  const end = Math.min(share.held, share.left.front);
  let times = 0;
  for (let pass = 0; pass < most; pass++) {
    const record = pass * perPass + position;
    if (record >= end) break;
    if (!share.left.has(record)) times += 1;
  }
  return { times, most };
}

type FileConnector = Extract<SourceConnector, { kind: "file" | "directory" }>;

async function countRecords(connector: FileConnector): Promise<number> {
  let count = 0;
  for await (const _ of rawRecords(connector)) count += 1;
  return count;
}

async function* fileRecords(connector: FileConnector): AsyncGenerator<unknown, void, undefined> {
  const json = connector.kind === "file" && connector.format === "ndjson";
  for await (const raw of rawRecords(connector)) yield json ? parsed(raw as string) : raw;
}

/** Names of the files of a folder, as its source gives them; their contents are not read. */
async function folderRecords(connector: Extract<FileConnector, { kind: "directory" }>): Promise<{ name: string }[]> {
  const entries = await readdir(connector.path, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(connector.path, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((name) => !/(^|\/)\./.test(name) && name.endsWith(connector.suffix ?? ""))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => ({ name }));
}

/** Lines as text, rows of a CSV as objects. Lines of nothing but white space are no records, except where every line is a text. */
async function* rawRecords(connector: FileConnector): AsyncGenerator<unknown, void, undefined> {
  try {
    if (connector.kind === "directory") {
      yield* await folderRecords(connector);
      return;
    }
    const text = createReadStream(connector.path, { encoding: "utf8", highWaterMark: 256 * 1024 });
    if (connector.format === "csv") yield* readCsv(text);
    else {
      for await (const line of readLines(text)) {
        if (connector.format === "lines" || /[^\0-\x20]/.test(line)) yield line;
      }
    }
  } catch (error) {
    if (error instanceof FaultlineError) throw error;
    throw FaultlineError.of(
      "FL2010",
      `What the source read cannot be read again to count its records: ${(error as Error).message}.`,
      "Put it back where the job read it; without it, loss and duplication cannot be told.",
      { file: connector.path },
      error,
    );
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
