/**
 * `npm run soak [-- --minutes 10] [--every 5] [--seed 1]`: the example's job at full load, with a fault every few seconds. Memory of every process has to
 * stay flat (the last minute within 1.15 times the second), open files must not grow, the journal grows at a steady rate, and the windows have counted
 * every record once. The coordinator is left alone: its memory is looked at over the whole time.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { openRun } from "../simulator/client/openRun";
import { nextRandom } from "../simulator/core/seededRandom";
import type { Blow, BlowKind } from "../test/chaos/chaosFaults";
import { Striker } from "../test/chaos/chaosFaults";
import { writeChaosJob } from "../test/chaos/chaosJob";
import { startCli } from "../test/chaos/chaosRun";
import { ProcessSamples } from "../test/chaos/processSamples";
import { processesNaming } from "../test/chaos/runProcesses";
import { buildRuntime } from "../test/chaos/runtimeBuild";
import { RunUnderTest, until } from "../test/process/faultlineCli";

const MINUTE = 60_000;
const MEMORY_LIMIT = 1.15;
/** Connections come and go with restarts. */
const DESCRIPTOR_ROOM = 4;
const KINDS: readonly BlowKind[] = ["crash", "terminate", "hang and heal", "link reset", "checkpoint storage error"];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "10" },
      every: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
    },
  });
  const minutes = Number(values.minutes);
  const random = { seed: Number(values.seed) };
  const pick = <T>(list: readonly T[]): T => list[Math.floor(nextRandom(random) * list.length)];
  const cli = await buildRuntime(`soak-${process.pid}`);
  const folder = mkdtempSync(join(tmpdir(), "faultline-soak-"));
  const directory = join(folder, "run");
  const job = writeChaosJob("soak", folder, { records: 0, rate: 0 });
  const owner = startCli(cli, ["run", job.jobFile, "--format", "json", "--directory", directory], join(folder, "home"));
  const run = new RunUnderTest(owner, directory);
  await run.event("checkpoint.completed");
  const striker = new Striker(run, job.instances, false);
  const samples = new ProcessSamples(directory, owner.child.pid ?? 0);
  const startedAt = performance.now();
  const effective = new Map<string, number>();
  const targets = ["taskmanager:0", "taskmanager:1", ...job.instances.map((instance) => `service:${instance}`)];
  for (let tick = 1; tick * Number(values.every) * 1000 < minutes * MINUTE; tick++) {
    const wait = startedAt + tick * Number(values.every) * 1000 - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const kind = pick(KINDS);
    const target = kind === "link reset" ? pick(targets.slice(0, 2)) : pick(targets);
    const blow: Blow = { kind, target, otherTarget: "", chance: nextRandom(random), then: "nothing" };
    effective.set(kind, (effective.get(kind) ?? 0) + (await striker.strike(blow)));
    if (tick % 12 === 0)
      process.stdout.write(
        `  ${tick / 12} min: ${[...effective].map(([name, count]) => `${count} ${name}`).join(", ")}\n`,
      );
  }
  const rest = startedAt + minutes * MINUTE - performance.now();
  if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  samples.end();
  await (await openRun(directory)).stop("drain");
  const report = await run.report();
  await until(() => processesNaming(directory).length === 0, "every process of the run is gone", 10_000);
  process.exitCode = tell(
    samples,
    minutes,
    report,
    [...effective.values()].reduce((sum, count) => sum + count, 0),
  )
    ? 0
    : 1;
  rmSync(folder, { recursive: true, force: true });
  rmSync(dirname(cli), { recursive: true, force: true });
}

function tell(
  samples: ProcessSamples,
  minutes: number,
  report: Awaited<ReturnType<RunUnderTest["report"]>>,
  faults: number,
): boolean {
  const last = (minutes - 1) * MINUTE;
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  let good = true;
  process.stdout.write(
    `\n| process | resident, second minute | last minute | ratio | open files, second minute | last minute |\n|---|---|---|---|---|---|\n`,
  );
  for (const name of [...samples.rows.keys()].sort()) {
    const [early, late] = [samples.between(name, MINUTE, 2 * MINUTE), samples.between(name, last, last + MINUTE)];
    const ratio = late.residentBytes / early.residentBytes;
    const flat = ratio <= MEMORY_LIMIT && late.descriptors <= early.descriptors + DESCRIPTOR_ROOM;
    good &&= flat;
    process.stdout.write(
      `| ${name} | ${mib(early.residentBytes)} | ${mib(late.residentBytes)} | ${ratio.toFixed(2)}${flat ? "" : " (too much)"} | ${early.descriptors} | ${late.descriptors} |\n`,
    );
  }
  const [early, late] = [samples.journalGrowth(MINUTE, 2 * MINUTE), samples.journalGrowth(last, last + MINUTE)];
  process.stdout.write(
    `\nJournal: ${mib(samples.journal.at(-1)?.bytes ?? NaN)}; ${(early / 1024).toFixed(0)} KiB in the second minute, ${(late / 1024).toFixed(0)} KiB in the last\n`,
  );
  const { lost, duplicated } = report.records;
  process.stdout.write(
    `${faults} faults took effect; ${report.run.state}; ${String(report.records.in)} records; ${String(lost)} lost, ${String(duplicated)} duplicated\n`,
  );
  return good && report.run.state === "FINISHED" && lost === 0 && duplicated === 0;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
