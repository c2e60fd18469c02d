/**
 * An experiment on a real Flink (`"engine": "flink"`): on a cluster of processes of this machine from `FLINK_HOME`, or on one that is there; a
 * jar, a SQL script, a PyFlink program, or a job that runs already; services beside it, and faults on all of them. The answers of the cluster
 * become the journal; report and verdict are those of any run.
 */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterThere, FlinkExperiment, Hypothesis, ScheduledFault } from "../../faults/experiment";
import { flinkTargets } from "../../faults/parseFlinkExperiment";
import { gateProblem, type RunMeasures } from "../../faults/verdict";
import { openDistribution } from "../../flink/flinkDistribution";
import { FlinkRestClient } from "../../flink/restClient";
import type { ClusterAddress } from "../../flink/restTransport";
import { StandaloneCluster, type ClusterProcess } from "../../flink/standaloneCluster";
import { FaultlineError } from "../../graph/errors";
import type { JournalEvent } from "../../observe/journalEvent";
import { recoveryReport } from "../../observe/recoveryReport";
import { RunFacts } from "../../observe/runFacts";
import { exitsOfCommands } from "../commandExits";
import { FaultScheduler } from "../faultScheduler";
import { finishRun } from "../finishRun";
import type { MeasuredRun } from "../measuredRun";
import type { FaultRequest } from "../run";
import { watchFlink, type FlinkWatch } from "../watchFlink";
import { ClusterFaults } from "./clusterFaults";
import { CommandFaults } from "./commandFaults";
import { FlinkServices, type TimedEvent } from "./flinkServices";
import { FlinkLinkFaults } from "./linkFaults";
import { checkProgram, submitProgram, writeConfiguration } from "./submitProgram";

/**
 * What is waited for comes in this order: the JVMs start (some seconds each, on a busy machine many), the JobManager opens its REST interface, the
 * TaskManagers register; the program's main method runs and the job is planned; its tasks are deployed. Each is an answer or the end of a process,
 * and none has a natural limit: these only end what hangs.
 */
const READY_LIMIT_MS = 300_000;
const REQUEST_LIMIT_MS = 60_000;
const POLL_MS = 250;
/** A process that ends by itself this often within {@link DEATHS_WITHIN_MS} is not started again. */
const MAX_DEATHS = 10;
const DEATHS_WITHIN_MS = 60_000;

export interface FlinkMeasureOptions {
  readonly durationMs: number | undefined;
  readonly hypothesis: readonly Hypothesis[];
  readonly gate: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onRunning: (() => void) | undefined;
}

export class FlinkEngine {
  private cluster: StandaloneCluster | undefined;
  private services!: FlinkServices;
  private links!: FlinkLinkFaults;
  private clusterFaults: ClusterFaults | undefined;
  private readonly deaths: number[] = [];
  /** Ends the watch of the run there is. */
  private abandon = (): void => undefined;
  private broken: FaultlineError | undefined;
  private stopped = false;

  private constructor(
    private readonly experiment: FlinkExperiment,
    private readonly file: string,
    private readonly folder: string,
    private address: ClusterAddress,
  ) {}

