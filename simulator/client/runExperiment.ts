/** Runs an experiment: first without faults, then with them, and says what held. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Experiment } from "../faults/experiment";
import { MAX_EXPERIMENT_BYTES } from "../faults/experimentSchema";
import { parseExperiment } from "../faults/parseExperiment";
import type { HypothesisResult, RunMeasures } from "../faults/verdict";
import { judge } from "../faults/verdict";
import type { Problem } from "../graph/errors";
import { FaultlineError } from "../graph/errors";
import type { JournalEvent } from "../observe/journalEvent";
import type { RunReport } from "../observe/runReport";
import { FaultScheduler } from "./faultScheduler";
import { finishRun } from "./finishRun";
import type { StartRunOptions } from "./run";
import { startRun } from "./startRun";

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

export interface MeasuredRun extends RunMeasures {
  readonly html: string;
  readonly problems: readonly Problem[];
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

export async function runExperiment(experiment: Experiment, onStage: (stage: "control" | "faults") => void = () => undefined): Promise<ExperimentResult> {
  const options: StartRunOptions = { jobFile: experiment.jobFile, deployment: experiment.deployment, load: experiment.load };
  onStage("control");
  const control = await measureRun(options, [], experiment.durationMs);
  onStage("faults");
  const faulted = await measureRun(options, experiment.faults, experiment.durationMs);
  const controlResults = experiment.hypothesis.filter((hypothesis) => hypothesis.inControl).map((hypothesis) => judge(hypothesis, control));
  const results = experiment.hypothesis.map((hypothesis) => judge(hypothesis, faulted));
  const reasons = [
    ...controlResults.filter(({ held }) => !held).map(({ name }) => `Without faults already, this did not hold: ${name}`),
    ...(experiment.faults.length > 0 && faulted.report.injected === 0 ? ["No fault took effect."] : []),
    ...faulted.problems.map((problem) => `A fault could not be injected: ${problem.message}`),
    ...[control, faulted].filter(({ report }) => report.run.state !== "FINISHED").map(({ report }) => `The job ended ${report.run.state}: ${report.run.cause?.message ?? "no cause is known"}`),
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
export async function measureRun(options: StartRunOptions, faults: Experiment["faults"], durationMs?: number): Promise<MeasuredRun> {
  const run = await startRun(options);
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
  const following = (async () => {
    for await (const event of run.events()) watch(event);
  })();
  await run.ended;
  await following;
  clearTimeout(stopTimer);
  scheduler.end();
  const { report, html } = await finishRun(run.directory);
  return { report, html, modelsLoaded, peakMemoryBytes, problems: scheduler.problems };
}
