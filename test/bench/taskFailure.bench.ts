/**
 * From a task's failure to the job RUNNING again, with restart delay 0 and the whole job one region over two TaskManagers. First failures of a
 * person's function, where no process dies; then kills of a TaskManager, held against the cold start of a TaskManager in the same run.
 */
import { openRun } from "../../simulator/client/openRun";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { Workspace } from "../process/faultlineCli";

const FAILURES = 20;
const KILLS = 10;

const FUNCTIONS = `
  let seen: Record<number, number> = {};
  /** Each attempt of the second subtask takes so many records, and then one that it does not like; the last takes all. */
  export const stumble = (value: unknown, context: { attempt: number; subtask: number }) => {
    if (context.subtask === 1 && context.attempt < ${FAILURES}) {
      seen = { [context.attempt]: (seen[context.attempt] ?? 0) + 1 };
      if (seen[context.attempt] === 2000) throw new Error("a record that is not liked");
    }
    return value;
  };
  export const pass = (value: unknown) => value;
`;

function job(map: string, limit: number): object {
  return {
    name: "task-failure",
    runtime: {
      parallelism: 2,
      taskManagers: 2,
      slots: 1,
      checkpointing: { interval: "250ms" },
      restartStrategy: { type: "fixed-delay", attempts: 1000, delay: "0ms" },
    },
    operators: {
      numbers: { type: "source", connector: "generator", limit, rate: 8_000 },
      map: { type: "map", function: `functions.ts#${map}` },
      sink: { type: "sink", connector: "file", path: "all", identity: "seq" },
    },
    edges: [
      { from: "numbers", to: "map", ship: "REBALANCE" },
      { from: "map", to: "sink", ship: "HASH", key: "seq" },
    ],
  };
}

interface Recovery {
  /** From the failure that the JobMaster saw to all tasks RUNNING. */
  readonly runningAfterMs: number;
  readonly canceledAfterMs: number;
}

function recoveries(events: readonly JournalEvent[]): Recovery[] {
  const found: Recovery[] = [];
  for (const [position, event] of events.entries()) {
    if (event.kind !== "failover") continue;
    const failed = events
      .slice(0, position)
      .findLast((before) => before.kind === "task.state" && before.to === "FAILED");
    const after = events.slice(position);
    const running = after.find((later) => later.kind === "job.state" && later.to === "RUNNING");
    const created = after.find((later) => later.kind === "task.state" && later.to === "CREATED");
    if (failed !== undefined && running !== undefined && created !== undefined) {
      found.push({ runningAfterMs: running.at - failed.at, canceledAfterMs: created.at - failed.at });
    }
  }
  return found;
}

async function main(): Promise<void> {
  const workspace = new Workspace();
  workspace.write("functions.ts", FUNCTIONS);
  try {
    const failing = workspace.run(workspace.write("failing.faultline.json", job("stumble", 90_000)));
    const failed = await failing.report();
    const plain = recoveries(failing.events);
    print(`${plain.length} failures of a function, no process dies: failed to RUNNING again`, [
      ["canceled and reset after", spread(plain.map(({ canceledAfterMs }) => canceledAfterMs))],
      ["RUNNING after (asked for: median within 100 ms)", spread(plain.map(({ runningAfterMs }) => runningAfterMs))],
    ]);
    outcome(failed.run.state, failed.records);

    const killed = workspace.run(workspace.write("killed.faultline.json", job("pass", 150_000)));
    await killed.event("checkpoint.completed");
    const client = await openRun(killed.directory);
    for (let kill = 0; kill < KILLS; kill++) {
      const seen = killed.events.length;
      await client.inject({ fault: "crash", target: `taskmanager:${kill % 2}` });
      await killed.event("job.state", ({ seq, to }) => seq >= seen && to === "RUNNING");
    }
    const report = await killed.report();
    const started = new Map(killed.of("process.started").map(({ pid, at }) => [pid, at]));
    const coldStarts = killed.of("process.connected").flatMap(({ pid, process, at }) => {
      const from = started.get(pid);
      return from === undefined || !process.startsWith("taskmanager") ? [] : [at - from];
    });
    const deaths = recoveries(killed.events).map(({ runningAfterMs }) => runningAfterMs);
    print(`${deaths.length} kills of a TaskManager: failed to RUNNING again`, [
      ["cold start of a TaskManager in this run", spread(coldStarts)],
      ["RUNNING after", spread(deaths)],
      [
        "more than the cold start, medians (asked for: at most 150 ms)",
        `${(median(deaths) - median(coldStarts)).toFixed(0)} ms`,
      ],
    ]);
    outcome(report.run.state, report.records);
  } finally {
    await workspace.dispose();
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function spread(values: readonly number[]): string {
  return `median ${median(values).toFixed(0)} ms, ${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)} ms`;
}

function print(title: string, rows: readonly (readonly string[])[]): void {
  process.stdout.write(`\n${title}\n\n| | |\n|---|---|\n`);
  for (const row of rows) process.stdout.write(`| ${row.join(" | ")} |\n`);
}

function outcome(
  state: string,
  { lost, duplicated }: { readonly lost: number | null; readonly duplicated: number | null },
): void {
  process.stdout.write(`\n${state}, ${lost ?? "?"} lost, ${duplicated ?? "?"} duplicated\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
