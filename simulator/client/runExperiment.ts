/** Runs an experiment: first without faults, then with them, and says what held. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Experiment } from "../faults/experiment";
import { MAX_EXPERIMENT_BYTES } from "../faults/experimentSchema";
import { parseExperiment } from "../faults/parseExperiment";
import type { HypothesisResult } from "../faults/verdict";
import { judge } from "../faults/verdict";
import { FaultlineError } from "../graph/errors";
import type { JournalEvent } from "../observe/journalEvent";
import type { RunReport } from "../observe/runReport";
import { FlinkEngine } from "./flinkExperiment";
import { FaultScheduler } from "./faultScheduler";
import { finishRun } from "./finishRun";
import type { MeasuredRun } from "./measuredRun";
import type { Run, StartRunOptions } from "./run";
import { startRun } from "./startRun";

/** How long after the end of a run's processes the rest of its journal is waited for. */
const LAST_WORD_MS = 2_000;

export interface ExperimentResult {
  readonly experiment: string;
  /** Every hypothesis held, in both runs, and at least one fault took effect. */
  readonly held: boolean;
  /** In sentences: why the experiment as a whole did not hold, where no single hypothesis says it. */
  readonly reasons: readonly string[];
  readonly hypothesis: readonly HypothesisResult[];
  readonly control: { readonly hypothesis: readonly HypothesisResult[]; readonly report: RunReport };
  readonly report: RunReport;
  /** Page of the run with faults. */
  readonly html: string;
}

/** @throws FaultlineError with every problem of the file. */
export async function loadExperiment(path: string): Promise<Experiment> {
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() !== true) throw FaultlineError.of("FL1001", "The experiment does not exist.", "Check the path.", { file });
  if (found.size > MAX_EXPERIMENT_BYTES) throw FaultlineError.of("FL1004", `An experiment may have ${MAX_EXPERIMENT_BYTES} bytes; this one has ${found.size}.`, undefined, { file });
  const { experiment, problems } = parseExperiment(await readFile(file, "utf8"), file);
  const [first, ...more] = problems.filter((problem) => problem.severity !== "warning");
  if (first !== undefined) throw new FaultlineError(first, more);
  if (experiment === undefined) throw FaultlineError.of("FL1003", "This is not an experiment.", undefined, { file });
  return experiment;
}

export type ExperimentStage = "control" | "faults";

/** How the runs of an experiment are owned and watched. */
export interface MeasureOptions {
  /** `startRun` by default. */
  readonly start?: (options: StartRunOptions) => Promise<Run>;
  /** Aborted: the run is killed, and measuring rejects with an `AbortError`. */
  readonly signal?: AbortSignal;
  readonly onRun?: (run: Run) => void;
}

/** @throws FaultlineError whatever keeps the job from starting; an `AbortError` when it was canceled */
export async function runExperiment(
  experiment: Experiment,
  onStage: (stage: ExperimentStage) => void = () => undefined,
  measuring: MeasureOptions = {},
): Promise<ExperimentResult> {
  const options: StartRunOptions = { jobFile: experiment.jobFile, deployment: experiment.deployment, load: experiment.load };
  const flink = experiment.flink === undefined ? undefined : await FlinkEngine.start(experiment.flink);
  const measure = (faults: Experiment["faults"]): Promise<MeasuredRun> =>
    flink === undefined ? measureRun(options, faults, experiment.durationMs, measuring) : flink.measure(faults, experiment.durationMs);
  let control: MeasuredRun;
  let faulted: MeasuredRun;
  try {
    onStage("control");
    control = await measure([]);
    onStage("faults");
    faulted = await measure(experiment.faults);
  } finally {
    await flink?.stop();
  }
  // A job of Flink that has no end of its own is cancelled when its time is over.
  const ends = flink !== undefined && experiment.durationMs !== undefined ? ["FINISHED", "CANCELED"] : ["FINISHED"];
  const controlResults = experiment.hypothesis.filter((hypothesis) => hypothesis.inControl).map((hypothesis) => judge(hypothesis, control));
  const results = experiment.hypothesis.map((hypothesis) => judge(hypothesis, faulted));
  const reasons = [
    ...controlResults.filter(({ held }) => !held).map(({ name }) => `Without faults already, this did not hold: ${name}`),
    ...(experiment.faults.length > 0 && faulted.report.injected === 0 ? ["No fault took effect."] : []),
    ...faulted.problems.map((problem) => `A fault could not be injected: ${problem.message}`),
    ...[control, faulted].filter(({ report }) => !ends.includes(report.run.state)).map(({ report }) => `The job ended ${report.run.state}: ${report.run.cause?.message ?? "no cause is known"}`),
  ];
  return {
    experiment: experiment.name,
    held: reasons.length === 0 && results.every(({ held }) => held),
    reasons,
    hypothesis: results,
    control: { hypothesis: controlResults, report: control.report },
    report: faulted.report,
    html: faulted.html,
  };
}

/** Runs a job to its end with a schedule of faults, and measures it. */
export async function measureRun(
  options: StartRunOptions,
  faults: Experiment["faults"],
  durationMs?: number,
  { start = startRun, signal, onRun }: MeasureOptions = {},
): Promise<MeasuredRun> {
  signal?.throwIfAborted();
  const run = await start(options);
  const onAbort = (): void => void run.dispose();
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  onRun?.(run);
  const scheduler = new FaultScheduler(run, faults);
  let modelsLoaded = 0;
  let peakMemoryBytes: number | null = null;
  let stopTimer: NodeJS.Timeout | undefined;
  const watch = (event: JournalEvent): void => {
    scheduler.observe(event);
    if (event.kind === "instance.phase" && event.phase === "LOADING") modelsLoaded++;
    if (event.kind === "metrics") peakMemoryBytes = Math.max(peakMemoryBytes ?? 0, event.rssBytes);
    if (event.kind === "job.state" && event.to === "RUNNING" && durationMs !== undefined) {
      stopTimer ??= setTimeout(() => void run.stop("drain").catch(() => undefined), durationMs);
    }
  };
  const stopFollowing = new AbortController();
  const following = (async () => {
    for await (const event of run.events(stopFollowing.signal)) watch(event);
  })();
  await run.ended;
  signal?.removeEventListener("abort", onAbort);
  // A run that was killed says no last word.
  const lastWordTimer = setTimeout(() => stopFollowing.abort(), LAST_WORD_MS);
  await following;
  clearTimeout(lastWordTimer);
  clearTimeout(stopTimer);
  scheduler.end();
  signal?.throwIfAborted();
  const { report, html } = await finishRun(run.directory);
  return { report, html, modelsLoaded, peakMemoryBytes, problems: scheduler.problems };
}
