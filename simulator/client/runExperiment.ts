/** Runs an experiment: first without faults, then with them, and says what held. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Experiment, FlinkExperiment, Hypothesis } from "../faults/experiment";
import { MAX_EXPERIMENT_BYTES } from "../faults/experimentSchema";
import { parseExperiment } from "../faults/parseExperiment";
import type { HypothesisResult, RunMeasures } from "../faults/verdict";
import { gateProblem, judge } from "../faults/verdict";
import { FaultlineError } from "../graph/errors";
import type { JournalEvent } from "../observe/journalEvent";
import { recoveryReport } from "../observe/recoveryReport";
import { RunFacts } from "../observe/runFacts";
import type { RunReport } from "../observe/runReport";
import { checkExperiment } from "./checkExperiment";
import { exitsOfCommands } from "./commandExits";
import type { PlannedCommand } from "./flink/commandFaults";
import { commandsText, notConfirmed, plannedCommands } from "./flink/commandFaults";
import { FlinkEngine } from "./flink/flinkEngine";
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
  /** What had to hold held, and what has to be broken (`mustFail`) was. */
  readonly asExpected: boolean;
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
  /** Once, when the job is running for the first time. */
  readonly onRunning?: () => void;
  /** The job is drained after this time. */
  readonly durationMs?: number;
  readonly hypothesis?: readonly Hypothesis[];
  /** No fault is injected where the hypotheses about the time before it do not hold. */
  readonly gate?: boolean;
  /** Asked before commands of the person are run against a Flink cluster that is there; without it, or without a yes, nothing is run. */
  readonly confirm?: (text: string, commands: readonly PlannedCommand[]) => Promise<boolean>;
}

/** @throws FaultlineError FL5017 */
async function confirmCommands(experiment: Experiment, flink: FlinkExperiment, confirm: MeasureOptions["confirm"]): Promise<void> {
  const commands = plannedCommands(experiment.faults);
  if (commands.length === 0 || (await confirm?.(commandsText(experiment.name, flink, commands), commands)) === true) return;
  throw notConfirmed(commands);
}

/** @throws FaultlineError whatever keeps the job from starting; an `AbortError` when it was canceled */
export async function runExperiment(
  experiment: Experiment,
  onStage: (stage: ExperimentStage) => void = () => undefined,
  measuring: MeasureOptions = {},
): Promise<ExperimentResult> {
  if (experiment.flink === undefined) await checkExperiment(experiment);
  else await confirmCommands(experiment, experiment.flink, measuring.confirm);
  const options: StartRunOptions = { jobFile: experiment.jobFile, deployment: experiment.deployment, load: experiment.load };
  const flink = experiment.flink === undefined ? undefined : await FlinkEngine.start(experiment.flink, experiment.file, measuring.signal);
  const measure = (faults: Experiment["faults"]): Promise<MeasuredRun> =>
    flink === undefined
      ? measureRun(options, faults, { ...measuring, durationMs: experiment.durationMs, gate: faults.length > 0, hypothesis: experiment.hypothesis })
      : flink.measure(faults, {
          durationMs: experiment.durationMs,
          hypothesis: experiment.hypothesis,
          gate: faults.length > 0 && experiment.hypothesis.some(({ during }) => during === "before"),
          signal: measuring.signal,
          onRunning: measuring.onRunning,
        });
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
  const ends = flink?.expectedEnds(experiment.durationMs) ?? ["FINISHED"];
  const controlResults = experiment.hypothesis.filter((hypothesis) => hypothesis.inControl).map((hypothesis) => judge(hypothesis, control));
  const results = experiment.hypothesis.map((hypothesis) => judge(hypothesis, faulted));
  const reasons = [
    ...controlResults.filter(({ held }) => !held).map(({ name }) => `Without faults already, this did not hold: ${name}`),
    ...(experiment.faults.length > 0 && faulted.report.injected === 0 ? ["No fault took effect."] : []),
    ...withoutEffect(faulted.report),
    ...faulted.problems.map((problem) => `A fault could not be injected: ${problem.message}`),
    ...[control, faulted].filter(({ report }) => !ends.includes(report.run.state)).map(({ report }) => `The job ended ${report.run.state}: ${report.run.cause?.message ?? "no cause is known"}`),
  ];
  return {
    experiment: experiment.name,
    held: reasons.length === 0 && results.every(({ held }) => held),
    // What could not be measured was not broken by the faults.
    asExpected: reasons.length === 0 && results.every(({ held, mustFail, observed }) => (mustFail ? !held && observed !== null : held)),
    reasons,
    hypothesis: results,
    control: { hypothesis: controlResults, report: control.report },
    report: faulted.report,
    html: faulted.html,
  };
}

/** Faults that were injected and of which nothing was seen, beside others that took effect. */
function withoutEffect({ failures, injected, injectionsFailed }: RunReport): readonly string[] {
  if (injected === 0) return [];
  return [
    ...failures.filter(({ effective }) => !effective).map(({ fault, target }) => `A fault took no effect: ${fault} on ${target}.`),
    ...injectionsFailed.map(({ reason }) => `A fault could not act: ${reason}`),
  ];
}

/** Runs a job to its end with a schedule of faults, and measures it. */
export async function measureRun(
  options: StartRunOptions,
  faults: Experiment["faults"],
  { start = startRun, signal, onRun, onRunning, durationMs, hypothesis = [], gate }: MeasureOptions = {},
): Promise<MeasuredRun> {
  signal?.throwIfAborted();
  const run = await start(options);
  const onAbort = (): void => void run.dispose();
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  onRun?.(run);
  const isGated = gate === true && hypothesis.some(({ during }) => during === "before");
  /** Kept only where somebody looks at it before the run is over. */
  const soFar = new RunFacts();
  const peakMemory = new Map<string, number>();
  let modelsLoaded = 0;
  let hasRun = false;
  const measures = (): RunMeasures => ({ report: recoveryReport(soFar, { alive: true }), facts: soFar, modelsLoaded, peakMemory, commandExits: new Map() });
  const scheduler = new FaultScheduler(run, faults, isGated ? () => gateProblem(hypothesis, measures()) : undefined);
  let stopTimer: NodeJS.Timeout | undefined;
  const watch = (event: JournalEvent): void => {
    if (isGated) soFar.add(event);
    scheduler.observe(event);
    if (event.kind === "instance.phase" && event.phase === "LOADING") modelsLoaded++;
    if (event.kind === "metrics") peakMemory.set(event.process, Math.max(peakMemory.get(event.process) ?? 0, event.rssBytes));
    if (event.kind !== "job.state" || event.to !== "RUNNING" || hasRun) return;
    hasRun = true;
    onRunning?.();
    if (durationMs !== undefined) stopTimer = setTimeout(() => void run.stop("drain").catch(() => undefined), durationMs);
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
  const { report, html, facts } = await finishRun(run.directory);
  return { report, html, facts, modelsLoaded, peakMemory, commandExits: exitsOfCommands(hypothesis, run.directory), problems: scheduler.problems };
}
