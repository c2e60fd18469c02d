/**
 * A standalone Flink cluster on this machine, from a distribution: one JobManager and some TaskManagers as plain processes with small
 * heaps. All of them listen on loopback only.
 *
 * Each of them is a group of processes: a JVM and the Python workers that it starts. Faults hit the JVM alone; when it is gone, and when the owner
 * dies, its group goes with it. Nothing stays behind.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { FaultlineError } from "../graph/errors";
import type { FlinkDistribution } from "./flinkDistribution";
import { ProgramGroup } from "./programGroup";

export interface StandaloneClusterOptions {
  readonly distribution: FlinkDistribution;
  /** For configuration, logs and checkpoints; it is made. */
  readonly directory: string;
  readonly taskManagers: number;
  readonly slots: number;
  /** `java` of JAVA_HOME, else of the path, when not given. */
  readonly java?: string;
  /** Further settings of Flink; they win over ours. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Heap for the tasks of one TaskManager, MiB. Default 256. */
  readonly taskHeapMb?: number;
  /** Variables that a TaskManager finds in its environment besides our own. */
  readonly environmentOf?: (taskManager: number) => Readonly<Record<string, string>>;
  /** Not called for what {@link StandaloneCluster.stop} ends. */
  readonly onExit?: (process: ClusterProcess, how: string) => void;
}

export interface ClusterProcess {
  /** `jobmanager`, or the number of the TaskManager. */
  readonly role: "jobmanager" | number;
  /** As Flink's REST interface names it (TaskManagers only). */
  readonly resourceId: string;
  /** Of the JVM. */
  readonly pid: number;
  readonly startedAt: number;
  /** Resolves when the process is gone. */
  readonly gone: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** What Flink's own scripts hand to Java 17 (`env.java.opts.all` of its default configuration). */
const JAVA_17 = [
  ...["java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5"].map(
    (name) => `--add-exports=${name}=ALL-UNNAMED`,
  ),
  ...["api", "file", "parser", "tree", "util"].map(
    (name) => `--add-exports=jdk.compiler/com.sun.tools.javac.${name}=ALL-UNNAMED`,
  ),
  ...[
    "lang",
    "net",
    "io",
    "nio",
    "lang.reflect",
    "text",
    "time",
    "util",
    "util.concurrent",
    "util.concurrent.atomic",
    "util.concurrent.locks",
  ].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`),
  "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
];

const LOGGING = `rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
`;

export class StandaloneCluster {
  readonly url: string;
  private readonly groups = new Set<ProgramGroup>();
  private readonly processes = new Map<ClusterProcess["role"], ClusterProcess>();
  private starts = 0;
  private stopping = false;

  private constructor(
    private readonly options: StandaloneClusterOptions,
    restPort: number,
  ) {
    this.url = `http://127.0.0.1:${restPort}`;
  }

