/**
 * `npm run flink:compare`: the example job here and on a real Flink of this machine, side by side. It is exported, its places are filled with the Java port of its
 * functions, it is built with Maven and run on a standalone cluster against two `faultline serve`. Shown are whether every text got the same language, how
 * long it took from the command to the first record, records a second, and the time from the kill of a TaskManager to running again.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "jsonc-parser";
import { watchFlink } from "../simulator/client/watchFlink";
import { FlinkRestClient } from "../simulator/flink/restClient";
import type { JournalEvent } from "../simulator/observe/journalEvent";
import { readJournal } from "../simulator/observe/journalReader";
import type { RunReport } from "../simulator/observe/runReport";
import { buildExampleJar } from "./flinkExample";
import { slotsReady, startRig, type Rig } from "./flinkRig";

const ROOT = join(__dirname, "..");
const CLI = join(ROOT, "dist", "cli.js");
const EXAMPLE = join(ROOT, "examples", "language-detection");
const LIMIT_MS = 180_000;

interface Figures {
  readonly engine: string;
  readonly firstRecordMs: number;
  readonly perSecond: number;
  readonly killToRunningMs: number;
}

async function main(): Promise<void> {
  if (!existsSync(CLI)) throw new Error("dist/cli.js is not there: npm run build.");
  const folder = mkdtempSync(join(tmpdir(), "faultline-compare-"));
  try {
    const jar = await buildExampleJar(folder);
    const fast = exampleJob(folder, "fast", undefined);
    const slow = exampleJob(folder, "slow", 600);
    const local = await runLocal(folder, fast, slow);
    const flink = await runOnFlink(folder, jar);
    const different = [...local.languages].filter(([id, language]) => flink.languages.get(id) !== language);
    process.stdout.write(
      `Texts: ${local.languages.size} here, ${flink.languages.size} on Flink; another language for ${different.length}\n\n`,
    );
    process.stdout.write(
      "| | command to first record | records/s | TaskManager kill to running |\n|---|---|---|---|\n",
    );
    for (const { engine, firstRecordMs, perSecond, killToRunningMs } of [local.figures, ...flink.figures]) {
      const seconds = (ms: number): string => (Number.isNaN(ms) ? "" : `${(ms / 1000).toFixed(2)} s`);
      process.stdout.write(
        `| ${engine} | ${seconds(firstRecordMs)} | ${Number.isNaN(perSecond) ? "" : Math.round(perSecond)} | ${seconds(killToRunningMs)} |\n`,
      );
    }
    process.exitCode =
      different.length === 0 && local.languages.size === flink.languages.size && local.languages.size > 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The example with absolute paths and another rate. */
function exampleJob(folder: string, name: string, rate: number | undefined): string {
  const job = parse(readFileSync(join(EXAMPLE, "language-detection.faultline.json"), "utf8")) as {
    services: { langid: { model: string } };
    operators: Record<"texts" | "features" | "classify", Record<string, unknown>>;
  };
  job.services.langid.model = join(EXAMPLE, "model/langid.onnx");
  job.operators.texts.path = join(EXAMPLE, "data/texts.ndjson");
  job.operators.features.function = `${join(EXAMPLE, "functions/messages.ts")}#toFeatures`;
  job.operators.classify.request = `${join(EXAMPLE, "functions/messages.ts")}#request`;
  job.operators.classify.response = `${join(EXAMPLE, "functions/messages.ts")}#response`;
  if (rate === undefined) delete job.operators.texts.rate;
  else job.operators.texts.rate = rate;
  const file = join(folder, `${name}.faultline.json`);
  writeFileSync(file, JSON.stringify(job));
  return file;
}

async function runLocal(
  folder: string,
  fast: string,
  slow: string,
): Promise<{ languages: Map<number, string>; figures: Figures }> {
  const run = async (job: string, directory: string, ...more: string[]): Promise<RunReport> => {
    const child = spawn(process.execPath, [CLI, "run", job, "--format", "json", "--directory", directory, ...more], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, FAULTLINE_HOME: join(folder, "home") },
    });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`The local run ended with ${String(code)}.`);
    return JSON.parse(text) as RunReport;
  };
  const directory = join(folder, "local");
  const startedAt = Date.now();
  const report = await run(fast, directory);
  const events: JournalEvent[] = [];
  for await (const event of readJournal(join(directory, "journal.ndjson"))) events.push(event);
  const firstRecord = events.find((event) => event.kind === "sink.first-record")?.at ?? Number.NaN;
  const languages = languagesIn(join(directory, "output", "messages"));
  const killed = await run(
    slow,
    join(folder, "local-killed"),
    "--fault",
    "crash",
    "--target",
    "taskmanager:0",
    "--after",
    "5s",
  );
  process.stderr.write(
    `Here: ${languages.size} texts, ${report.run.durationMs} ms; killed: ${killed.failures[0]?.recoveredAfterMs} ms\n`,
  );
  return {
    languages,
    figures: {
      engine: "here (`faultline run`)",
      firstRecordMs: firstRecord - startedAt,
      perSecond: languages.size / secondsOf(events),
      killToRunningMs: killed.failures[0]?.recoveredAfterMs ?? Number.NaN,
    },
  };
}

