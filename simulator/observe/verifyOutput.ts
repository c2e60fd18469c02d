/**
 * Counts what was lost and duplicated: what the sinks committed, read from their files, against what the sources hold, read from theirs.
 * Nothing that the runtime says of itself goes in but how far the sources had come where a job did not finish by itself.
 *
 * Memory is bounded by the ids of one sink: about 100 bytes for each id that is expected or found.
 */
import type { JobSpec } from "../graph/jobFile";
import {
  findEarlierParts,
  findParts,
  partRecords,
  sinkFolder,
  type EarlierOutput,
  type SinkParts,
} from "./committedParts";
import type { SplitAssignment } from "../graph/sourceSplits";
import { RecordBalance } from "./recordBalance";
import { factsOf, type RunFacts, type RunHistory } from "./runFacts";
import type { OutputVerification, SinkVerification } from "./runReport";
import { sinkLineage, type SinkLineage, type SinkSpecOperator, type SourceSpecOperator } from "./sinkLineage";
import { fieldOf, identities, sourceShare, type MakeRecord, type RunEnd, type SourceShare } from "./sourceRecords";

/** What the runs before this one had done, up to the savepoint that it began from: with it they count as one. */
export interface EarlierRuns {
  /** Source → what each subtask had left to emit. */
  readonly sources: Readonly<Record<string, readonly SplitAssignment[]>>;
  /** File sink → what they had committed. */
  readonly sinks: Readonly<Record<string, readonly EarlierOutput[]>>;
}

export interface VerifyOutputOptions {
  /** Set for a run that began from a savepoint. */
  readonly earlier?: EarlierRuns;
  /** Records of a generator with a function of the person's own. Without it such records are counted and not compared. */
  readonly makeRecord?: (source: SourceSpecOperator) => MakeRecord | undefined;
}

