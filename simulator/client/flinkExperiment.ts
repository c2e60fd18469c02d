/**
 * An experiment on a real Flink (`"engine": "flink"`): a cluster of processes of this machine from `FLINK_HOME`, a jar or a SQL script on it, services
 * beside it, and process faults on its TaskManagers. The answers of the cluster become the journal; report and verdict are those of any run.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FlinkExperiment, ScheduledFault } from "../faults/experiment";
import { openDistribution, optionalJar, type FlinkDistribution } from "../flink/flinkDistribution";
import { FlinkRestClient } from "../flink/restClient";
import { StandaloneCluster, javaArguments, javaProgram } from "../flink/standaloneCluster";
import { taskManagerProcess } from "../flink/failoverEpisode";
import { parseDuration } from "../graph/durations";
import { FaultlineError } from "../graph/errors";
import { isJobTerminal } from "../graph/executionState";
import { serveModel, type ServedModel } from "../inference/serve";
import type { Cause } from "../observe/journalEvent";
import { FaultScheduler } from "./faultScheduler";
import { finishRun } from "./finishRun";
import type { FaultRequest } from "./run";
import type { MeasuredRun } from "./measuredRun";
import { watchFlink, type FlinkWatch } from "./watchFlink";

const READY_LIMIT_MS = 120_000;
const POLL_MS = 250;

export class FlinkEngine {
  private constructor(
    private readonly options: FlinkExperiment,
    private readonly distribution: FlinkDistribution,
    private readonly folder: string,
    private readonly cluster: StandaloneCluster,
    private readonly services: readonly { readonly argument: string; readonly served: readonly ServedModel[] }[],
  ) {}

  /** @throws FaultlineError FL5003, FL5010, FL5011, FL3xxx */
  static async start(options: FlinkExperiment): Promise<FlinkEngine> {
    const distribution = openDistribution(process.env.FLINK_HOME);
    const folder = await mkdtemp(join(tmpdir(), "faultline-flink-"));
    const served: ServedModel[] = [];
    let cluster: StandaloneCluster | undefined;
    try {
      const services = [];
      for (const { model, name, instances, argument } of options.services) {
        const own: ServedModel[] = [];
        for (let index = 0; index < instances; index++) {
          const one = await serveModel({ model, token: false, ...(name === undefined ? {} : { name }) });
          own.push(one);
          served.push(one);
        }
        services.push({ argument, served: own });
      }
      const { taskManagers, slots, settings } = options;
      cluster = await StandaloneCluster.start({ distribution, directory: folder, taskManagers, slots, settings });
      const engine = new FlinkEngine(options, distribution, folder, cluster, services);
      await engine.ready();
      return engine;
    } catch (error) {
      await cluster?.stop();
      await Promise.all(served.map((one) => one.stop()));
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    await Promise.all(this.services.flatMap(({ served }) => served.map((one) => one.stop())));
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs the job, to its own end or for `durationMs`, with a schedule of faults. */
  async measure(faults: readonly ScheduledFault[], durationMs: number | undefined): Promise<MeasuredRun> {
    await this.ready();
    const client = await FlinkRestClient.connect({ url: this.cluster.url });
    try {
      const job = await this.submit(client);
      const scheduled: { scheduler?: FaultScheduler } = {};
      let timer: NodeJS.Timeout | undefined;
      const watch = await watchFlink({
        address: { url: this.cluster.url },
        job,
        onEvent: (event) => {
          scheduled.scheduler?.observe(event);
          if (event.kind === "job.state" && event.to === "RUNNING" && durationMs !== undefined)
            timer ??= setTimeout(() => void client.cancel(job).catch(() => undefined), durationMs);
        },
      });
      const faultsOnFlink = new FlinkFaults(this.cluster, watch);
      scheduled.scheduler = new FaultScheduler(faultsOnFlink, faults);
      await watch.ended;
      clearTimeout(timer);
      scheduled.scheduler.end();
      faultsOnFlink.healAll();
      const { report, html, facts } = await finishRun(watch.directory);
      return { report, html, facts, modelsLoaded: 0, peakMemory: new Map(), commandExits: new Map(), problems: scheduled.scheduler.problems };
    } finally {
      client.close();
    }
  }

  /** Waits for all TaskManagers. */
  private async ready(): Promise<void> {
    const until = Date.now() + READY_LIMIT_MS;
    for (;;) {
      const found = await this.taskManagers().catch(() => 0);
      if (found >= this.options.taskManagers) return;
      if (Date.now() > until || this.cluster.process("jobmanager") === undefined) {
        throw FaultlineError.of(
          "FL5011",
          "Flink's processes did not come up in time.",
          this.cluster.logTail("jobmanager") || undefined,
        );
      }
      await sleep(POLL_MS);
    }
  }

  private async taskManagers(): Promise<number> {
    const client = await FlinkRestClient.connect({ url: this.cluster.url, timeoutMs: 5_000 });
    try {
      return (await client.taskManagers()).length;
    } finally {
      client.close();
    }
  }

  private async submit(client: FlinkRestClient): Promise<string> {
    const { program, parallelism } = this.options;
    if (program.kind === "sql") return this.submitSql(client, program.path);
    const addresses = this.services.flatMap(({ argument, served }) => [
      argument,
      served.map(({ address }) => address).join(","),
    ]);
    return client.submitJar(program.path, {
      programArguments: [...program.arguments, ...addresses],
      ...(program.entryClass === undefined ? {} : { entryClass: program.entryClass }),
      ...(parallelism === undefined ? {} : { parallelism }),
    });
  }

  /** Flink's SQL client runs the script; the job is the one that was not there before. */
  private async submitSql(client: FlinkRestClient, script: string): Promise<string> {
    const sqlClient = optionalJar(this.distribution, "flink-sql-client");
    if (sqlClient === undefined) {
      throw FaultlineError.of(
        "FL5010",
        "This Flink has no SQL client: opt/flink-sql-client-VERSION.jar is missing.",
        "Use a whole distribution.",
        {
          file: this.distribution.home,
        },
      );
    }
    const before = new Set((await client.jobs()).map(({ id }) => id));
    const child = spawn(
      javaProgram(),
      [...javaArguments(this.distribution, [sqlClient]), "org.apache.flink.table.client.SqlClient", "-f", script],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...process.env,
          FLINK_CONF_DIR: join(this.folder, "conf"),
          FLINK_LIB_DIR: join(this.distribution.home, "lib"),
        },
      },
    );
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-20_000)));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const started = (await client.jobs()).filter(({ id }) => !before.has(id));
    const error = /\[ERROR\][^\n]*\n?[^\n]*/.exec(said)?.[0].replace(/\s+/g, " ");
    const [job] = started;
    if (code === 0 && error === undefined && job !== undefined && started.length === 1) return job.id;
    for (const { id, state } of started) if (!isJobTerminal(state)) await client.cancel(id);
    throw FaultlineError.of(
      "FL5012",
      error !== undefined
        ? `The SQL script failed: ${error.slice(0, 300)}`
        : `The SQL script started ${started.length} jobs; one is expected.`,
      "Let the script start one streaming job: one INSERT, or a STATEMENT SET.",
      { file: script },
    );
  }
}