  /** Checks everything that can be checked, starts the cluster where none is there, and waits for it. @throws FaultlineError FL1001, FL3001, FL5xxx */
  static async start(experiment: FlinkExperiment, file: string, signal?: AbortSignal): Promise<FlinkEngine> {
    checkProgram(experiment);
    const there = experiment.cluster.kind === "there" ? await addressOf(experiment.cluster) : undefined;
    const folder = await mkdtemp(join(tmpdir(), "faultline-flink-"));
    const engine = new FlinkEngine(experiment, file, folder, there ?? { url: "" });
    try {
      await engine.open();
      await engine.ready(signal);
      return engine;
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.services?.close();
    await this.cluster?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** States in which the job may end without that being a failure of the experiment. */
  expectedEnds(durationMs: number | undefined): readonly string[] {
    if (this.experiment.program.kind === "job") return ["RUNNING", "FINISHED"];
    return durationMs === undefined ? ["FINISHED"] : ["FINISHED", "CANCELED"];
  }

  /** Runs the job, to its own end or for `durationMs`, with a schedule of faults. */
  async measure(faults: readonly ScheduledFault[], options: FlinkMeasureOptions): Promise<MeasuredRun> {
    const { durationMs, hypothesis, gate, signal } = options;
    signal?.throwIfAborted();
    await this.ready(signal);
    const run: MeasuredFlinkRun = new MeasuredFlinkRun(faults, hypothesis, gate, (request): Promise<void> =>
      this.inject(request, run),
    );
    let endTimer: NodeJS.Timeout | undefined;
    const early: TimedEvent[] = [];
    let take = (event: TimedEvent): void => void early.push(event);
    try {
      await this.services.begin((event) => take(event));
      const client = await this.connect(signal);
      const job = await submitProgram({
        client,
        experiment: this.experiment,
        more: this.services.programArguments(),
        configuration: this.cluster?.configuration ?? writeConfiguration(this.folder, this.address.url),
        signal,
      }).finally(() => client.close());
      const watch = await watchFlink({
        address: this.address,
        job,
        patienceMs: READY_LIMIT_MS,
        services: this.services.describe(),
        onEvent: (event) => {
          run.observe(event);
          if (event.kind !== "job.state" || event.to !== "RUNNING" || endTimer !== undefined) return;
          options.onRunning?.();
          if (durationMs !== undefined) endTimer = setTimeout(() => void this.end(job, watch), durationMs);
        },
        onEnding: async () => {
          this.clusterFaults?.heal();
          await run.commands?.end();
          await this.services.end();
        },
      });
      run.commands = new CommandFaults(this.commandHost(watch));
      this.clusterFaults = this.faultsOn(watch);
      this.abandon = () => watch.stop();
      // What the services did before there was a journal is told at its beginning.
      const from = run.facts.startAt;
      take = ({ body, at }) => watch.append(body, Math.max(at, from));
      for (const event of early) take(event);
      // A cluster that ends with the experiment takes its job along.
      const onAbort = (): void => (this.cluster === undefined ? void this.end(job, watch) : watch.stop());
      signal?.addEventListener("abort", onAbort);
      await watch.ended;
      signal?.removeEventListener("abort", onAbort);
      signal?.throwIfAborted();
      return await run.finish(watch.directory);
    } finally {
      clearTimeout(endTimer);
      run.scheduler.end();
      this.abandon = () => undefined;
      await this.services.end();
    }
  }

  private async open(): Promise<void> {
    const { cluster, settings, services } = this.experiment;
    const servicesFolder = join(this.folder, "beside");
    await mkdir(servicesFolder);
    this.links = new FlinkLinkFaults(servicesFolder, {
      taskManagerPids: () =>
        new Map(
          (this.cluster?.all() ?? []).flatMap(({ role, pid }) => (role === "jobmanager" ? [] : [[role, pid] as const])),
        ),
      send: (message) => this.clusterFaults?.onLinkMessage(message),
      rulesChanged: (instance) => this.services.rulesChanged(instance),
    });
    const taskManagers = cluster.kind === "started" ? cluster.taskManagers : 0;
    this.services = await FlinkServices.open(services, taskManagers, servicesFolder, (instance, near) =>
      this.links.rulesOf(instance, near),
    );
    if (cluster.kind !== "started") return;
    this.cluster = await StandaloneCluster.start({
      distribution: openDistribution(process.env.FLINK_HOME),
      directory: join(this.folder, "cluster"),
      taskManagers,
      slots: cluster.slots,
      settings,
      environmentOf: (taskManager) => this.services.environmentOf(taskManager),
      onExit: (ended, how) => this.onExit(ended, how),
    });
    this.address = { url: this.cluster.url, timeoutMs: REQUEST_LIMIT_MS };
  }

  /** A process that is gone is started again at once, as a cluster's own keeper would. */
  private onExit(ended: ClusterProcess, how: string): void {
    this.clusterFaults?.onExit(ended, how);
    const now = Date.now();
    this.deaths.push(now);
    if (this.deaths.filter((at) => now - at < DEATHS_WITHIN_MS).length > MAX_DEATHS) this.giveUp(ended, how);
    else void this.cluster?.startAgain(ended.role).catch(() => this.giveUp(ended, how));
  }

  private giveUp({ role }: ClusterProcess, how: string): void {
    const who = role === "jobmanager" ? "The JobManager" : `TaskManager ${role}`;
    this.broken ??= FaultlineError.of(
      "FL5011",
      `${who} of Flink ${how} again and again.`,
      this.cluster?.logTail(role) || undefined,
    );
    this.abandon();
  }

  /** Waits until the cluster answers and, where it was started here, all its TaskManagers have registered. */
  private async ready(signal: AbortSignal | undefined): Promise<void> {
    const { cluster } = this.experiment;
    const client = await this.connect(signal);
    try {
      if (cluster.kind !== "started") return;
      await this.until(signal, async () => (await client.taskManagers()).length >= cluster.taskManagers);
    } finally {
      client.close();
    }
  }

  /** A cluster that is there answers, or is not there; one that was started here is waited for. */
  private async connect(signal: AbortSignal | undefined): Promise<FlinkRestClient> {
    if (this.cluster === undefined) return FlinkRestClient.connect(this.address);
    let client: FlinkRestClient | undefined;
    await this.until(signal, async () => {
      client = await FlinkRestClient.connect(this.address);
      return true;
    });
    return client as unknown as FlinkRestClient;
  }

  /** Asks again and again, until it is so. What the cluster answers while it comes up is no failure. */
  private async until(signal: AbortSignal | undefined, holds: () => Promise<boolean>): Promise<void> {
    const until = Date.now() + READY_LIMIT_MS;
    for (;;) {
      signal?.throwIfAborted();
      if (this.broken !== undefined) throw this.broken;
      let last: unknown;
      const isSo = await holds().catch((error: unknown) => {
        last = error;
        return false;
      });
      if (isSo) return;
      if (last instanceof FaultlineError && last.code === "FL5003") throw last;
      if (Date.now() > until) {
        const said = this.cluster?.logTail("jobmanager") ?? "";
        const hint = said === "" ? (last instanceof FaultlineError ? last.message : undefined) : said;
        throw FaultlineError.of(
          "FL5011",
          `Flink's processes did not come up within ${READY_LIMIT_MS / 60_000} minutes.`,
          hint,
        );
      }
      await sleep(POLL_MS);
    }
  }

  /** The job is over for this run. One that was not submitted here goes on. */
  private async end(job: string, watch: FlinkWatch): Promise<void> {
    if (this.experiment.program.kind === "job") return watch.stop();
    let over = false;
    void watch.ended.then(() => (over = true));
    // A hung JobManager would never hear of it.
    this.clusterFaults?.heal();
    const until = Date.now() + REQUEST_LIMIT_MS;
    while (!over && !this.stopped) {
      const client = await FlinkRestClient.connect(this.address).catch(() => undefined);
      const asked = await client?.cancel(job).then(
        () => true,
        () => false,
      );
      client?.close();
      if (asked === true) return;
      if (Date.now() > until) return watch.stop();
      await sleep(POLL_MS);
    }
  }

  private async inject(request: FaultRequest, run: MeasuredFlinkRun): Promise<void> {
    if (request.command !== undefined) return run.commands?.inject(request);
    if (request.target.startsWith("service:")) {
      const { command: _command, heal: _heal, ...plain } = request;
      return this.services.inject(plain);
    }
    this.clusterFaults?.inject(request);
  }

  private faultsOn(watch: FlinkWatch): ClusterFaults {
    const targets = flinkTargets(this.experiment);
    // The TaskManagers of a cluster that is there are not told apart here: all of them are the first.
    const named = this.cluster === undefined ? [...targets, "taskmanager:0"] : targets;
    return new ClusterFaults(this.cluster, named, this.links, (body) => watch.append(body));
  }

  private commandHost(watch: FlinkWatch): ConstructorParameters<typeof CommandFaults>[0] {
    return {
      append: (body) => watch.append(body),
      taskManagers: async () => {
        const client = await FlinkRestClient.connect(this.address);
        return (await client.taskManagers().finally(() => client.close())).map(({ id }) => id);
      },
      environment: { FAULTLINE_CLUSTER: this.address.url, FAULTLINE_JOB: watch.jobId },
      directory: dirname(this.file),
    };
  }
}

/** One run of the experiment's program, and what is measured of it. */
class MeasuredFlinkRun {
  readonly facts = new RunFacts();
  readonly scheduler: FaultScheduler;
  commands: CommandFaults | undefined;
  private readonly peakMemory = new Map<string, number>();
  private modelsLoaded = 0;

  constructor(
    faults: readonly ScheduledFault[],
    private readonly hypothesis: readonly Hypothesis[],
    gate: boolean,
    inject: (request: FaultRequest) => Promise<void>,
  ) {
    const measures = (): RunMeasures => ({
      report: recoveryReport(this.facts, { alive: true }),
      facts: this.facts,
      modelsLoaded: this.modelsLoaded,
      peakMemory: this.peakMemory,
      commandExits: new Map(),
    });
    this.scheduler = new FaultScheduler(
      { inject },
      faults,
      gate ? () => gateProblem(hypothesis, measures()) : undefined,
    );
  }

  observe(event: JournalEvent): void {
    this.facts.add(event);
    this.commands?.observe(event);
    this.scheduler.observe(event);
    if (event.kind === "instance.phase" && event.phase === "LOADING") this.modelsLoaded++;
    if (event.kind === "metrics" && event.rssBytes > 0)
      this.peakMemory.set(event.process, Math.max(this.peakMemory.get(event.process) ?? 0, event.rssBytes));
  }

  async finish(directory: string): Promise<MeasuredRun> {
    this.scheduler.end();
    const { report, html, facts } = await finishRun(directory);
    const { modelsLoaded, peakMemory } = this;
    return {
      report,
      html,
      facts,
      modelsLoaded,
      peakMemory,
      commandExits: exitsOfCommands(this.hypothesis, directory),
      problems: this.scheduler.problems,
    };
  }
}

/** @throws FaultlineError FL1000 for a variable that is not set, FL1001 */
async function addressOf({ url, headers, ca, cert, key }: ClusterThere): Promise<ClusterAddress> {
  const pem = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined
      ? undefined
      : readFile(file, "utf8").catch((error: unknown) => {
          throw FaultlineError.of("FL1001", "The file cannot be read.", undefined, { file }, error);
        });
  const filled = Object.entries(headers).map(([name, value]) => {
    const text = value.replace(/\$\{(\w+)\}/g, (_, variable: string) => {
      const found = process.env[variable];
      if (found === undefined)
        throw FaultlineError.of(
          "FL1000",
          `The header "${name}" needs the environment variable ${variable}, which is not set.`,
          `Set ${variable}.`,
        );
      return found;
    });
    return [name.toLowerCase(), text] as const;
  });
  return {
    url,
    headers: Object.fromEntries(filled),
    tls: { ca: await pem(ca), cert: await pem(cert), key: await pem(key) },
  };
}