/** How the run ended, as far as it says how much of the sources counts. */
function runEndOf(facts: RunFacts): RunEnd {
  const finished = facts.ended?.state === "FINISHED";
  // Stopped with a savepoint it drained nothing: what counts is what the savepoint holds, its last checkpoint.
  const drained = facts.stopping === "savepoint" ? "broken" : "drained";
  const ending = finished ? (facts.stopping === undefined ? "complete" : drained) : "broken";
  return { ending, sourceOffsets: facts.lastCheckpoint?.sourceOffsets, savepoint: facts.stopping === "savepoint" };
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
  for (const operator of job.operators) {
    if (operator.kind === "source")
      shares.set(operator, await sourceShare(operator, end, options.earlier?.sources[operator.id]));
  }
  const check: Check = { job, runDirectory, end, shares, options };
  const sinks: SinkVerification[] = [];
  for (const operator of job.operators) if (operator.kind === "sink") sinks.push(await verifySink(operator, check));
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

interface Check {
  readonly job: JobSpec;
  readonly runDirectory: string;
  readonly end: RunEnd;
  readonly shares: ReadonlyMap<SourceSpecOperator, SourceShare>;
  readonly options: VerifyOutputOptions;
}

type Lineage = Exclude<SinkLineage, { kind: "none" }>;

async function verifySink(sink: SinkSpecOperator, check: Check): Promise<SinkVerification> {
  const lineage = sinkLineage(check.job, sink);
  const why = lineage.kind === "none" ? lineage.why : whyNot(sink, lineage, check);
  const { connector, identity } = sink.sink;
  if (lineage.kind === "none" || connector.kind !== "file" || why !== undefined)
    return notCounted(sink, why ?? "it keeps nothing");
  const own = await findParts(connector.path, check.runDirectory);
  const earlier = check.options.earlier?.sinks[sink.id] ?? [];
  const parts = { ...own, committed: [...(await findEarlierParts(earlier)), ...own.committed] };
  if (lineage.kind === "window-counts") return countWindows(sink, parts, expectedOf(lineage, check));
  const blind = identity === undefined ? undefined : withoutIdentity([...lineage.sources.keys()], check.options);
  if (identity === undefined || blind !== undefined) return countRecords(sink, parts, lineage, check, blind);
  return compareRecords(sink, identity, parts, lineage, check);
}

/** What stands against counting this sink in this run. */
function whyNot(sink: SinkSpecOperator, lineage: Lineage, { job, runDirectory, end }: Check): string | undefined {
  const folder = (operator: JobSpec["operators"][number]): string | undefined =>
    operator.kind === "sink" && operator.sink.connector.kind === "file"
      ? sinkFolder(operator.sink.connector.path, runDirectory)
      : undefined;
  if (
    job.operators.some((other) => other.id !== sink.id && folder(other) !== undefined && folder(other) === folder(sink))
  ) {
    return "another sink writes to the same folder";
  }
  if (end.ending !== "broken") return undefined;
  if (job.runtime.checkpointing === undefined && end.savepoint !== true) {
    return "the job did not finish and has no checkpoints, so that nothing says how much should have arrived";
  }
  if (job.runtime.checkpointing?.unaligned === true && end.savepoint !== true) {
    return "the job did not finish, and its unaligned checkpoints hold records on their way between tasks";
  }
  return lineage.kind === "window-counts"
    ? "the job did not finish, and its open windows hold records that no sink has"
    : undefined;
}

function expectedOf({ sources }: Lineage, { shares }: Check): number {
  return [...sources].reduce((total, [source, times]) => total + (shares.get(source)?.total ?? 0) * times, 0);
}

/** By number alone. */
async function countRecords(
  sink: SinkSpecOperator,
  parts: SinkParts,
  lineage: Lineage,
  check: Check,
  blind: string | undefined,
): Promise<SinkVerification> {
  const damage = { lines: 0 };
  let committed = 0;
  for await (const _ of partRecords(parts.committed, damage)) committed += 1;
  const expected = expectedOf(lineage, check);
  const missing = Math.max(0, expected - committed);
  let held = 0;
  let surplus = Math.max(0, committed - expected);
  if (check.end.ending === "broken") {
    let prepared = 0;
    for await (const _ of partRecords(parts.uncommitted, { lines: 0 })) prepared += 1;
    held = Math.min(missing, prepared + lineage.inFlight);
    const most = [...lineage.sources].reduce(
      (sum, [source, times]) => sum + (check.shares.get(source)?.held ?? 0) * times,
      0,
    );
    surplus = Math.max(0, committed - most);
  }
  const why = 'one lost and one duplicated record would cancel out; name a field as "identity" to compare them';
  return {
    sink: sink.id,
    method: "count",
    expected,
    committed,
    lost: missing - held,
    duplicated: surplus,
    ...heldOf(held),
    ...noteOf(`Counted by number alone: ${blind ?? why}.`, heldNote(held), damageNote(damage)),
  };
}

/** By the sum of what the windows counted. */
async function countWindows(sink: SinkSpecOperator, parts: SinkParts, expected: number): Promise<SinkVerification> {
  const damage = { lines: 0 };
  let committed = 0;
  let without = 0;
  for await (const value of partRecords(parts.committed, damage)) {
    const count = fieldOf(value, "count");
    if (typeof count === "number") committed += count;
    else without += 1;
  }
  if (without > 0) return notCounted(sink, `${without} committed records have no number in their field "count"`);
  return {
    sink: sink.id,
    method: "window-count",
    expected,
    committed,
    lost: Math.max(0, expected - committed),
    duplicated: Math.max(0, committed - expected),
    ...noteOf(damageNote(damage)),
  };
}

/** Record by record. */
async function compareRecords(
  sink: SinkSpecOperator,
  identity: string,
  parts: SinkParts,
  lineage: Lineage,
  { shares, end, options }: Check,
): Promise<SinkVerification> {
  const broken = end.ending === "broken";
  const damage = { lines: 0 };
  const balance = new RecordBalance();
  let committed = 0;
  for await (const value of partRecords(parts.committed, damage)) {
    committed += 1;
    balance.found(fieldOf(value, identity));
  }
  let expected = 0;
  let spareOfAll = 0;
  for (const [source, multiplicity] of lineage.sources) {
    const share = shares.get(source);
    if (share === undefined) continue;
    for await (const { id, times, most } of identities(share, identity, options.makeRecord?.(source))) {
      expected += times * multiplicity;
      // What was committed after the checkpoint that counts here is early, and not twice.
      balance.expect(id, times * multiplicity, broken ? (most - times) * multiplicity : 0);
    }
    if (broken && source.source.connector.kind === "generator") spareOfAll += multiplicity;
  }
  let held = 0;
  if (broken) {
    // A checkpoint closes the sink's file: what counts and is in a file that nobody committed is kept for the next attempt.
    for await (const value of partRecords(parts.uncommitted, { lines: 0 })) {
      if (balance.retrieve(fieldOf(value, identity))) held += 1;
    }
  }
  const { missing, surplus, examples } = balance.result(spareOfAll);
  const inFlight = broken ? Math.min(missing, lineage.inFlight) : 0;
  const lost = missing - inFlight;
  held += inFlight;
  const named = { lost: lost > 0 ? examples.lost : [], duplicated: examples.duplicated };
  return {
    sink: sink.id,
    method: "identity",
    expected,
    committed,
    lost,
    duplicated: surplus,
    ...heldOf(held),
    ...noteOf(heldNote(held), damageNote(damage)),
    ...(lost + surplus > 0 ? { examples: named } : {}),
  };
}

function notCounted(sink: SinkSpecOperator, why: string): SinkVerification {
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

/** Why the records of these sources cannot be compared one by one. */
function withoutIdentity(sources: readonly SourceSpecOperator[], options: VerifyOutputOptions): string | undefined {
  for (const source of sources) {
    const { connector } = source.source;
    if (connector.kind === "file" && connector.format === "lines") return "records of text lines have no fields";
    if (
      connector.kind === "generator" &&
      connector.function !== undefined &&
      options.makeRecord?.(source) === undefined
    ) {
      return `the records that ${connector.function.exportName} makes cannot be made again here`;
    }
  }
  return undefined;
}

function heldOf(held: number): { readonly held?: number } {
  return held > 0 ? { held } : {};
}

function heldNote(held: number): string | undefined {
  if (held === 0) return undefined;
  return `${held} of the records that are missing were in flight, or prepared and not yet committed, at the last checkpoint, which holds them.`;
}

function damageNote({ lines }: { readonly lines: number }): string | undefined {
  return lines === 0 ? undefined : `${lines} committed lines are not JSON and were left out.`;
}

function noteOf(...parts: readonly (string | undefined)[]): { readonly note?: string } {
  const note = parts.filter((part) => part !== undefined).join(" ");
  return note === "" ? {} : { note };
}
