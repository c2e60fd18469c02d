/** The operating-system processes of a run's workers: started, signalled, and seen to end. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LossEvidence, ProcessName } from "../observe/journalEvent";
import { INSPECTOR_FD } from "./inspector";
import { LIFELINE_FD } from "./lifeline";
import type { RunConfig } from "./runDirectory";
import { runPaths } from "./runDirectory";

interface WorkerProcess {
  readonly name: ProcessName;
  readonly pid: number;
  /** Started by this coordinator; others were started by its predecessor and are known from their hello. */
  readonly child: boolean;
}

export type ProcessEnd = Extract<LossEvidence, { by: "exit" }>;

export class WorkerProcesses {
  private readonly live = new Map<ProcessName, WorkerProcess>();
  /** Started by the coordinator before this one, and not heard of yet. */
  private readonly strays = new Map<number, ProcessName>();

  constructor(
    private readonly config: RunConfig,
    private readonly onEnd: (name: ProcessName, pid: number, evidence: ProcessEnd) => void,
    private readonly onInspectable: (name: ProcessName, pid: number, port: number) => void = () => undefined,
  ) {}

  /** @throws an Error of the operating system when the process cannot be started. */
  start(name: ProcessName, entry: "taskManager" | "serviceInstance", args: readonly string[]): number {
    this.killStrays(name);
    const { directory } = this.config.run;
    const logFile = runPaths.log(directory, name);
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, "a");
    const inspected = this.config.inspect === true && entry === "taskManager";
    try {
      const limit = entry === "serviceInstance" ? this.memoryLimitOf(args[0]) : undefined;
      const [command = "", ...rest] = [
        ...limitedTo(limit),
        this.config.node,
        ...COLLECTOR_FLAGS,
        ...nodeArguments(),
        entryFile(entry),
        directory,
        name,
        ...args,
      ];
      const child = spawn(command, rest, {
        stdio: ["ignore", log, log, LIFELINE_FD, ...(inspected ? (["pipe"] as const) : [])],
        cwd: directory,
        env: workerEnvironment(),
      });
      const { pid } = child;
      if (pid === undefined) throw new Error(`${this.config.node} could not be started`);
      this.live.set(name, { name, pid, child: true });
      child.once("exit", (exitCode, signal) => {
        if (this.live.get(name)?.pid === pid) this.live.delete(name);
        this.onEnd(name, pid, { by: "exit", exitCode, signal });
      });
      child.once("error", () => undefined);
      const told = child.stdio[INSPECTOR_FD];
      told?.on("error", () => undefined);
      // One short line, written at once: it comes in one piece.
      told?.once("data", (line: Buffer) => this.onInspectable(name, pid, Number(line.toString())));
      return pid;
    } finally {
      closeSync(log);
    }
  }

  private memoryLimitOf(service: string | undefined): number | undefined {
    return this.config.job.services.find(({ id }) => id === service)?.memoryLimitBytes;
  }

  /** Workers of the coordinator before this one: each connects in a moment, or its place is taken and it must not stay. */
  expect(predecessors: readonly { readonly name: ProcessName; readonly pid: number }[]): void {
    for (const { name, pid } of predecessors) this.strays.set(pid, name);
  }

  /** A process that the coordinator before this one had started. */
  adopt(name: ProcessName, pid: number): void {
    this.strays.delete(pid);
    if (this.live.get(name)?.pid !== pid) this.live.set(name, { name, pid, child: false });
  }

  /** An adopted process whose connection closed: it has no exit to be seen. */
  forget(name: ProcessName, pid: number): void {
    const process = this.live.get(name);
    if (process?.pid === pid && !process.child) this.live.delete(name);
  }

  pidOf(name: ProcessName): number | undefined {
    return this.live.get(name)?.pid;
  }

  isChild(name: ProcessName): boolean {
    return this.live.get(name)?.child ?? false;
  }

  get names(): readonly ProcessName[] {
    return [...this.live.keys()];
  }

  /** @returns false when there is no such process any more. */
  signal(name: ProcessName, signal: NodeJS.Signals): boolean {
    const pid = this.pidOf(name);
    if (pid === undefined) return false;
    try {
      process.kill(pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  /** Ends those of the coordinator before that have not been heard of: one that is stopped would stay for ever. */
  killStrays(name?: ProcessName): void {
    for (const [pid, stray] of this.strays) {
      if (name !== undefined && stray !== name) continue;
      this.strays.delete(pid);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It is gone.
      }
    }
  }

  killAll(): void {
    this.killStrays();
    for (const name of this.live.keys()) {
      this.signal(name, "SIGCONT");
      this.signal(name, "SIGKILL");
    }
  }
}

/**
 * Before the command of a process that may allocate so much (RLIMIT_DATA: what it wrote to, not what V8 only reserves). The shell becomes the
 * process, so that its id stays. Only Linux counts mapped memory here (since 4.7).
 */
function limitedTo(bytes: number | undefined): readonly string[] {
  if (bytes === undefined || process.platform !== "linux") return [];
  return ["/bin/sh", "-c", `ulimit -d ${Math.ceil(bytes / 1024)} && exec "$0" "$@"`];
}

/** The last lines that a process wrote, for the cause of a failure to start. */
export function lastLogLines(directory: string, name: ProcessName, lines = 5): string {
  try {
    return readFileSync(runPaths.log(directory, name), "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "";
  }
}

/** Built: `dist/NAME.js` beside this bundle. From source: `cluster/NAMEMain.ts`, through the loader that this process runs with. */
export function entryFile(entry: "coordinator" | "taskManager" | "serviceInstance"): string {
  return __filename.endsWith(".ts") ? join(__dirname, `${entry}Main.ts`) : join(__dirname, `${entry}.js`);
}

/**
 * How workers collect garbage. They are many on few cores, and a model keeps a core to itself for milliseconds: a collection that shares its
 * work among threads stands still until each of them got a core, ten milliseconds for one or two of work. Alone, and with a young generation
 * of which little is left to copy, it takes those one or two (`docs/performance.md`).
 */
export const COLLECTOR_FLAGS: readonly string[] = ["--single-threaded-gc", "--max-semi-space-size=8"];

export function nodeArguments(): readonly string[] {
  return __filename.endsWith(".ts") ? ["--require", require.resolve("tsx/cjs")] : [];
}

/** Without what an editor, a debugger or another Node left in the environment. */
export function workerEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const [key, value] of Object.entries(process.env)) {
    if (/^(NODE_OPTIONS|NODE_INSPECT|VSCODE_|ELECTRON_(?!RUN_AS_NODE))/.test(key)) continue;
    environment[key] = value;
  }
  // The editor's own executable is Node only when it is told so.
  if (process.versions.electron !== undefined) environment.ELECTRON_RUN_AS_NODE = "1";
  return environment;
}