/** Process faults on the TaskManagers of a cluster. One that is gone is started again at once, as a cluster's own keeper would. */
class FlinkFaults {
  private injections = 0;
  private readonly stopped = new Map<
    number,
    { readonly injection: number; readonly timer: NodeJS.Timeout | undefined }
  >();

  constructor(
    private readonly cluster: StandaloneCluster,
    private readonly watch: FlinkWatch,
  ) {}

  async inject({ fault, target, parameters = {} }: FaultRequest): Promise<void> {
    const index = this.taskManagerOf(target);
    const victim = this.cluster.process(index);
    if (victim === undefined)
      throw FaultlineError.of("FL1033", `TaskManager ${index} does not run at the moment.`, "Try again in a moment.");
    const injection = ++this.injections;
    const process = taskManagerProcess(victim.resourceId);
    this.watch.append({
      kind: "fault.injected",
      injection,
      fault,
      target: process,
      parameters: { ...parameters, target },
      by: "schedule",
    });
    switch (fault) {
      case "crash":
      case "terminate": {
        this.cluster.signal(index, fault === "crash" ? "SIGKILL" : "SIGTERM");
        const { code, signal } = await victim.gone;
        const how = signal === null ? `it exited with ${code}` : `ended by ${signal}`;
        this.watch.append({ kind: "fault.effective", injection, evidence: `process ${victim.pid} is gone: ${how}` });
        await this.cluster.startTaskManager(index);
        return;
      }
      case "hang": {
        this.cluster.signal(index, "SIGSTOP");
        const durationMs = typeof parameters.duration === "string" ? parseDuration(parameters.duration) : undefined;
        const timer = durationMs === undefined ? undefined : setTimeout(() => this.heal(index, "duration"), durationMs);
        this.stopped.set(index, { injection, timer });
        this.watch.append({
          kind: "fault.effective",
          injection,
          evidence: `process ${victim.pid} is in state ${stateOf(victim.pid)}`,
        });
        return;
      }
      default: {
        const cause: Cause = {
          code: "FL1033",
          message: `"${fault}" cannot act on a TaskManager of a real Flink.`,
          hint: "crash, terminate and hang can.",
        };
        this.watch.append({ kind: "fault.failed", injection, cause });
        throw new FaultlineError({ ...cause, code: "FL1030" });
      }
    }
  }

  healAll(): void {
    for (const index of [...this.stopped.keys()]) this.heal(index, "end");
  }

  private heal(index: number, by: "duration" | "end"): void {
    const found = this.stopped.get(index);
    if (found === undefined) return;
    clearTimeout(found.timer);
    this.stopped.delete(index);
    if (this.cluster.process(index) === undefined) return;
    this.cluster.signal(index, "SIGCONT");
    this.watch.append({ kind: "fault.healed", injection: found.injection, by });
  }

  private taskManagerOf(target: string): number {
    const running = this.cluster.all().flatMap(({ role }) => (role === "jobmanager" ? [] : [role]));
    if (/^taskmanager:.*\*/.test(target) || target === "*") return running.sort((a, b) => a - b)[0] ?? 0;
    const index = /^taskmanager:(\d+)$/.exec(target)?.[1];
    if (index !== undefined) return Number(index);
    throw FaultlineError.of("FL1031", `"${target}" cannot be hit on a real Flink.`, "TaskManagers can: taskmanager:0.");
  }
}

/** `T` is stopped, as Linux says it; elsewhere it is not known. */
function stateOf(pid: number): string {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "unknown";
  } catch {
    return "unknown";
  }
}
