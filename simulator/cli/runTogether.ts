/** `faultline run JOB JOB…`: several jobs on one coordinator, with the services that they share. */
import { finishRun } from "../client/finishRun";
import { readOutcome } from "../client/runOutcome";
import { startSession } from "../client/startSession";
import type { Deployment } from "../graph/jobFile";
import { reportText } from "../observe/reportText";
import type { RunReport } from "../observe/runReport";
import type { CommandIo, OutputFormat } from "./commandIo";
import { paintFor } from "./paint";
import { RunProgress } from "./runProgress";

export interface RunTogetherOptions {
  readonly format: OutputFormat;
  readonly deployment?: Deployment;
  readonly directory?: string;
}

/** @returns the exit code: that of the job that did worst */
export async function runTogether(
  jobFiles: readonly string[],
  options: RunTogetherOptions,
  io: CommandIo,
): Promise<number> {
  const session = await startSession({ jobFiles, ...options });
  const runs = [...(session.services === undefined ? [] : [session.services]), ...session.jobs];
  const stopping = stopOnSignals(
    () => session.jobs.map((run) => run.stop(stopping.asked > 1 ? "cancel" : "drain").catch(() => undefined)),
    io,
  );
  const paint = options.format === "text" ? paintFor(io) : undefined;
  const watching = runs.map(async (run) => {
    const name = run.id.split("-").slice(3).join("-");
    // Lines of several runs: each says whose it is, and none is drawn over.
    const progress = new RunProgress({ ...io, isTerminal: false, err: (text) => io.err(`${name}: ${text}`) }, paint);
    for await (const event of run.events()) progress.observe(event);
    progress.end();
  });
  await session.ended;
  await Promise.race([Promise.all(watching), new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
  stopping.end();
  const reports: RunReport[] = [];
  let worst = 0;
  for (const run of runs) {
    const finished = await finishRun(run.directory);
    reports.push(finished.report);
    const { state } = finished.report.run;
    if (state === "FAILED" || state === "CRASHED") {
      const { problem } = await readOutcome(run.directory);
      if (problem !== undefined) io.err(`${problem}\n`);
      worst = 1;
    }
    if (options.format === "text")
      io.out(
        `${reportText(finished.report, { paint: paintFor(io), columns: io.columns })}\nReport: ${finished.html}\n\n`,
      );
  }
  const services = session.services === undefined ? null : (reports.shift() ?? null);
  if (options.format === "json") io.out(`${JSON.stringify({ runs: reports, services }, undefined, 2)}\n`);
  return worst;
}

/** Ctrl-C lets every job finish what it has; a second one cancels them; a third one ends at once. */
function stopOnSignals(stop: () => void, io: CommandIo): { readonly asked: number; end(): void } {
  const state = { asked: 0, end: (): void => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal) };
  const onSignal = (): void => {
    state.asked++;
    if (state.asked > 2) process.exit(130);
    io.err(
      state.asked === 1
        ? "\nStopping: sources end, everything is committed. Again to cancel at once.\n"
        : "\nCancelling.\n",
    );
    stop();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return state;
}
