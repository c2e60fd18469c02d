/**
 * `npm run chaos [-- --faults 300] [--per-run 15] [--seed 1] [--runs N] [--job NAME] [--together 2]`: random faults on real processes until so many
 * took effect, in streaming and in batch. Every run has a seed of its own; one that fails prints the command that does it again.
 */
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { JOB_NAMES } from "../test/chaos/chaosJob";
import type { JobName } from "../test/chaos/chaosJob";
import { chaosRun, replayCommand } from "../test/chaos/chaosRun";
import { buildRuntime } from "../test/chaos/runtimeBuild";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      faults: { type: "string", default: "300" },
      "per-run": { type: "string", default: "15" },
      seed: { type: "string", default: "1" },
      runs: { type: "string" },
      job: { type: "string" },
      together: { type: "string", default: "2" },
      verbose: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  });
  const wanted = Number(values.faults);
  const runs = values.runs === undefined ? Math.ceil(wanted / Number(values["per-run"])) : Number(values.runs);
  const jobs = values.job === undefined ? JOB_NAMES : JOB_NAMES.filter((name) => name === values.job);
  if (jobs.length === 0) throw new Error(`Jobs: ${JOB_NAMES.join(", ")}.`);
  const cli = await buildRuntime(`chaos-${process.pid}`);
  const total = new Map<string, number>();
  const takeovers: number[] = [];
  let failed = 0;
  const one = async (index: number): Promise<void> => {
    const job: JobName = jobs[index % jobs.length] ?? "generated";
    const log = values.verbose ? (line: string) => process.stdout.write(`${line}\n`) : undefined;
    const result = await chaosRun({
      cli,
      job,
      seed: Number(values.seed) + index,
      faults: Math.ceil(wanted / runs),
      log,
      keep: values.keep,
    });
    for (const [kind, count] of result.effective) total.set(kind, (total.get(kind) ?? 0) + count);
    takeovers.push(...result.takeoversMs);
    const faults = [...result.effective.values()].reduce((sum, count) => sum + count, 0);
    const outcome = result.problems.length === 0 ? "ok" : "WRONG";
    process.stdout.write(
      `${outcome}  ${job}, seed ${result.seed}: ${faults} faults in ${(result.durationMs / 1000).toFixed(1)} s\n`,
    );
    if (result.problems.length > 0) {
      failed++;
      for (const problem of result.problems) process.stdout.write(`       ${problem}\n`);
      process.stdout.write(
        `       folder: ${result.directory}\n       again:  ${replayCommand({ ...result, faults: Math.ceil(wanted / runs) })}\n`,
      );
    }
  };
  let next = 0;
  const turns = async (): Promise<void> => {
    while (next < runs) await one(next++);
  };
  await Promise.all(Array.from({ length: Number(values.together) }, turns));
  process.stdout.write(
    `\nFaults that took effect: ${[...total.values()].reduce((sum, count) => sum + count, 0)} in ${runs} runs, ${failed} of them wrong\n`,
  );
  for (const [kind, count] of [...total].sort(([a], [b]) => (a < b ? -1 : 1)))
    process.stdout.write(`  ${String(count).padStart(4)}  ${kind}\n`);
  takeovers.sort((a, b) => a - b);
  if (takeovers.length > 0) {
    const at = (share: number): number =>
      takeovers[Math.min(takeovers.length - 1, Math.floor(takeovers.length * share))] ?? 0;
    process.stdout.write(
      `From a coordinator's last word to RUNNING under the next: median ${at(0.5)} ms, 90 % ${at(0.9)} ms, longest ${at(1)} ms (${takeovers.length})\n`,
    );
  }
  rmSync(dirname(cli), { recursive: true, force: true });
  const struck = [...total.values()].reduce((sum, count) => sum + count, 0);
  if (struck < wanted) process.stdout.write(`Only ${struck} of ${wanted} faults took effect.\n`);
  process.exitCode = failed === 0 && struck >= wanted ? 0 : 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
