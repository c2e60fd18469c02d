/** Holds a hypothesis against what a run's report says. */
import type { RunReport } from "../observe/runReport";
import type { Hypothesis, Probe } from "./experiment";

export interface HypothesisResult {
  readonly name: string;
  readonly probe: Probe;
  readonly held: boolean;
  /** `null` where the run gave nothing to measure; a hypothesis about that has not held. */
  readonly observed: number | null;
  readonly expected: string;
}

export interface RunMeasures {
  readonly report: RunReport;
  readonly modelsLoaded: number;
  readonly peakMemoryBytes: number | null;
}

export function judge(hypothesis: Hypothesis, measures: RunMeasures): HypothesisResult {
  const observed = measure(hypothesis.probe, measures);
  const { equals, atMost, atLeast } = hypothesis;
  const held =
    observed !== null &&
    (equals === undefined || observed === equals) &&
    (atMost === undefined || observed <= atMost) &&
    (atLeast === undefined || observed >= atLeast);
  const expected = [equals === undefined ? "" : `= ${equals}`, atLeast === undefined ? "" : `>= ${atLeast}`, atMost === undefined ? "" : `<= ${atMost}`];
  return { name: hypothesis.name, probe: hypothesis.probe, held, observed, expected: expected.filter((part) => part !== "").join(" and ") };
}

function measure(probe: Probe, { report, modelsLoaded, peakMemoryBytes }: RunMeasures): number | null {
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
      return sum((failure) => failure.restartedTasks.length);
    case "instancesRestarted":
      return sum((failure) => failure.restartedInstances.length);
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
      return longest((failure) => failure.recoveredAfterMs);
    case "checkpointsCompleted":
      return checkpoints.completed;
    case "checkpointsFailed":
      return checkpoints.failed;
    case "modelsLoaded":
      return modelsLoaded;
    case "peakMemoryBytes":
      return peakMemoryBytes;
  }
}
