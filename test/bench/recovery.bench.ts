/**
 * What a kill costs: ten kills of service instances under load in one run of the example. Prints when each was noticed, and how long until
 * the instance served again beside its own cold start, measured in the same run. And the time from the command to the first record in a sink.
 */
import { openRun } from "../../simulator/client/openRun";
import { Workspace } from "../process/faultlineCli";

const KILLS = 10;
const STARTS = 7;

async function main(): Promise<void> {
  const workspace = new Workspace();
  try {
    await kills(workspace);
    await firstRecord(workspace);
  } finally {
    await workspace.dispose();
  }
}

async function kills(workspace: Workspace): Promise<void> {
  const jobFile = workspace.exampleJob((job) => {
    job.operators.texts.repeat = 5;
    job.operators.texts.rate = 1_500;
  });
  const run = workspace.run(jobFile);
  await run.event("checkpoint.completed");
  const client = await openRun(run.directory);
  const firstAnswerMs: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const instance = `langid#${kill % 2}`;
    const attempt = Math.floor(kill / 2);
    await client.inject({ fault: "crash", target: `service:${instance}` });
    const entered = (phase: string) =>
      run.event("instance.phase", (event) => event.instance === instance && event.attempt === attempt + 1 && event.phase === phase);
    firstAnswerMs.push((await entered("SERVING")).at - (await entered("READY")).at);
  }
  const report = await run.report();
  const rows = report.failures.map((failure) => {
    const instance = failure.instances[0];
    return {
      target: failure.target,
      noticedMs: failure.detectedAfterMs ?? NaN,
      servesAgainMs: failure.servedAgainAfterMs ?? NaN,
      coldStartMs: instance?.coldStartMs ?? NaN,
    };
  });
  print("Ten kills of a service instance under load (example, 1,500 records/s)", ["target", "noticed after", "serves again after", "its cold start", "difference"], [
    ...rows.map((row) => [row.target, ms(row.noticedMs), ms(row.servesAgainMs), ms(row.coldStartMs), ms(row.servesAgainMs - row.coldStartMs)]),
    ["median", ms(median(rows.map((row) => row.noticedMs))), ms(median(rows.map((row) => row.servesAgainMs))), ms(median(rows.map((row) => row.coldStartMs))), ms(median(rows.map((row) => row.servesAgainMs - row.coldStartMs)))],
  ]);
  process.stdout.write(
    `${report.injected} kills took effect; ${report.failures.reduce((sum, failure) => sum + failure.restartedTasks.length, 0)} stream tasks restarted; ` +
      `lost ${report.records.lost}, duplicated ${report.records.duplicated}, failed calls ${report.rpc.failed} of ${report.rpc.requests}\n` +
      `from ready to its first answer: median ${ms(median(firstAnswerMs))}, ${ms(Math.min(...firstAnswerMs))} to ${ms(Math.max(...firstAnswerMs))} (wanted: at most 50 ms)\n`,
  );
}

async function firstRecord(workspace: Workspace): Promise<void> {
  const jobFile = workspace.exampleJob();
  const times: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    const startedAt = performance.timeOrigin + performance.now();
    const run = workspace.run(jobFile);
    const first = await run.event("sink.first-record");
    times.push(first.at - startedAt);
    run.cli.child.kill("SIGKILL");
    await run.cli.exit;
  }
  print(`From \`faultline run\` to the first record in a sink, ${STARTS} starts`, ["minimum", "median", "maximum"], [[ms(Math.min(...times)), ms(median(times)), ms(Math.max(...times))]]);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function print(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(`\n${title}\n\n| ${header.join(" | ")} |\n|${header.map(() => "---").join("|")}|\n`);
  for (const row of rows) process.stdout.write(`| ${row.join(" | ")} |\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