  /**
   * Starts the JobManager and the TaskManagers, and resolves when the processes are there; whether they are ready, the REST interface says.
   * @throws FaultlineError FL5011 when a process does not start
   */
  static async start(options: StandaloneClusterOptions): Promise<StandaloneCluster> {
    if (process.platform === "win32") {
      throw FaultlineError.of("FL5011", "Flink cannot be started on Windows.", "Watch a cluster that runs elsewhere.");
    }
    const [rpcPort, restPort] = await Promise.all([freePort(), freePort()]);
    for (const folder of ["conf", "logs", "tmp", "checkpoints"])
      mkdirSync(join(options.directory, folder), { recursive: true });
    writeFileSync(join(options.directory, "conf", "config.yaml"), configuration(options, rpcPort, restPort));
    writeFileSync(join(options.directory, "conf", "log4j.properties"), LOGGING);
    const cluster = new StandaloneCluster(options, restPort);
    try {
      await cluster.spawnRole("jobmanager");
      for (let index = 0; index < options.taskManagers; index++) await cluster.spawnRole(index);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  process(role: ClusterProcess["role"]): ClusterProcess | undefined {
    return this.processes.get(role);
  }

  all(): readonly ClusterProcess[] {
    return [...this.processes.values()];
  }

  /** Number of the TaskManager with this id. */
  taskManagerOf(resourceId: string): number | undefined {
    for (const { role, resourceId: id } of this.processes.values())
      if (id === resourceId && role !== "jobmanager") return role;
    return undefined;
  }

  /** SIGKILL, SIGSTOP, SIGCONT or SIGTERM to the JVM itself. */
  signal(role: ClusterProcess["role"], signal: NodeJS.Signals): ClusterProcess {
    const found = this.processes.get(role);
    if (found === undefined) {
      throw FaultlineError.of(
        "FL1031",
        `There is no ${role === "jobmanager" ? "JobManager" : `TaskManager ${role}`} that runs.`,
      );
    }
    process.kill(found.pid, signal);
    return found;
  }

  startTaskManager(index: number): Promise<ClusterProcess> {
    return this.spawnRole(index);
  }

  /** Starts one that ended. A JobManager listens on the same ports again, where the TaskManagers look for it. */
  startAgain(role: ClusterProcess["role"]): Promise<ClusterProcess> {
    return this.spawnRole(role);
  }

  /** The folder that holds `config.yaml`, for programs of the distribution that talk to this cluster. */
  get configuration(): string {
    return join(this.options.directory, "conf");
  }

  /** Ends everything, and resolves when all of it is gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([...this.groups].map((group) => group.end()));
  }

  /** Last lines of a process's log, for messages. */
  logTail(role: ClusterProcess["role"], lines = 3): string {
    try {
      return readFileSync(this.logFile(role), "utf8").trimEnd().split("\n").slice(-lines).join("\n");
    } catch {
      return "";
    }
  }

  logFile(role: ClusterProcess["role"]): string {
    return join(this.options.directory, "logs", `${role === "jobmanager" ? "jobmanager" : `taskmanager-${role}`}.log`);
  }

  private async spawnRole(role: ClusterProcess["role"]): Promise<ClusterProcess> {
    const { distribution, directory } = this.options;
    const resourceId = role === "jobmanager" ? "jobmanager" : `taskmanager-${role}-${++this.starts}`;
    const heap = this.options.taskHeapMb ?? 256;
    const memory = role === "jobmanager" ? ["-Xmx384m"] : [`-Xmx${heap + 128}m`, "-XX:MaxDirectMemorySize=256m"];
    const program =
      role === "jobmanager"
        ? ["org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"]
        : ["org.apache.flink.runtime.taskexecutor.TaskManagerRunner"];
    const overrides = role === "jobmanager" ? [] : [`-Dtaskmanager.resource-id=${resourceId}`];
    const log = openSync(this.logFile(role), "a");
    const group = new ProgramGroup(
      this.options.java ?? javaProgram(),
      [
        ...memory,
        "-XX:+UseSerialGC",
        ...JAVA_17,
        `-Dlog4j.configurationFile=file:${join(directory, "conf", "log4j.properties")}`,
        `-Djava.io.tmpdir=${join(directory, "tmp")}`,
        "-cp",
        distribution.jars.join(":"),
        ...program,
        "--configDir",
        join(directory, "conf"),
        ...overrides,
      ],
      {
        log,
        cwd: directory,
        env: { ...process.env, ...(role === "jobmanager" ? {} : this.options.environmentOf?.(role)) },
      },
    );
    closeSync(log);
    this.groups.add(group);
    const gone = group.exited;
    const pid = await group.started.catch((error: Error) => {
      throw notStarted(role, error.message);
    });
    const running: ClusterProcess = { role, resourceId, pid, startedAt: Date.now(), gone };
    this.processes.set(role, running);
    void gone.then(({ code, signal }) => {
      if (this.processes.get(role) === running) this.processes.delete(role);
      if (!this.stopping)
        this.options.onExit?.(running, signal === null ? `exited with ${code}` : `was ended by ${signal}`);
    });
    return running;
  }
}

function notStarted(role: ClusterProcess["role"], why: string): FaultlineError {
  return FaultlineError.of(
    "FL5011",
    `The ${role === "jobmanager" ? "JobManager" : `TaskManager ${role}`} of Flink did not start: ${why}.`,
    "Java 17 is needed, as JAVA_HOME or on the path; the log of the process says more.",
  );
}

export function javaProgram(): string {
  return process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin", "java") : "java";
}

/** Arguments by which Java runs a program of the distribution (its SQL client, its own command line). */
export function javaArguments(distribution: FlinkDistribution, more: readonly string[] = []): readonly string[] {
  return ["-Xmx384m", "-XX:+UseSerialGC", ...JAVA_17, "-cp", [...distribution.jars, ...more].join(":")];
}

function configuration(options: StandaloneClusterOptions, rpcPort: number, restPort: number): string {
  const settings: Record<string, string | number | boolean> = {
    "jobmanager.rpc.address": "127.0.0.1",
    "jobmanager.rpc.port": rpcPort,
    "jobmanager.bind-host": "127.0.0.1",
    "rest.address": "127.0.0.1",
    "rest.bind-address": "127.0.0.1",
    "rest.port": restPort,
    "taskmanager.host": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
    "taskmanager.numberOfTaskSlots": options.slots,
    // Without Flink's scripts the sizes have to be given one by one.
    "taskmanager.cpu.cores": options.slots,
    "taskmanager.memory.task.heap.size": `${options.taskHeapMb ?? 256}m`,
    "taskmanager.memory.task.off-heap.size": "0m",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "64m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "64m",
    "taskmanager.memory.jvm-overhead.max": "64m",
    "taskmanager.memory.network.min": "48m",
    "taskmanager.memory.network.max": "48m",
    "taskmanager.memory.managed.size": "16m",
    "heartbeat.interval": "1s",
    "heartbeat.timeout": "5s",
    "web.refresh-interval": 500,
    "metrics.fetcher.update-interval": 1000,
    "web.upload.dir": join(options.directory, "tmp"),
    "io.tmp.dirs": join(options.directory, "tmp"),
    "execution.checkpointing.dir": `file://${join(options.directory, "checkpoints")}`,
    ...options.settings,
  };
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}: ${typeof value === "string" ? JSON.stringify(value) : value}`)
    .join("\n")}\n`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
