/**
 * The models that an experiment serves beside a Flink cluster. They are a run of services alone, with a coordinator of its own: an instance that
 * fails is started again, every fault of a service acts on it, and what it does is told in events.
 *
 * In front of each instance stands a relay of this process, for as long as the cluster lives: the job is given addresses that stay, whatever
 * instance is behind them, and faults of the links act there.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { LinkRelay, type RelayRules } from "../../cluster/links/linkRelay";
import { runPaths } from "../../cluster/runDirectory";
import type { FlinkService } from "../../faults/experiment";
import { FaultlineError } from "../../graph/errors";
import type { GraphDescription } from "../../graph/graphDescription";
import type { JobSpec } from "../../graph/jobFile";
import type { Cause, JournalEvent, JournalEventBody, SubtaskName } from "../../observe/journalEvent";
import { runControls } from "../attachedRun";
import { loadJobFile, prepareJob } from "../jobFileLoading";
import type { FaultRequest, Run } from "../run";
import { makeRunDirectory, OwnedCoordinator } from "../startRun";
import { newRunId } from "../stateDirectory";

/** Failures, failovers and injections of the services are counted from here, so that they are told apart from those of the job. */
const COUNTED_FROM = 1_000_000;
/** A run that is stopped has this long to drain before it is ended. */
const END_LIMIT_MS = 10_000;

export interface TimedEvent {
  readonly body: JournalEventBody;
  readonly at: number;
}

export class FlinkServices {
  private readonly relays = new Map<SubtaskName, LinkRelay>();
  private running:
    | {
        readonly controls: Pick<Run, "inject" | "heal" | "stop">;
        readonly coordinator: OwnedCoordinator;
        readonly following: AbortController;
        readonly followed: Promise<void>;
      }
    | undefined;

  private constructor(
    private readonly services: readonly FlinkService[],
    private readonly taskManagers: number,
    private readonly folder: string,
  ) {}

  /** @param rulesOf faults on the link between whoever connects and an instance */
  static async open(
    services: readonly FlinkService[],
    taskManagers: number,
    folder: string,
    rulesOf: (instance: SubtaskName, near: Socket) => RelayRules,
  ): Promise<FlinkServices> {
    const opened = new FlinkServices(services, taskManagers, folder);
    for (const instance of opened.instances()) {
      // Nothing listens on port 1: until the instance is there, whoever connects is refused, as by a service that is starting.
      const relay = await LinkRelay.open({ host: "127.0.0.1", port: 1 }, (near) => rulesOf(instance, near));
      opened.relays.set(instance, relay);
    }
    return opened;
  }

  instances(): readonly SubtaskName[] {
    return this.services.flatMap((service) =>
      Array.from({ length: this.countOf(service) }, (_, index) => `${service.name}#${index}`),
    );
  }

  /** What the program is given. */
  programArguments(): readonly string[] {
    return this.services.flatMap((service) => {
      if (service.argument === undefined) return [];
      return [
        service.argument,
        service.deployment === "sidecar" ? `env:${variableOf(service)}` : this.addressesOf(service).join(","),
      ];
    });
  }

