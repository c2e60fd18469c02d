/** Runs side by side: where each is cut so that the same moment lies under the same moment, and the figures that tell them apart. */
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { recoveryReport } from "../../simulator/observe/recoveryReport";
import type { FailureReport, RunReport } from "../../simulator/observe/runReport";
import { count, duration, percent } from "../model/numberWords";
import { RunModel } from "../model/runModel";
import type { RunHandle } from "../protocol";

export interface ComparedRun {
  readonly run: RunModel;
  readonly report: RunReport;
}

/** A run from its journal, metrics left out or not. */
export function comparedRun(handle: RunHandle, events: readonly JournalEvent[]): ComparedRun {
  const run = new RunModel({ ...handle, live: false });
  run.sparse = true;
  run.add(events, Date.now());
  run.ended = true;
  return { run, report: recoveryReport(run.facts) };
}

/** At the start of each run, or at its `fault`-th failure, from 0. */
export type Alignment = { readonly kind: "start" } | { readonly kind: "fault"; readonly fault: number };

/** The moment of a run that lies at zero, ms since the epoch; a run without that failure is cut at its start. */
export function zeroOf({ run, report }: ComparedRun, alignment: Alignment): number {
  const failure = alignment.kind === "fault" ? report.failures[alignment.fault] : undefined;
  return run.facts.startAt + (failure?.injectedAtMs ?? 0);
}

/** What is shown at first, ms from zero: a little before the failure, and the longest recovery with some of what follows it. */
export function windowOf(runs: readonly ComparedRun[], alignment: Alignment): readonly [from: number, to: number] {
  const lengths = runs.map((one) => one.run.facts.lastAt - zeroOf(one, alignment));
  const most = Math.max(2000, ...lengths);
  if (alignment.kind === "start") return [0, most];
  const recoveries = runs.map(({ report }) => report.failures[alignment.fault]?.recoveredAfterMs ?? 0);
  const to = Math.min(most, Math.max(3000, Math.max(...recoveries) * 1.5));
  return [-to * 0.2, to];
}

export interface ComparedRow {
  readonly name: string;
  readonly values: readonly string[];
  /** Which of the values are the best; empty where they are the same, or where none is better than another. */
  readonly best: readonly number[];
}

/** The figures of the failure that the runs are aligned at (the first, when they are aligned at the start). */
export function comparedRows(runs: readonly ComparedRun[], alignment: Alignment): readonly ComparedRow[] {
  const at = alignment.kind === "fault" ? alignment.fault : 0;
  const failures = runs.map(({ report }) => report.failures[at] as FailureReport | undefined);
  const texts = (name: string, of: (one: ComparedRun, failure: FailureReport | undefined) => string): ComparedRow => ({
    name,
    values: runs.map((one, i) => of(one, failures[i])),
    best: [],
  });
  const figures = (
    name: string,
    of: (failure: FailureReport, one: ComparedRun) => number | null | undefined,
    words: (value: number) => string,
    better: "less" | "more" = "less",
  ): ComparedRow => {
    const numbers = runs.map((one, i) => {
      const failure = failures[i];
      return failure === undefined ? null : (of(failure, one) ?? null);
    });
    return {
      name,
      values: numbers.map((value) => (value === null ? "–" : words(value))),
      best: bestOf(numbers, better),
    };
  };
  const whole = (value: number): string => value.toLocaleString("en");
  return [
    texts("Deployment", ({ report }) => report.run.deployment),
    texts("Failover strategy", ({ report }) => report.run.failoverStrategy),
    texts("What failed", (_, failure) => (failure === undefined ? "nothing" : `${failure.fault} ${failure.target}`)),
    figures("Noticed after", (failure) => failure.detectedAfterMs, duration),
    figures("Everything ran again after", (failure) => failure.recoveredAfterMs, duration),
    figures("Stream tasks restarted", (failure) => failure.restartedTasks.length, whole),
    figures("Instances restarted", (failure) => failure.restartedInstances.length, whole),
    figures(
      "Tasks and instances that did not notice",
      (failure) => failure.untouchedTasks + failure.untouchedInstances,
      whole,
      "more",
    ),
    figures("Records replayed", (failure) => failure.recordsReplayed, whole),
    figures("Calls tried again", (failure) => failure.requestsRetried, whole),
    figures("Throughput fell by", (failure) => failure.dip?.depth, percent),
    figures("… and was low for", (failure) => failure.dip?.durationMs, duration),
    texts("p99 of calls, whole run", ({ report }) => (report.rpc.p99Ms === null ? "–" : duration(report.rpc.p99Ms))),
    texts("Calls", ({ report }) => count(report.rpc.requests)),
  ];
}

function bestOf(values: readonly (number | null)[], better: "less" | "more"): readonly number[] {
  const known = values.filter((value) => value !== null);
  if (known.length < 2 || known.every((value) => value === known[0])) return [];
  const best = better === "less" ? Math.min(...known) : Math.max(...known);
  return values.flatMap((value, i) => (value === best ? [i] : []));
}

/** `run-3, 14:05:12`. */
export function runName({ id, startedAt }: RunHandle): string {
  return startedAt === 0 ? id : `${id}, ${new Date(startedAt).toLocaleTimeString("en-GB")}`;
}
