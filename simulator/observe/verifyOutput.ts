/**
 * Counts what was lost and duplicated: what the sinks committed, read from their files, against what the sources hold, read from theirs.
 * Nothing that the runtime says of itself goes in but how far the sources had come where a job did not finish by itself.
 *
 * Memory is bounded by the ids of one sink: about 100 bytes for each id that is expected or found.
 */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { FaultlineError } from "../graph/errors";
import type { JobSpec } from "../graph/jobFile";
import { factsOf, type RunFacts, type RunHistory } from "./runFacts";
import type { OutputVerification, SinkVerification } from "./runReport";
import { sinkLineage, type SinkSpecOperator, type SourceSpecOperator } from "./sinkLineage";
import { fieldOf, identities, sourceShare, type MakeRecord, type RunEnd, type SourceShare } from "./sourceRecords";
import { readLines } from "./textRecords";

export interface VerifyOutputOptions {
  /** Records of a generator with a function of the person's own. Without it such records are counted and not compared. */
  readonly makeRecord?: (source: SourceSpecOperator) => MakeRecord | undefined;
}

/** Ids that are named as examples, at most. */
const EXAMPLES = 10;
/** Clocks of files may be as coarse as this. */
const FILE_TIME_MS = 2_000;
/** A committed part; one in progress begins with a dot. */
const PART = /^part-\d+-\d+\.ndjson$/;

/** How the run ended, as far as it says how much of the sources counts. */
function runEndOf(facts: RunFacts): RunEnd {
  return {
    finished: facts.ended?.state === "FINISHED" && facts.stopping === undefined,
    sourceOffsets: facts.lastCheckpoint?.sourceOffsets,
    startedAt: facts.startAt,
  };
}

/**
 * Holds every sink of the job against its sources.
 * @param runDirectory the run's folder; relative paths of sinks lie in its `output`
 * @param history the run's journal, which says how far a job that did not finish had come
 * @throws FaultlineError FL2010 when a source's file cannot be read again, FL2009 when a sink's folder cannot.
 */
export async function verifyOutput(
  job: JobSpec,
  runDirectory: string,
  history: RunHistory,
  options: VerifyOutputOptions = {},
): Promise<OutputVerification> {
  const end = runEndOf(factsOf(history));
  const shares = new Map<SourceSpecOperator, SourceShare>();
  for (const operator of job.operators)
    if (operator.kind === "source") shares.set(operator, await sourceShare(operator, end));
  const sinks: SinkVerification[] = [];
  for (const operator of job.operators) {
    if (operator.kind === "sink") sinks.push(await verifySink(job, operator, shares, runDirectory, end, options));
  }
  const verified = sinks.filter((sink) => sink.method !== "none");
  const sum = (field: "expected" | "committed" | "lost" | "duplicated"): number =>
    verified.reduce((total, sink) => total + sink[field], 0);
  return {
    in: [...shares.values()].reduce((total, share) => total + share.total, 0),
    out: sum("committed"),
    expected: sum("expected"),
    lost: sum("lost"),
    duplicated: sum("duplicated"),
    sinks,
  };
}

async function verifySink(
  job: JobSpec,
  sink: SinkSpecOperator,
  shares: ReadonlyMap<SourceSpecOperator, SourceShare>,
  runDirectory: string,
  end: RunEnd,
  options: VerifyOutputOptions,
): Promise<SinkVerification> {
  const cannot = (why: string): SinkVerification => ({
    sink: sink.id,
    method: "none",
    expected: 0,
    committed: 0,
    lost: 0,
    duplicated: 0,
    note: `Not counted: ${why}.`,
  });
  const lineage = sinkLineage(job, sink);
  if (lineage.kind === "none") return cannot(lineage.why);
  const { connector, identity } = sink.sink;
  if (connector.kind !== "file") return cannot("it keeps nothing to count");
  const same = job.operators.some(
    (other) =>
      other.id !== sink.id &&
      other.kind === "sink" &&
      other.sink.connector.kind === "file" &&
      folderOf(other.sink.connector.path, runDirectory) === folderOf(connector.path, runDirectory),
  );
  if (same) return cannot("another sink writes to the same folder");
  if (!end.finished && end.sourceOffsets === undefined && job.runtime.checkpointing === undefined) {
    return cannot("the job ended early and has no checkpoints, so that nothing says how much should have arrived");
  }
  if (lineage.kind === "window-counts" && !end.finished) {
    return cannot("windows that were open when the job ended hold records that no sink has");
  }
  const output = await findParts(
    folderOf(connector.path, runDirectory),
    isAbsolute(connector.path) ? end.startedAt : undefined,
  );
  const expected = [...lineage.sources].reduce(
    (total, [source, times]) => total + (shares.get(source)?.total ?? 0) * times,
    0,
  );
  if (lineage.kind === "window-counts") return countWindows(sink, output, expected);
  const blind = identity === undefined ? undefined : withoutIdentity([...lineage.sources.keys()], options);
  if (identity === undefined || blind !== undefined) return countRecords(sink, output, expected, blind);
  return compareRecords(sink, identity, output, lineage.sources, shares, options);
}

interface CommittedOutput {
  readonly files: readonly string[];
  /** Parts of an earlier run in a folder of the person's own. */
  readonly older: number;
}

function folderOf(path: string, runDirectory: string): string {
  return isAbsolute(path) ? path : join(runDirectory, "output", path);
}

