/** Submits what an experiment runs: a jar over the REST interface, a SQL script or a PyFlink program through the programs of the distribution. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FlinkExperiment, FlinkProgram } from "../../faults/experiment";
import { openDistribution, optionalJar, type FlinkDistribution } from "../../flink/flinkDistribution";
import type { FlinkRestClient } from "../../flink/restClient";
import { parseClusterUrl } from "../../flink/restTransport";
import { ProgramGroup } from "../../flink/programGroup";
import { javaArguments, javaProgram } from "../../flink/standaloneCluster";
import { FaultlineError } from "../../graph/errors";
import { isJobTerminal } from "../../graph/executionState";
import { findJob } from "../watchFlink";

/** A script that has not submitted its job by then will not do so; a first start of Python, JVM and planner takes a minute on a busy machine. */
const SCRIPT_LIMIT_MS = 300_000;
/** As a shell says of a program that is not there, or may not be run. */
const NO_PROGRAM = new Set<number | null>([126, 127]);

export interface Submission {
  readonly client: FlinkRestClient;
  readonly experiment: FlinkExperiment;
  /** Arguments after those of the program: addresses of services. */
  readonly more: readonly string[];
  /** Folder with the `config.yaml` of the cluster, for programs of the distribution. */
  readonly configuration: string;
  readonly signal: AbortSignal | undefined;
}

/** Bad input is found before anything is started. @throws FaultlineError FL1001, FL5010 */
export function checkProgram({ program, cluster, services }: FlinkExperiment): void {
  if (program.kind !== "job" && statSync(program.path, { throwIfNoEntry: false })?.isFile() !== true)
    throw FaultlineError.of("FL1001", "What Flink is to run does not exist.", "Check the path.", {
      file: program.path,
    });
  for (const { model } of services) {
    if (statSync(model, { throwIfNoEntry: false })?.isFile() !== true)
      throw FaultlineError.of("FL3001", "The model does not exist.", "Check the path.", { file: model });
  }
  const needsDistribution = cluster.kind === "started" || program.kind === "sql" || program.kind === "python";
  if (!needsDistribution) return;
  const distribution = openDistribution(process.env.FLINK_HOME);
  if (program.kind === "sql") sqlClientOf(distribution);
  if (program.kind === "python") pythonJarOf(distribution);
}

/** The job's id. @throws FaultlineError FL5006, FL5009, FL5012 */
export async function submitProgram(submission: Submission): Promise<string> {
  const { client, experiment, more } = submission;
  const { program, parallelism, settings, cluster } = experiment;
  switch (program.kind) {
    case "job":
      return findJob(client, program.job);
    case "jar":
      return client.submitJar(program.path, {
        programArguments: [...program.arguments, ...more],
        ...(program.entryClass === undefined ? {} : { entryClass: program.entryClass }),
        ...(parallelism === undefined ? {} : { parallelism }),
        ...(cluster.kind === "there" && Object.keys(settings).length > 0 ? { settings } : {}),
      });
    case "sql":
    case "python":
      return submitScript(submission, program);
  }
}

/** For a cluster that is there: where programs of the distribution find it. */
export function writeConfiguration(folder: string, url: string): string {
  const { hostname, port, protocol } = parseClusterUrl(url);
  const configuration = join(folder, "conf");
  mkdirSync(configuration, { recursive: true });
  const restPort = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  writeFileSync(
    join(configuration, "config.yaml"),
    `rest.address: ${JSON.stringify(hostname)}\nrest.port: ${restPort}\nexecution.target: remote\n`,
  );
  return configuration;
}

type Script = Extract<FlinkProgram, { readonly kind: "sql" | "python" }>;

