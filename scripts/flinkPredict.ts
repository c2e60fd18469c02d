/**
 * `npm run flink:predict [-- --kills 5] [--home FLINK_HOME] [--only all-to-all] [--record FOLDER]`: kills TaskManagers of a real Flink cluster under two jobs, one with an ALL_TO_ALL exchange and
 * one with POINTWISE exchanges alone, and prints for each kill what was predicted to restart and what did. `--record` keeps what the cluster
 * answered around one kill of each job, for the tests.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { watchFlink } from "../simulator/client/watchFlink";
import { FlinkRestClient } from "../simulator/flink/restClient";
import type { JournalEvent, JournalEventOf } from "../simulator/observe/journalEvent";
import { STEADY_JOB, allToAllJob, compileJob, slotsReady, startRig, type Rig } from "./flinkRig";
import { startRecordingProxy } from "./recordingProxy";

const TASK_MANAGERS = 2;
const FAILOVER_LIMIT_MS = 120_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "5" },
      record: { type: "string" },
      home: { type: "string" },
      only: { type: "string" },
    },
  });
  const rig = await startRig({
    taskManagers: TASK_MANAGERS,
    slots: 2,
    ...(values.home === undefined ? {} : { home: values.home }),
  });
  const runs = mkdtempSync(join(tmpdir(), "faultline-predict-"));
  const rows: Row[] = [];
  try {
    const jobs = [
      { name: "pointwise", jar: compileJob("PointwiseJob", rig.distribution, rig.folder), parallelism: undefined },
      { name: "all-to-all", ...allToAllJob(rig.distribution, rig.folder) },
    ];
    for (const job of jobs.filter(({ name }) => values.only === undefined || name === values.only)) {
      const client = await FlinkRestClient.connect({ url: rig.cluster.url });
      const id = await client.submitJar(job.jar, {
        settings: STEADY_JOB,
        ...(job.parallelism === undefined ? {} : { parallelism: job.parallelism }),
      });
      const found = await killAndWatch(rig, id, job.name, Number(values.kills), join(runs, job.name), values.record);
      rows.push(...found);
      await client.cancel(id);
      client.close();
    }
  } finally {
    await rig.stop();
    rmSync(runs, { recursive: true, force: true });
  }
  print(rows, rig.distribution.version.text);
  process.exitCode = rows.every(({ compared }) => compared.agrees) ? 0 : 1;
}

interface Row {
  readonly job: string;
  readonly regions: number;
  readonly tasks: number;
  readonly killed: string;
  readonly recoveredMs: number;
  readonly compared: JournalEventOf<"failover.compared">;
}

async function killAndWatch(
  rig: Rig,
  id: string,
  name: string,
  kills: number,
  directory: string,
  record: string | undefined,
): Promise<readonly Row[]> {
  const proxy =
    record === undefined ? undefined : await startRecordingProxy(rig.cluster.url, [[rig.folder, "/cluster"]]);
  const events: JournalEvent[] = [];
  const waiting = new Set<() => void>();
  const watch = await watchFlink({
    address: { url: proxy?.url ?? rig.cluster.url },
    job: id,
    directory,
    onEvent: (event) => {
      events.push(event);
      for (const look of waiting) look();
    },
  });
  const rows: Row[] = [];
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    let stop: () => void = () => undefined;
    const limit = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(new Error(`${name}: ${what} did not come.`)), FAILOVER_LIMIT_MS);
      stop = () => clearTimeout(timer);
    });
    const seen = new Promise<void>((resolve) => {
      const look = (): void => {
        if (holds()) {
          waiting.delete(look);
          resolve();
        }
      };
      waiting.add(look);
      look();
    });
    await Promise.race([seen, limit]).finally(() => stop());
  };
  const count = (kind: JournalEvent["kind"]): number => events.filter((event) => event.kind === kind).length;
  const started = events[0]?.kind === "run.started" ? events[0] : undefined;
  const states = new Map<string, string>();
  const running = (): boolean => {
    for (const event of events) if (event.kind === "task.state") states.set(event.task, event.to);
    return states.size > 0 && [...states.values()].every((state) => state === "RUNNING");
  };
  const killOnce = async (kill: number): Promise<void> => {
    const checkpoints = count("checkpoint.completed");
    await until("a checkpoint", () => running() && count("checkpoint.completed") > checkpoints);
    const role = kill % TASK_MANAGERS;
    const victim = rig.cluster.signal(role, "SIGKILL");
    const killedAt = Date.now();
    await victim.gone;
    await rig.cluster.startTaskManager(role);
    await until("the failover's end", () => count("failover.compared") > kill);
    const compared = events.findLast(
      (event) => event.kind === "failover.compared",
    ) as JournalEventOf<"failover.compared">;
    const lastRunning = Math.max(
      ...events.map((event) => (event.kind === "task.state" && event.to === "RUNNING" ? event.at : 0)),
    );
    rows.push({
      job: name,
      regions: started?.graph.regions.length ?? 0,
      tasks: states.size,
      killed: victim.resourceId,
      recoveredMs: lastRunning - killedAt,
      compared,
    });
    process.stderr.write(
      `${name}: ${victim.resourceId} killed, ${compared.actual} of ${states.size} tasks restarted, ${compared.predicted} predicted\n`,
    );
    for (const line of compared.agrees ? [] : compared.evidence) process.stderr.write(`  ${line}\n`);
    await slotsReady(rig.cluster.url, TASK_MANAGERS);
    if (kill === 0 && record !== undefined && proxy !== undefined) {
      mkdirSync(record, { recursive: true });
      proxy.save(join(record, `${name}-${rig.distribution.version.text}.ndjson.gz`));
    }
  };
  try {
    for (let kill = 0; kill < kills; kill++) await killOnce(kill);
  } catch (error) {
    for (const event of events.slice(-40)) process.stderr.write(`  ${JSON.stringify(event).slice(0, 300)}\n`);
    throw error;
  } finally {
    watch.stop();
    await watch.ended;
    proxy?.close();
  }
  return rows;
}

function print(rows: readonly Row[], version: string): void {
  process.stdout.write(
    `Flink ${version}, ${TASK_MANAGERS} TaskManagers with 2 slots each; a TaskManager is killed (SIGKILL)\n\n`,
  );
  process.stdout.write(
    "| # | job | regions | tasks | killed | failed | predicted | restarted | kill to running | as predicted |\n|---|---|---|---|---|---|---|---|---|---|\n",
  );
  rows.forEach(({ job, regions, tasks, killed, recoveredMs, compared }, index) => {
    const { failed, predicted, actual, agrees } = compared;
    const row = [
      index + 1,
      job,
      regions,
      tasks,
      killed,
      failed.length,
      predicted,
      actual,
      `${(recoveredMs / 1000).toFixed(1)} s`,
      agrees ? "yes" : "NO",
    ];
    process.stdout.write(`| ${row.join(" | ")} |\n`);
  });
  process.stdout.write(`\n${rows.filter(({ compared }) => compared.agrees).length} of ${rows.length} as predicted\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
