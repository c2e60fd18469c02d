/** `faultline flink jobs URL` and `faultline flink watch URL [JOB]`: the jobs of a real Flink, and one of them as a run. */
import { readFile } from "node:fs/promises";
import { Option, type Command } from "commander";
import { finishRun } from "../client/finishRun";
import { watchFlink } from "../client/watchFlink";
import { FlinkRestClient } from "../flink/restClient";
import type { ClusterAddress } from "../flink/restTransport";
import { parseDuration } from "../graph/durations";
import { FaultlineError, formatProblem } from "../graph/errors";
import { durationText } from "../observe/figureText";
import { reportText } from "../observe/reportText";
import type { CommandIo, OutputFormat } from "./commandIo";
import { paintFor } from "./paint";
import { RunProgress } from "./runProgress";

interface AddressOptions {
  readonly header: readonly string[];
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly timeout?: string;
  readonly format: OutputFormat;
}

interface WatchCommandOptions extends AddressOptions {
  readonly directory?: string;
  readonly duration?: string;
}

export function registerFlinkCommands(program: Command, io: CommandIo): void {
  const flink = program.command("flink").description("a real Flink: its jobs, and one of them as a run");
  const withAddress = (command: Command): Command =>
    command
      .argument("<url>", "address of the cluster's REST interface, http://HOST:8081")
      .option("--header <name: value...>", "header for every request, 'authorization: Bearer …' for example", [])
      .option("--ca <file>", "PEM of the authority that signed the cluster's certificate")
      .option("--cert <file>", "PEM of your own certificate, where the cluster asks for one")
      .option("--key <file>", "PEM of its key")
      .option("--timeout <duration>", "limit of one request (15s otherwise)")
      .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"));

  withAddress(flink.command("jobs").description("list the jobs of a cluster")).action(
    async (url: string, options: AddressOptions) => {
      const client = await FlinkRestClient.connect(await addressOf(url, options));
      try {
        const jobs = await client.jobs();
        if (options.format === "json") {
          io.out(`${JSON.stringify({ cluster: client.place, version: client.version.text, jobs })}\n`);
          return;
        }
        const paint = paintFor(io);
        io.out(`${paint.dim(`Flink ${client.version.text} at ${client.place}`)}\n`);
        if (jobs.length === 0) io.out("No jobs.\n");
        for (const { id, name, state, durationMs, tasks } of jobs) {
          io.out(
            `${id}  ${state.padEnd(10)} ${`${tasks.running}/${tasks.total}`.padStart(9)} tasks  ${durationText(durationMs).padStart(9)}  ${name}\n`,
          );
        }
      } finally {
        client.close();
      }
    },
  );

  withAddress(
    flink.command("watch").description("follow a job: its events go into a run's folder, until the job ends or Ctrl-C"),
  )
    .argument("[job]", "id, beginning of an id, or name; the only one that runs otherwise")
    .option("--directory <dir>", "folder for everything of the run (a new one otherwise)")
    .option("--duration <duration>", "stop watching after this time, for example 30s")
    .action(async (url: string, job: string | undefined, options: WatchCommandOptions) => {
      const duration = durationOf(options.duration);
      const progress = new RunProgress(io, options.format === "text" ? paintFor(io) : undefined);
      const watch = await watchFlink({
        address: await addressOf(url, options),
        ...(job === undefined ? {} : { job }),
        ...(options.directory === undefined ? {} : { directory: options.directory }),
        onEvent: (event) => progress.observe(event),
      });
      const stop = (): void => watch.stop();
      process.once("SIGINT", stop).once("SIGTERM", stop);
      const timer = duration === undefined ? undefined : setTimeout(stop, duration);
      const { state, cause } = await watch.ended;
      clearTimeout(timer);
      process.off("SIGINT", stop).off("SIGTERM", stop);
      progress.end();
      const { report, html } = await finishRun(watch.directory);
      if (options.format === "json") io.out(`${JSON.stringify(report, undefined, 2)}\n`);
      else io.out(`${reportText(report, { paint: paintFor(io), columns: io.columns })}\nReport: ${html}\n`);
      if (cause !== undefined && (state === "FAILED" || cause.code.startsWith("FL5"))) {
        io.err(`${formatProblem(cause)}\n`);
        process.exitCode = 1;
      }
    });
}

async function addressOf(url: string, options: AddressOptions): Promise<ClusterAddress> {
  const headers: Record<string, string> = {};
  for (const header of options.header) {
    const match = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*:\s*([^\r\n]*)$/.exec(header);
    if (match?.[1] === undefined || match[2] === undefined) {
      throw FaultlineError.of("FL1000", "A header is written wrongly.", "Write --header 'name: value'.");
    }
    headers[match[1].toLowerCase()] = match[2];
  }
  const pem = async (file: string | undefined): Promise<string | undefined> => {
    if (file === undefined) return undefined;
    return readFile(file, "utf8").catch((error: unknown) => {
      throw FaultlineError.of("FL1001", "The file cannot be read.", undefined, { file }, error);
    });
  };
  const [ca, cert, key] = await Promise.all([pem(options.ca), pem(options.cert), pem(options.key)]);
  const timeoutMs = durationOf(options.timeout);
  return { url, headers, tls: { ca, cert, key }, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0)
    throw FaultlineError.of("FL1024", `"${text}" is no duration.`, "Write 250ms, 10s, 5m or 1h.");
  return ms;
}
