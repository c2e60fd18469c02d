/** One chaos run: a job, a seed, so many faults; and what was found wrong with it. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nextRandom } from "../../simulator/core/seededRandom";
import type { RunReport } from "../../simulator/observe/runReport";
import { RunUnderTest, until } from "../process/faultlineCli";
import type { RunningCli } from "../process/faultlineCli";
import { faultsOf, planBlows, RunIsOver, Striker } from "./chaosFaults";
import type { Blow } from "./chaosFaults";
import { writeChaosJob } from "./chaosJob";
import type { JobName } from "./chaosJob";
import { CommitWatch } from "./commitWatch";
import { processesNaming } from "./runProcesses";

export interface ChaosOptions {
  /** Path of the built command line. */
  readonly cli: string;
  readonly job: JobName;
  readonly seed: number;
  readonly faults: number;
  /** Told as it happens. */
  readonly log?: (line: string) => void;
  /** Keep the run's folder also when nothing was wrong. */
  readonly keep?: boolean;
  /** Instead of random ones. */
  readonly blows?: readonly Blow[];
}

export interface ChaosResult {
  readonly job: JobName;
  readonly seed: number;
  readonly planned: number;
  /** Kind of blow → faults that took effect. */
  readonly effective: ReadonlyMap<string, number>;
  /** Milliseconds from a coordinator's death to the job RUNNING again. */
  readonly takeoversMs: readonly number[];
  readonly durationMs: number;
  /** Empty when everything is as it has to be. */
  readonly problems: readonly string[];
  /** The run's folder, where it was kept. */
  readonly directory: string;
}

const RATE = 2_500;
const END_LIMIT_MS = 90_000;

/** The command that does the same again. */
export function replayCommand({ job, seed, faults }: Pick<ChaosOptions, "job" | "seed" | "faults">): string {
  return `npm run chaos -- --job ${job} --seed ${seed} --faults ${faults} --runs 1 --verbose`;
}

/** A job that is over before all of its faults were struck (the machine is busy, each takes longer) is run again with more records. */
export async function chaosRun(options: ChaosOptions): Promise<ChaosResult> {
  for (let length = 1; ; length *= 2) {
    const result = await runOnce(options, length);
    if (result !== "over too early") return result;
    options.log?.("  the job was over before all faults were struck: again, with more records");
    if (length >= 8) throw new Error("the job is always over before all of its faults were struck");
  }
}