/** From the job's first RUNNING to its FINISHED. */
function secondsOf(events: readonly JournalEvent[]): number {
  const at = (state: string): number =>
    events.find((event) => event.kind === "job.state" && event.to === state)?.at ?? Number.NaN;
  return (at("FINISHED") - at("RUNNING")) / 1000;
}

async function runOnFlink(
  folder: string,
  jar: string,
): Promise<{ languages: Map<number, string>; figures: readonly Figures[] }> {
  const services = await Promise.all([serve(), serve()]);
  const commandAt = Date.now();
  let rig: Rig | undefined;
  try {
    rig = await startRig({ taskManagers: 2, slots: 1 });
    const client = await FlinkRestClient.connect({ url: rig.cluster.url });
    const addresses = services.map(({ address }) => address).join(",");
    const submit = async (output: string, rate: number): Promise<string> =>
      client.submitJar(jar, {
        programArguments: [
          ...["--langid.addresses", addresses, "--texts.rate", String(rate)],
          ...["--messages.path", join(folder, output, "messages"), "--counts.path", join(folder, output, "counts")],
        ],
      });
    const submittedAt = Date.now();
    const [id, firstFileAt] = await Promise.all([submit("flink", 0), firstFile(join(folder, "flink", "messages"))]);
    const job = await finished(client, id);
    const seconds = ((job.timestamps.FINISHED ?? Number.NaN) - (job.timestamps.RUNNING ?? Number.NaN)) / 1000;
    const languages = languagesIn(join(folder, "flink", "messages"));
    process.stderr.write(`On Flink: ${languages.size} texts in ${seconds.toFixed(1)} s\n`);
    const killToRunningMs = await killUnderWatch(rig, await submit("killed", 600), join(folder, "watch"));
    client.close();
    return {
      languages,
      figures: [
        {
          engine: "Flink, its cluster started by the command",
          firstRecordMs: firstFileAt - commandAt,
          perSecond: languages.size / seconds,
          killToRunningMs,
        },
        {
          engine: "Flink, on a cluster that is there",
          firstRecordMs: firstFileAt - submittedAt,
          perSecond: Number.NaN,
          killToRunningMs: Number.NaN,
        },
      ],
    };
  } finally {
    await rig?.stop();
    for (const { child } of services) child.kill("SIGTERM");
  }
}

async function killUnderWatch(rig: Rig, id: string, directory: string): Promise<number> {
  const running = gate();
  const compared = gate();
  const events: JournalEvent[] = [];
  const watch = await watchFlink({
    address: { url: rig.cluster.url },
    job: id,
    directory,
    onEvent: (event) => {
      events.push(event);
      if (event.kind === "checkpoint.completed" && event.checkpoint >= 3) running.resolve();
      if (event.kind === "failover.compared") compared.resolve();
    },
  });
  await within(running.promise, "three checkpoints");
  const victim = rig.cluster.signal(0, "SIGKILL");
  const killedAt = Date.now();
  await victim.gone;
  await rig.cluster.startTaskManager(0);
  await within(compared.promise, "the failover's end");
  watch.stop();
  await watch.ended;
  await slotsReady(rig.cluster.url, 2);
  return (
    Math.max(...events.map((event) => (event.kind === "task.state" && event.to === "RUNNING" ? event.at : 0))) -
    killedAt
  );
}

function gate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

async function within(promise: Promise<void>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(new Error(`${what} did not come.`)), LIMIT_MS)),
  );
  await Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

async function serve(): Promise<{ readonly address: string; readonly child: ChildProcess }> {
  const args = [
    "serve",
    join(EXAMPLE, "model/langid.onnx"),
    "--name",
    "langid",
    "--no-token",
    "--format",
    "json",
    "--with-parent",
  ];
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const address = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes("\n")) resolve((JSON.parse(text) as { address: string }).address);
    });
    child.once("exit", (code) => reject(new Error(`faultline serve ended with ${String(code)}.`)));
  });
  return { address, child };
}

async function finished(client: FlinkRestClient, id: string): ReturnType<FlinkRestClient["job"]> {
  const until = Date.now() + LIMIT_MS;
  for (;;) {
    const job = await client.job(id);
    if (job.state === "FINISHED") return job;
    if (job.state === "FAILED" || job.state === "CANCELED" || Date.now() > until) {
      const [exception] = await client.exceptions(id);
      throw new Error(`The job is ${job.state}: ${exception?.message ?? "no exception"}`);
    }
    await sleep(200);
  }
}

/** When the first file of the sink came: it is opened for the first record. */
async function firstFile(folder: string): Promise<number> {
  const until = Date.now() + LIMIT_MS;
  while (Date.now() < until) {
    if (filesBelow(folder).length > 0) return Date.now();
    await sleep(10);
  }
  throw new Error("No record came to the sink.");
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

function languagesIn(folder: string): Map<number, string> {
  const languages = new Map<number, string>();
  for (const file of filesBelow(folder)) {
    if (!/(?:^|[\\/])part-[^\\/]*$/.test(file)) continue;
    for (const line of readFileSync(file, "utf8").split("\n")) {
      if (line === "") continue;
      const { id, language } = JSON.parse(line) as { id: number; language: string };
      languages.set(id, language);
    }
  }
  return languages;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