  /** What a TaskManager finds in its environment: of a sidecar its own address, else all of them. */
  environmentOf(taskManager: number): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.services.map((service) => {
        const addresses = this.addressesOf(service);
        return [
          variableOf(service),
          service.deployment === "sidecar" ? (addresses[taskManager] ?? "") : addresses.join(","),
        ];
      }),
    );
  }

  /** As a part of the job's graph: a vertex each, and a region for each instance, which restarts alone. */
  describe(): Pick<GraphDescription, "vertices" | "regions"> {
    return {
      vertices: this.services.map((service) => ({
        id: service.name,
        name: service.name,
        kind: "service",
        parallelism: this.countOf(service),
        operators: [],
        service: { model: service.model, deployment: service.deployment, device: "auto" },
      })),
      regions: this.services.flatMap(({ name, ...service }) =>
        Array.from({ length: this.countOf({ name, ...service }) }, (_, index) => ({
          id: regionOf(`${name}#${index}`),
          vertices: [name],
          subtasks: [`${name}#${index}`],
        })),
      ),
    };
  }

  /**
   * Starts the instances, and resolves when each of them takes calls.
   * @throws FaultlineError what keeps one from it
   */
  async begin(onEvent: (event: TimedEvent) => void): Promise<void> {
    if (this.services.length === 0) return;
    const startedAt = Date.now();
    const directory = await mkdtemp(join(this.folder, "services-"));
    const job = await this.job(directory);
    const { config, record } = await makeRunDirectory(
      newRunId(startedAt),
      join(directory, "run"),
      startedAt,
      async () => ({
        job,
        functionModules: await prepareJob(job, runPaths.functions(join(directory, "run"))),
        node: process.execPath,
        openServices: true,
      }),
    );
    const coordinator = new OwnedCoordinator(config);
    await coordinator.ready;
    const controls = runControls(record);
    const following = new AbortController();
    let failed: (cause: Cause) => void = () => undefined;
    let ready: () => void = () => undefined;
    const there = new Promise<void>((resolve, reject) => {
      ready = resolve;
      failed = (cause) => reject(new FaultlineError(cause));
    });
    const waiting = new Set(this.instances());
    const followed = (async () => {
      for await (const event of controls.events(following.signal)) {
        if (event.kind === "service.endpoints") {
          for (const { instance, address } of event.instances) {
            this.retarget(instance, address);
            waiting.delete(instance);
          }
          if (waiting.size === 0) ready();
        }
        if ((event.kind === "job.state" && event.to === "FAILED") || event.kind === "run.ended")
          failed(event.cause ?? { code: "FL3008", message: "The services ended before they could be called." });
        const body = forJob(event);
        if (body !== undefined) onEvent({ body, at: event.at });
      }
    })();
    followed.catch(() => undefined);
    void coordinator.ended.then(() =>
      failed({ code: "FL3008", message: "The services ended before they could be called." }),
    );
    this.running = { controls, coordinator, following, followed };
    await there;
  }

  /** A fault on an instance. @throws FaultlineError FL1030 to FL1033 */
  async inject(request: FaultRequest): Promise<void> {
    if (this.running === undefined)
      throw FaultlineError.of("FL1031", `There is no target "${request.target}" in this run.`);
    await this.running.controls.inject(request);
  }

  async heal(): Promise<void> {
    await this.running?.controls.heal();
  }

  /** Ends the instances. The relays stay. */
  async end(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    if (running === undefined) return;
    const { controls, coordinator, following, followed } = running;
    const timer = setTimeout(() => coordinator.kill(), END_LIMIT_MS);
    await controls.stop("drain").catch(() => coordinator.kill());
    await coordinator.ended;
    clearTimeout(timer);
    following.abort();
    await followed.catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.end();
    for (const relay of this.relays.values()) relay.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  private countOf({ deployment, instances }: FlinkService): number {
    return deployment === "sidecar" ? this.taskManagers : instances;
  }

  private addressesOf(service: FlinkService): readonly string[] {
    return Array.from(
      { length: this.countOf(service) },
      (_, index) => this.relays.get(`${service.name}#${index}`)?.address ?? "",
    );
  }

  rulesChanged(instance: SubtaskName): void {
    this.relays.get(instance)?.rulesChanged();
  }

  private retarget(instance: SubtaskName, address: string): void {
    const colon = address.lastIndexOf(":");
    this.relays.get(instance)?.retarget({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
  }

  /** A job of services alone, with the defaults of a job file for whatever an experiment does not say. */
  private async job(directory: string): Promise<JobSpec> {
    const file = join(directory, "services.faultline.json");
    const services = Object.fromEntries(
      this.services.map((service) => [
        service.name,
        {
          model: service.model,
          parallelism: this.countOf(service),
          deployment: "rpc-service",
          loadDelay: `${service.loadDelayMs}ms`,
        },
      ]),
    );
    const text = {
      name: "services",
      services,
      operators: {
        none: { type: "source", connector: "generator", limit: 1 },
        nothing: { type: "sink", connector: "blackhole" },
      },
      edges: [{ from: "none", to: "nothing" }],
    };
    await writeFile(file, JSON.stringify(text));
    const job = await loadJobFile(file);
    return { ...job, runtime: { ...job.runtime, taskManagers: 0, checkpointing: undefined }, operators: [], edges: [] };
  }
}

/** `langid` → `FAULTLINE_LANGID_ADDRESSES`. */
function variableOf({ name }: FlinkService): string {
  return `FAULTLINE_${name.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}_ADDRESSES`;
}

/** The job's own are called `region-0` and so on. */
function regionOf(instance: SubtaskName): string {
  return instance;
}

/** What of the services' journal belongs into that of the job. */
function forJob(event: JournalEvent): JournalEventBody | undefined {
  const { seq: _seq, at: _at, ...body } = event;
  switch (body.kind) {
    case "process.started":
    case "process.connected":
    case "process.lost":
      return body.process.startsWith("service:") ? body : undefined;
    case "task.state":
    case "instance.phase":
    case "service.endpoints":
    case "metrics":
      return body;
    case "log":
      return body.process.startsWith("service:") ? body : undefined;
    case "failure":
      return { ...body, id: body.id + COUNTED_FROM };
    case "failover":
      return {
        ...body,
        id: body.id + COUNTED_FROM,
        failures: body.failures.map((id) => id + COUNTED_FROM),
        regions: body.instances.map(regionOf),
      };
    case "failover.finished":
      return { ...body, id: body.id + COUNTED_FROM };
    case "fault.injected":
    case "fault.effective":
    case "fault.failed":
    case "fault.healed":
      return { ...body, injection: body.injection + COUNTED_FROM };
    default:
      return undefined;
  }
}
