/**
 * `npm run flink:experiments [-- --only NAME]… [--home FLINK_HOME] [--python PYTHON]`: experiments with `"engine": "flink"` on real clusters of this
 * machine, one after the other, each through the command line: a jar with services beside it, a SQL script, a PyFlink program, faults on processes,
 * instances and links, and a cluster that is there. Prints a verdict each. NAME is the beginning of the name of an experiment, or of several.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { HypothesisResult } from "../simulator/faults/verdict";
import { FlinkRestClient } from "../simulator/flink/restClient";
import { openDistribution } from "../simulator/flink/flinkDistribution";
import type { RunReport } from "../simulator/observe/runReport";
import { fetchedHome } from "./fetchFlink";
import { buildExampleJar, EXAMPLE } from "./flinkExample";
import { compileJob, startRig, STEADY_JOB } from "./flinkRig";

const CLI = join(__dirname, "..", "dist", "cli.js");

interface Case {
  readonly name: string;
  readonly experiment: () => object;
  /** What the verdict has to be; `true` unless said. */
  readonly holds?: boolean;
  /** A cluster that is there, with a job on it. */
  readonly there?: boolean;
}

interface Verdict extends RunReport {
  readonly held: boolean;
  readonly reasons: readonly string[];
  readonly hypothesis: readonly HypothesisResult[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      home: { type: "string" },
      python: { type: "string", default: "python3" },
    },
  });
  if (!existsSync(CLI)) throw new Error("dist/cli.js is not there: npm run build.");
  const home = values.home ?? process.env.FLINK_HOME ?? fetchedHome();
  const folder = mkdtempSync(join(tmpdir(), "faultline-experiments-"));
  const rows: string[] = [];
  let wrong = 0;
  try {
    for (const one of await cases(folder, home, values.python, values.only)) {
      const startedAt = Date.now();
      const { verdict, code, said } =
        one.there === true ? await runThere(one, folder, home) : await runCase(one, folder, home, {});
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
      const isRight = verdict !== undefined && verdict.held === (one.holds ?? true) && code === (verdict.held ? 0 : 1);
      if (!isRight) wrong++;
      rows.push(`| ${one.name} | ${outcome(verdict, code, said)} | ${seconds} s | ${isRight ? "yes" : "NO"} |`);
      process.stderr.write(`${rows.at(-1)}\n`);
      for (const { name, held, observed, expected } of verdict?.hypothesis ?? [])
        process.stderr.write(`    ${held ? "held" : "NOT HELD"} ${name}: ${observed} (${expected})\n`);
      for (const reason of verdict?.reasons ?? []) process.stderr.write(`    ${reason}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(
    `Flink ${openDistribution(home).version.text}\n\n| experiment | verdict | took | as it should be |\n|---|---|---|---|\n${rows.join("\n")}\n`,
  );
  process.exitCode = wrong === 0 ? 0 : 1;
}

function outcome(verdict: Verdict | undefined, code: number, said: string): string {
  if (verdict === undefined) return `exit ${code}: ${said.trim().split("\n").slice(-2).join(" ")}`;
  const failures = verdict.failures.map(
    ({ fault, target, recoveredAfterMs, restartedTasks, restartedInstances }) =>
      `${fault} on ${target}: ${restartedTasks.length} tasks, ${restartedInstances.length} instances restarted, recovered after ${recoveredAfterMs} ms`,
  );
  return `${verdict.held ? "held" : "not held"}; ${verdict.injected} faults took effect; ${failures.join("; ")}`;
}

async function cases(
  folder: string,
  home: string,
  python: string,
  only: readonly string[] | undefined,
): Promise<readonly Case[]> {
  const wanted = (name: string): boolean => only === undefined || only.some((one) => name.startsWith(one));
  const jar = only === undefined || only.some((one) => one.startsWith("jar")) ? await buildExampleJar(folder) : "";
  const model = join(EXAMPLE, "model", "langid.onnx");
  const example = (deployment: string, output: string): object => ({
    jar,
    slots: 1,
    arguments: [
      ...["--texts.path", join(EXAMPLE, "data", "texts.ndjson"), "--texts.rate", "600"],
      ...["--messages.path", join(folder, output, "messages"), "--counts.path", join(folder, output, "counts")],
    ],
    services: [{ model, name: "langid", deployment, instances: 2, argument: "--langid.addresses" }],
  });
  const steady = (name: string): object => ({
    jar: compileJob(name, openDistribution(home), folder),
    settings: STEADY_JOB,
  });
  const text = (file: string, content: string): string => {
    writeFileSync(join(folder, file), content);
    return join(folder, file);
  };
  const control = { inControl: false };
  const all: Case[] = [
    {
      name: "jar, external services: TaskManager crash, instance crash",
      experiment: () => ({
        flink: example("external", "external"),
        faults: [
          { fault: "crash", target: "service:langid#1", atCheckpoint: 3 },
          { fault: "crash", target: "taskmanager:0", atCheckpoint: 8 },
        ],
        hypothesis: [
          { probe: "instancesRestarted", equals: 1, ...control },
          { probe: "streamTasksRestarted", atLeast: 1, ...control },
          { probe: "recoveryMs", atMost: 60_000 },
          { probe: "modelsLoaded", atMost: 3 },
          { probe: "checkpointsCompleted", atLeast: 5 },
        ],
      }),
    },
    {
      name: "jar, external services: link latency, link reset, slow inference",
      experiment: () => ({
        flink: example("external", "links"),
        faults: [
          {
            fault: "latency",
            target: "link:taskmanager:0->service:langid#0",
            set: { delay: "200ms", duration: "4s" },
            atCheckpoint: 3,
          },
          { fault: "reset", target: "link:taskmanager:*->service:langid#1", set: { duration: "5s" }, atCheckpoint: 8 },
          {
            fault: "slow-inference",
            target: "service:langid#0",
            set: { delay: "50ms", duration: "3s" },
            atCheckpoint: 12,
          },
        ],
        hypothesis: [
          { probe: "instancesRestarted", equals: 0 },
          { probe: "streamTasksRestarted", equals: 0 },
        ],
      }),
    },
    {
      name: "jar, sidecars: instance hang, TaskManager hang",
      experiment: () => ({
        flink: example("sidecar", "sidecar"),
        faults: [
          { fault: "hang", target: "service:langid#0", set: { duration: "1s" }, atCheckpoint: 3 },
          { fault: "hang", target: "taskmanager:1", set: { duration: "2s" }, atCheckpoint: 8 },
        ],
        hypothesis: [
          { probe: "modelsLoaded", equals: 2 },
          { probe: "streamTasksRestarted", equals: 0 },
        ],
      }),
    },
    {
      name: "pointwise: TaskManager terminated, JobManager hang",
      experiment: () => ({
        flink: steady("PointwiseJob"),
        duration: "40s",
        faults: [
          { fault: "terminate", target: "taskmanager:1", atCheckpoint: 2 },
          { fault: "hang", target: "coordinator", set: { duration: "2s" }, atCheckpoint: 6 },
        ],
        hypothesis: [
          { probe: "streamTasksRestarted", equals: 4, ...control },
          { probe: "checkpointsCompleted", atLeast: 6 },
        ],
      }),
    },
    {
      name: "pointwise: JobManager crash, without high availability",
      holds: false,
      experiment: () => ({
        flink: steady("PointwiseJob"),
        duration: "20s",
        faults: [{ fault: "crash", target: "coordinator", atCheckpoint: 2 }],
        hypothesis: [{ probe: "checkpointsCompleted", atLeast: 1 }],
      }),
    },
    {
      name: "sql: TaskManager crash",
      experiment: () => ({
        flink: {
          sql: text(
            "job.sql",
            "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100', 'fields.n.min' = '0', 'fields.n.max' = '9');\nCREATE TABLE nothing (n BIGINT, c BIGINT) WITH ('connector' = 'blackhole');\nINSERT INTO nothing SELECT n, COUNT(*) FROM numbers GROUP BY n;\n",
          ),
          parallelism: 4,
          settings: STEADY_JOB,
        },
        duration: "30s",
        faults: [{ fault: "crash", target: "taskmanager:0", atCheckpoint: 2 }],
        hypothesis: [
          { probe: "streamTasksRestarted", atLeast: 1, ...control },
          { probe: "recoveryMs", atMost: 60_000 },
        ],
      }),
    },
    {
      name: "python: TaskManager crash",
      experiment: () => ({
        flink: {
          python: text("job.py", PYTHON_JOB),
          interpreter: python,
          parallelism: 4,
          settings: { ...STEADY_JOB, "taskmanager.memory.managed.size": "128m" },
        },
        duration: "40s",
        faults: [{ fault: "crash", target: "taskmanager:0", atCheckpoint: 2 }],
        hypothesis: [
          { probe: "streamTasksRestarted", atLeast: 1, ...control },
          { probe: "recoveryMs", atMost: 120_000 },
        ],
      }),
    },
    {
      name: "there: commands crash and stop a TaskManager",
      there: true,
      experiment: () => ({
        duration: "35s",
        faults: [
          {
            fault: "crash",
            target: "taskmanager:0",
            command: 'sh kill.sh KILL "$FAULTLINE_TASKMANAGER"',
            heal: "sh again.sh",
            atCheckpoint: 2,
          },
          {
            fault: "hang",
            target: "taskmanager:1",
            command: 'sh kill.sh STOP "$FAULTLINE_TASKMANAGER"',
            heal: 'sh kill.sh CONT "$FAULTLINE_TASKMANAGER"',
            set: { duration: "1s" },
            after: "25s",
          },
        ],
        hypothesis: [
          { probe: "streamTasksRestarted", equals: 4, ...control },
          { probe: "checkpointsCompleted", atLeast: 6 },
        ],
      }),
    },
  ];
  return all.filter(({ name }) => wanted(name));
}

const PYTHON_JOB = `from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udf

table = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())


@udf(result_type=DataTypes.BIGINT())
def squared(n):
    return n * n


table.create_temporary_system_function("squared", squared)
table.execute_sql("CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100', 'fields.n.min' = '0', 'fields.n.max' = '9')")
table.execute_sql("CREATE TABLE nothing (n BIGINT) WITH ('connector' = 'blackhole')")
table.execute_sql("INSERT INTO nothing SELECT squared(n) FROM numbers")
`;

interface Outcome {
  readonly verdict: Verdict | undefined;
  readonly code: number;
  readonly said: string;
}

async function runCase(
  { name, experiment }: Case,
  folder: string,
  home: string,
  more: object,
  flags: readonly string[] = [],
): Promise<Outcome> {
  const file = join(folder, `${name.replace(/[^a-z]+/gi, "-")}.experiment.json`);
  const { flink = {}, ...rest } = experiment() as { readonly flink?: object };
  writeFileSync(file, JSON.stringify({ name, engine: "flink", flink: { ...flink, ...more }, ...rest }, undefined, 2));
  const child = spawn(process.execPath, [CLI, "experiment", file, "--format", "json", ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, FLINK_HOME: home, FAULTLINE_HOME: join(folder, "home") },
  });
  let text = "";
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.once("close", (exit) => resolve(exit ?? -1)));
  return { verdict: text === "" ? undefined : (JSON.parse(text) as Verdict), code, said };
}

/** The cluster is another one's: here it is started by this script, and its processes are only known to the person's commands. */
async function runThere(one: Case, folder: string, home: string): Promise<Outcome> {
  const rig = await startRig({ home, taskManagers: 2, slots: 2 });
  // Whoever operates the cluster starts what is gone again.
  const keeper = setInterval(() => {
    for (const role of [0, 1]) if (rig.cluster.process(role) === undefined) void rig.cluster.startTaskManager(role);
    writeFileSync(
      join(folder, "pids"),
      rig.cluster
        .all()
        .map(({ resourceId, pid }) => `${resourceId} ${pid}\n`)
        .join(""),
    );
  }, 200);
  try {
    writeFileSync(join(folder, "kill.sh"), `kill -$1 $(grep "^$2 " pids | cut -d' ' -f2)\n`);
    writeFileSync(join(folder, "again.sh"), "true\n");
    const client = await FlinkRestClient.connect({ url: rig.cluster.url });
    const job = await client.submitJar(compileJob("PointwiseJob", rig.distribution, rig.folder), {
      settings: STEADY_JOB,
    });
    client.close();
    const refused = await runCase(one, folder, home, { cluster: { url: rig.cluster.url }, job });
    process.stderr.write(
      `    without --yes: exit ${refused.code}: ${refused.said.split("\n").find((line) => line.includes("FL5017")) ?? ""}\n`,
    );
    if (refused.code !== 2 || !refused.said.includes("FL5017"))
      throw new Error("Commands were run that nobody confirmed.");
    return await runCase(one, folder, home, { cluster: { url: rig.cluster.url }, job }, ["--yes"]);
  } finally {
    clearInterval(keeper);
    await rig.stop();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