async function findParts(folder: string, since: number | undefined): Promise<CommittedOutput> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw unreadableSink(folder, error);
  });
  const files: string[] = [];
  let older = 0;
  for (const name of names.filter((one) => PART.test(one)).sort()) {
    const file = join(folder, name);
    if (since !== undefined && (await stat(file)).mtimeMs < since - FILE_TIME_MS) older += 1;
    else files.push(file);
  }
  return { files, older };
}

/** Records of the parts; lines that are not JSON are counted and left out. */
async function* committedRecords(
  output: CommittedOutput,
  damage: { lines: number },
): AsyncGenerator<unknown, void, undefined> {
  for (const file of output.files) {
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
      throw unreadableSink(file, error);
    }
  }
}

async function countRecords(
  sink: SinkSpecOperator,
  output: CommittedOutput,
  expected: number,
  why: string | undefined,
): Promise<SinkVerification> {
  const damage = { lines: 0 };
  let committed = 0;
  for await (const _ of committedRecords(output, damage)) committed += 1;
  return {
    sink: sink.id,
    method: "count",
    expected,
    committed,
    lost: Math.max(0, expected - committed),
    duplicated: Math.max(0, committed - expected),
    ...note(
      output,
      damage,
      why ??
        'by number alone: one lost and one duplicated record would cancel out; name a field as "identity" to compare them',
    ),
  };
}

async function countWindows(
  sink: SinkSpecOperator,
  output: CommittedOutput,
  expected: number,
): Promise<SinkVerification> {
  const damage = { lines: 0 };
  let committed = 0;
  let without = 0;
  for await (const value of committedRecords(output, damage)) {
    const count = fieldOf(value, "count");
    if (typeof count === "number") committed += count;
    else without += 1;
  }
  const lost = Math.max(0, expected - committed);
  const duplicated = Math.max(0, committed - expected);
  if (without > 0) {
    const why = `${without} committed records have no number in their field "count"`;
    return {
      sink: sink.id,
      method: "none",
      expected: 0,
      committed: 0,
      lost: 0,
      duplicated: 0,
      note: `Not counted: ${why}.`,
    };
  }
  return {
    sink: sink.id,
    method: "window-count",
    expected,
    committed,
    lost,
    duplicated,
    ...note(output, damage, "by the sum of the windows' counts"),
  };
}

async function compareRecords(
  sink: SinkSpecOperator,
  identity: string,
  output: CommittedOutput,
  sources: ReadonlyMap<SourceSpecOperator, number>,
  shares: ReadonlyMap<SourceSpecOperator, SourceShare>,
  options: VerifyOutputOptions,
): Promise<SinkVerification> {
  const damage = { lines: 0 };
  /** Id → how often it was found, less how often it was expected. */
  const balance = new Map<string, number>();
  const add = (id: unknown, times: number): void => {
    const key = id === undefined ? "" : JSON.stringify(id);
    balance.set(key, (balance.get(key) ?? 0) + times);
  };
  let committed = 0;
  for await (const value of committedRecords(output, damage)) {
    committed += 1;
    add(fieldOf(value, identity), 1);
  }
  let expected = 0;
  for (const [source, multiplicity] of sources) {
    const share = shares.get(source);
    if (share === undefined) continue;
    for await (const { id, times } of identities(share, identity, options.makeRecord?.(source))) {
      expected += times * multiplicity;
      add(id, -times * multiplicity);
    }
  }
  let lost = 0;
  let duplicated = 0;
  const examples = { lost: [] as string[], duplicated: [] as string[] };
  for (const [id, surplus] of balance) {
    if (surplus === 0) continue;
    if (surplus < 0) lost -= surplus;
    else duplicated += surplus;
    const list = surplus < 0 ? examples.lost : examples.duplicated;
    if (list.length < EXAMPLES) list.push(id === "" ? `(no field "${identity}")` : id);
  }
  return {
    sink: sink.id,
    method: "identity",
    expected,
    committed,
    lost,
    duplicated,
    ...note(output, damage, undefined),
    ...(lost + duplicated > 0 ? { examples } : {}),
  };
}

/** Why the records of these sources cannot be compared one by one. */
function withoutIdentity(sources: readonly SourceSpecOperator[], options: VerifyOutputOptions): string | undefined {
  for (const source of sources) {
    const { connector } = source.source;
    if (connector.kind === "file" && connector.format === "lines")
      return "by number alone: records of text lines have no fields";
    if (
      connector.kind === "generator" &&
      connector.function !== undefined &&
      options.makeRecord?.(source) === undefined
    ) {
      return `by number alone: the records that ${connector.function.exportName} makes cannot be made again here`;
    }
  }
  return undefined;
}

function note(
  output: CommittedOutput,
  damage: { readonly lines: number },
  why: string | undefined,
): { readonly note?: string } {
  const parts = [
    why === undefined ? undefined : `Counted ${why}.`,
    damage.lines > 0 ? `${damage.lines} committed lines are not JSON and were left out.` : undefined,
    output.older > 0 ? `${output.older} files that are older than the run were left out.` : undefined,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? {} : { note: parts.join(" ") };
}

function unreadableSink(file: string, error: unknown): FaultlineError {
  return FaultlineError.of(
    "FL2009",
    `What the sink wrote cannot be read: ${(error as Error).message}.`,
    "Without it, loss and duplication cannot be told.",
    { file },
    error,
  );
}
