/** Holds a hypothesis against what a run's report says. */
import type { RunReport } from "../observe/runReport";
import type { RunFacts } from "../observe/runFacts";
import type { Hypothesis, Probe, Window } from "./experiment";

export interface HypothesisResult {
  readonly name: string;
  readonly probe: Probe;
  readonly held: boolean;
  /** `null` where the run gave nothing to measure; a hypothesis about that has not held. */
  readonly observed: number | null;
  readonly expected: string;
  /** It is there to be broken by the faults. */
  readonly mustFail: boolean;
}

export interface RunMeasures {
  readonly report: RunReport;
  readonly modelsLoaded: number;
  /** By process. */
  readonly peakMemory: ReadonlyMap<string, number>;
  readonly facts: RunFacts;
  /** Exit codes of the commands of hypotheses; `null` for one that did not end. */
  readonly commandExits: ReadonlyMap<string, number | null>;
}

export function judge(hypothesis: Hypothesis, measures: RunMeasures): HypothesisResult {
  const observed = hypothesis.during === "run" && !SERIES.has(hypothesis.probe) ? measure(hypothesis, measures) : inWindow(hypothesis, measures);
  const { equals, atMost, atLeast } = hypothesis;
  const held =
    observed !== null &&
    (equals === undefined || observed === equals) &&
    (atMost === undefined || observed <= atMost) &&
    (atLeast === undefined || observed >= atLeast);
  const expected = [equals === undefined ? "" : `= ${equals}`, atLeast === undefined ? "" : `>= ${atLeast}`, atMost === undefined ? "" : `<= ${atMost}`];
  return { name: hypothesis.name, probe: hypothesis.probe, held, observed, expected: expected.filter((part) => part !== "").join(" and "), mustFail: hypothesis.mustFail };
}

const SERIES: ReadonlySet<Probe> = new Set<Probe>(["lowestThroughput", "highestP99Ms"]);
const SECOND = 1_000;
const STEP = 250;

/** What a probe gives of a part of the run; `null` where that part is too short to tell. */
function inWindow({ probe, during }: Hypothesis, { facts, report }: RunMeasures): number | null {
  const { throughput } = facts;
  const [from, to] = windowOf(during, facts, report);
  if (throughput === undefined || to - from < SECOND) return null;
  if (probe === "throughputPerSecond") return throughput.rate(from, to);
  if (probe === "p99Ms") return throughput.latency(from, to, 0.99);
  const values: number[] = [];
  for (let at = from; at + SECOND <= to; at += STEP) {
    const value = probe === "lowestThroughput" ? throughput.rate(at, at + SECOND) : throughput.latency(at, at + SECOND, 0.99);
    if (value !== null) values.push(value);
  }
  if (values.length === 0) return null;
  return probe === "lowestThroughput" ? Math.min(...values) : Math.max(...values);
}

/** From and to, ms from the run's start. Without faults every window is the whole run, less the second in which it comes up and its end. */
function windowOf(window: Window, facts: RunFacts, report: RunReport): readonly [from: number, to: number] {
  const series = facts.throughput;
  const begun = Math.max(series?.from ?? 0, (facts.firstRecordAt ?? facts.startAt) - facts.startAt) + SECOND;
  // While it runs (a gate is asked before the first fault) there is no end yet to leave out.
  const ended = (series?.until ?? 0) - (facts.ended === undefined ? 0 : SECOND);
  const injections = [...facts.injections.values()].filter(({ effective }) => effective !== undefined);
  if (window === "run" || injections.length === 0) return [begun, ended];
  const first = Math.min(...injections.map(({ at }) => at)) - facts.startAt;
  const recovered = report.failures.map(({ injectedAtMs, recoveredAfterMs, dip }) => injectedAtMs + Math.max(recoveredAfterMs ?? 0, dip?.durationMs ?? 0));
  const healed = injections.map(({ healed: end }) => (end?.at ?? facts.startAt) - facts.startAt);
  const last = Math.min(ended, Math.max(first, ...recovered, ...healed));
  if (window === "before") return [begun, first];
  return window === "during" ? [first, last] : [last, ended];
}

/** Those of the gate, as far as the run has come; in a sentence, what does not hold. */
export function gateProblem(hypotheses: readonly Hypothesis[], measures: RunMeasures): string | undefined {
  const failed = hypotheses.filter(({ during }) => during === "before").map((hypothesis) => judge(hypothesis, measures));
  const [first] = failed.filter(({ held, observed }) => !held && observed !== null);
  return first === undefined ? undefined : `Before the first fault already, this did not hold: ${first.name} (observed ${first.observed}, expected ${first.expected}). No fault was injected.`;
}

function measure({ probe, of: pattern = "*", command = "" }: Hypothesis, { report, modelsLoaded, peakMemory, commandExits }: RunMeasures): number | null {
  const expression = new RegExp(`^${pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
  const chosen = (names: readonly string[]): number => names.filter((name) => expression.test(name)).length;
  const { records, rpc, checkpoints, failures } = report;
  const sum = (of: (failure: RunReport["failures"][number]) => number): number => failures.reduce((total, failure) => total + of(failure), 0);
  /** Longest over the faults; 0 without a fault, `null` when one of them never came to it. */
  const longest = (of: (failure: RunReport["failures"][number]) => number | null): number | null => {
    const times = failures.map(of);
    return times.some((time) => time === null) ? null : Math.max(0, ...times.map((time) => time ?? 0));
  };
  switch (probe) {
    case "recordsLost":
      return records.lost;
    case "recordsDuplicated":
      return records.duplicated;
    case "streamTasksRestarted":
      return sum((failure) => chosen(failure.restartedTasks));
    case "instancesRestarted":
      return sum((failure) => chosen(failure.restartedInstances));
    case "callsFailed":
      return rpc.failed;
    case "callsRetried":
      return rpc.retried;
    case "recordsReplayed":
      return sum((failure) => failure.recordsReplayed);
    case "throughputPerSecond":
      return records.perSecond;
    case "p99Ms":
      return rpc.p99Ms;
    case "detectionMs":
      return longest((failure) => failure.detectedAfterMs);
    case "recoveryMs":
      // Healed, and nothing had to come back: slow for a while.
      return longest((failure) => failure.recoveredAfterMs ?? (failure.healedAfterMs !== null && failure.restartedTasks.length + failure.restartedInstances.length === 0 ? 0 : null));
    case "checkpointsCompleted":
      return checkpoints.completed;
    case "checkpointsFailed":
      return checkpoints.failed;
    case "modelsLoaded":
      return modelsLoaded;
    case "peakMemoryBytes":
      return [...peakMemory].filter(([process]) => expression.test(process)).reduce<number | null>((most, [, bytes]) => Math.max(most ?? 0, bytes), null);
    case "commandExit":
      return commandExits.get(command) ?? null;
    case "lowestThroughput":
    case "highestP99Ms":
      return null;
  }
}