async function runOnce(
  { cli, job: name, seed, faults, log, keep, blows: given }: ChaosOptions,
  length: number,
): Promise<ChaosResult | "over too early"> {
  const startedAt = Date.now();
  const random = { seed };
  const folder = mkdtempSync(join(tmpdir(), "faultline-chaos-"));
  const directory = join(folder, "run");
  // As long as its faults take, and a little more: a run that is over too early has not seen them all.
  const job = writeChaosJob(name, folder, { records: Math.round(length * RATE * (2 + faults * 0.9)), rate: RATE });
  const blows = given ?? planBlows(random, faults, job);
  const planned = blows.reduce((sum, blow) => sum + faultsOf(blow.kind, job.instances), 0);
  const atTheEnd =
    given === undefined
      ? [["taskmanager:0"], ["coordinator"], ["coordinator", "taskmanager:1"]][Math.floor(nextRandom(random) * 3)]
      : undefined;
  const effective = new Map<string, number>();
  const problems: string[] = [];
  let allStruck = false;
  let isOver = false;
  const process = startCli(
    cli,
    ["run", job.jobFile, "--format", "json", "--directory", directory],
    join(folder, "home"),
  );
  const run = new RunUnderTest(process, directory);
  const striker = new Striker(run, job.instances, job.batch);
  const commits = new CommitWatch(directory);
  try {
    if (job.batch) await run.event("task.state", ({ to }) => to === "FINISHED");
    else await run.event("checkpoint.completed");
    for (const blow of blows) {
      const since = striker.seen();
      log?.(`  ${((Date.now() - startedAt) / 1000).toFixed(1)} s  ${blow.kind} ${blow.target}`);
      effective.set(blow.kind, (effective.get(blow.kind) ?? 0) + (await striker.strike(blow)));
      await striker.settle(blow.then, since);
    }
    allStruck = true;
    job.letEnd?.();
    if (atTheEnd !== undefined) {
      const struck = await striker.strikeAtTheEnd(atTheEnd);
      if (struck > 0) effective.set("at the end", struck);
      log?.(
        `  ${((Date.now() - startedAt) / 1000).toFixed(1)} s  at the end: ${atTheEnd.join(", ")}${struck === 0 ? " (was over)" : ""}`,
      );
    }
    const end = await within(process.exit, END_LIMIT_MS);
    if (end === undefined) throw new Error(`the run did not end within ${END_LIMIT_MS} ms`);
    const report = await run.report();
    commits.look();
    problems.push(...wrongReport(report), ...job.check(directory));
  } catch (error) {
    // Whatever was waited for: the job had ended, in order, before that could come.
    isOver = !allStruck && process.child.exitCode === 0;
    problems.push(
      error instanceof RunIsOver ? error.message : `${(error as Error).message} ${process.stderr.slice(-500)}`,
    );
  }
  const struck = [...effective].reduce((sum, [kind, count]) => (kind === "at the end" ? sum : sum + count), 0);
  if (struck !== planned) problems.push(`${struck} of ${planned} faults took effect`);
  commits.end();
  // Only what turns out to be damaged may be taken back.
  if (run.of("checkpoint.damaged").length === 0) problems.push(...commits.takenBack);
  problems.push(...wrongJournal(run));
  if (process.child.exitCode === null && process.child.signalCode === null) process.child.kill("SIGKILL");
  await process.exit;
  await until(() => processesNaming(directory).length === 0, "gone", 5_000).catch(() => {
    const left = processesNaming(directory);
    problems.push(`${left.length} processes are left behind`);
    for (const pid of left) globalThis.process.kill(pid, "SIGKILL");
  });
  if (isOver) {
    rmSync(folder, { recursive: true, force: true });
    return "over too early";
  }
  const takeoversMs = takeovers(run);
  if (problems.length === 0 && keep !== true) rmSync(folder, { recursive: true, force: true });
  return { job: name, seed, planned, effective, takeoversMs, durationMs: Date.now() - startedAt, problems, directory };
}

/** What the report says has to be what the files say. */
function wrongReport(report: RunReport): string[] {
  const { run, records } = report;
  return [
    ...(run.state === "FINISHED" ? [] : [`the run ended ${run.state}`]),
    ...(records.lost === 0 && records.duplicated === 0
      ? []
      : [`the report counts ${records.lost} lost and ${records.duplicated} duplicated`]),
  ];
}

/** Every fault that was injected took effect, and no attempt number was given out twice. */
function wrongJournal(run: RunUnderTest): string[] {
  const effective = new Set(run.of("fault.effective").map((event) => event.injection));
  const silent = run.of("fault.injected").filter((event) => !effective.has(event.injection));
  const failed = new Set(run.of("fault.failed").map((event) => event.injection));
  const deployed = run
    .of("task.state")
    .filter((event) => event.to === "DEPLOYING")
    .map((event) => `${event.task} attempt ${event.attempt}`);
  const twice = deployed.filter((attempt, index) => deployed.indexOf(attempt) !== index);
  const gaps = run.events.filter((event, index) => event.seq !== index);
  return [
    ...silent
      .filter((event) => !failed.has(event.injection))
      .map((event) => `the journal does not say that ${event.fault} of ${event.target} took effect`),
    ...twice.map((attempt) => `${attempt} was deployed twice`),
    ...(gaps.length === 0 ? [] : [`the journal has a gap before event ${gaps[0]?.seq}`]),
  ];
}

function takeovers(run: RunUnderTest): number[] {
  return run.of("coordinator.recovered").flatMap((recovered) => {
    const lastBefore = run.events.findLast((event) => event.seq < recovered.seq);
    const running = run.events.find(
      (event) => event.seq > recovered.seq && event.kind === "job.state" && event.to === "RUNNING",
    );
    return running === undefined || lastBefore === undefined ? [] : [Math.round(running.at - lastBefore.at)];
  });
}

export function startCli(cli: string, args: readonly string[], home: string): RunningCli {
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, FAULTLINE_HOME: home, NO_COLOR: "1" },
  });
  const running = {
    stdout: "",
    stderr: "",
    child,
    exit: new Promise<number | null>((resolve) => child.once("close", resolve)),
  };
  child.stdout.on("data", (chunk: Buffer) => (running.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (running.stderr += chunk.toString()));
  return running;
}

async function within<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined | null> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), limitMs)));
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