/** The job is the one that was not there before. */
async function submitScript(
  { client, experiment, more, configuration, signal }: Submission,
  script: Script,
): Promise<string> {
  const distribution = openDistribution(process.env.FLINK_HOME);
  const before = new Set((await client.jobs()).map(({ id }) => id));
  const parallelism = experiment.parallelism === undefined ? undefined : String(experiment.parallelism);
  const java =
    script.kind === "sql"
      ? [
          ...javaArguments(distribution, sqlClientOf(distribution)),
          "org.apache.flink.table.client.SqlClient",
          ...(parallelism === undefined ? [] : [`-Dparallelism.default=${parallelism}`]),
          ...["-f", script.path],
        ]
      : [
          ...javaArguments(distribution, [pythonJarOf(distribution)]),
          "org.apache.flink.client.cli.CliFrontend",
          ...["run", "--detached", "-pyclientexec", script.interpreter, "-pyexec", script.interpreter],
          ...(parallelism === undefined ? [] : ["-p", parallelism]),
          ...["-py", script.path, ...script.arguments, ...more],
        ];
  const { code, said } = await runJava(java, { distribution, configuration, signal });
  const started = (await client.jobs()).filter(({ id }) => !before.has(id));
  // The SQL client ends with 0 when a statement failed, and says so.
  const error = sqlErrorOf(script, said) ?? (code === 0 ? undefined : lastProblem(said));
  const [job] = started;
  if (error === undefined && job !== undefined && started.length === 1) return job.id;
  for (const { id, state } of started) if (!isJobTerminal(state)) await client.cancel(id);
  const what = script.kind === "sql" ? "SQL script" : "Python program";
  throw FaultlineError.of(
    "FL5012",
    error !== undefined
      ? `The ${what} failed: ${error.slice(0, 300)}`
      : `The ${what} started ${started.length} jobs; one is expected.`,
    script.kind === "sql"
      ? "Let the script start one streaming job: one INSERT, or a STATEMENT SET."
      : "The interpreter has to have apache-flink of the cluster's version, and the program has to start one job.",
    { file: script.path },
  );
}

function sqlErrorOf(script: Script, said: string): string | undefined {
  return script.kind === "sql" ? /\[ERROR\][^\n]*\n?[^\n]*/.exec(said)?.[0].replace(/\s+/g, " ") : undefined;
}

/** The line that says most: Python's own last one, or the innermost cause of Java. */
function lastProblem(said: string): string {
  const lines = said.split("\n").map((line) => line.trim());
  const python = lines.findLast(
    (line) => /^[\w.]*(Error|Exception)\b.*:/.test(line) && !line.startsWith("org.apache.flink.client"),
  );
  const cause = lines.findLast((line) => line.startsWith("Caused by: "));
  return python ?? cause?.slice("Caused by: ".length) ?? lines.findLast((line) => line !== "") ?? "it did not say why";
}

async function runJava(
  args: readonly string[],
  {
    distribution,
    configuration,
    signal,
  }: {
    readonly distribution: FlinkDistribution;
    readonly configuration: string;
    readonly signal: AbortSignal | undefined;
  },
): Promise<{ readonly code: number | null; readonly said: string }> {
  signal?.throwIfAborted();
  let said = "";
  // A group of its own: Python of the person's runs beside it, and neither may stay.
  const program = new ProgramGroup(javaProgram(), args, {
    onOutput: (text) => (said = (said + text).slice(-20_000)),
    env: {
      ...process.env,
      FLINK_CONF_DIR: configuration,
      FLINK_LIB_DIR: join(distribution.home, "lib"),
      FLINK_OPT_DIR: join(distribution.home, "opt"),
    },
  });
  const end = (): void => void program.end();
  const timer = setTimeout(end, SCRIPT_LIMIT_MS);
  signal?.addEventListener("abort", end);
  try {
    const { code } = await program.exited;
    signal?.throwIfAborted();
    if (NO_PROGRAM.has(code)) {
      throw FaultlineError.of(
        "FL5011",
        `Java could not be started: ${lastProblem(said)}.`,
        "Java 17 is needed, as JAVA_HOME or on the path.",
      );
    }
    return { code, said };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    await program.end();
  }
}

/** What Flink's own script puts on the class path: the client stands on the gateway, and reads options of Python before all others. */
function sqlClientOf(distribution: FlinkDistribution): readonly string[] {
  const python = optionalJar(distribution, "flink-python");
  return [
    optionalJar(distribution, "flink-sql-client") ?? missing(distribution, "SQL client", "flink-sql-client"),
    optionalJar(distribution, "flink-sql-gateway") ?? missing(distribution, "SQL gateway", "flink-sql-gateway"),
    ...(python === undefined ? [] : [python]),
  ];
}

function pythonJarOf(distribution: FlinkDistribution): string {
  return optionalJar(distribution, "flink-python") ?? missing(distribution, "Python API", "flink-python");
}

function missing({ home }: FlinkDistribution, what: string, jar: string): never {
  throw FaultlineError.of(
    "FL5010",
    `This Flink has no ${what}: opt/${jar}-VERSION.jar is missing.`,
    "Use a whole distribution.",
    { file: home },
  );
}
