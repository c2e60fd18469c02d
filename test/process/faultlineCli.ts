/** Drives the built command line as a person's shell would, and looks at a run from outside: its folder, its processes. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import type { DecisionCheck } from "../../simulator/client/sameDecisions";
import { checkDecisions } from "../../simulator/client/sameDecisions";
import type { JournalEvent, JournalEventKind, JournalEventOf } from "../../simulator/observe/journalEvent";
import { followJournal } from "../../simulator/observe/journalReader";
import type { RunReport } from "../../simulator/observe/runReport";

export const ROOT = join(__dirname, "..", "..");
export const CLI = join(ROOT, "dist", "cli.js");
export const EXAMPLE = join(ROOT, "examples", "language-detection", "language-detection.faultline.json");

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of its own for everything that a test makes; `FAULTLINE_HOME` points into it. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), "faultline-test-"));
  private readonly running: RunningCli[] = [];

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  write(name: string, content: string | object): string {
    const file = this.path(name);
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content, undefined, 2));
    return file;
  }

  /** The example job with changes, written as a job file of its own. */
  exampleJob(change: (job: ExampleJob) => void = () => undefined): string {
    const job = parse(readFileSync(EXAMPLE, "utf8")) as ExampleJob;
    const folder = join(EXAMPLE, "..");
    job.services.langid.model = join(folder, "model/langid.onnx");
    job.operators.texts.path = join(folder, "data/texts.ndjson");
    job.operators.features.function = `${join(folder, "functions/messages.ts")}#toFeatures`;
    job.operators.classify.request = `${join(folder, "functions/messages.ts")}#request`;
    job.operators.classify.response = `${join(folder, "functions/messages.ts")}#response`;
    change(job);
    return this.write("job.faultline.json", job);
  }

  /** Runs a command to its end. */
  async cli(...args: string[]): Promise<CliResult> {
    const running = this.start(...args);
    const code = await running.exit;
    return { code, stdout: running.stdout, stderr: running.stderr };
  }

  start(...args: string[]): RunningCli {
    if (!existsSync(CLI)) throw new Error("dist/cli.js is not there: run `npm run build` first.");
    const running = new RunningCli(args, this.environment());
    this.running.push(running);
    return running;
  }

  private environment(): NodeJS.ProcessEnv {
    const { ORT_DISABLE_TELEMETRY: _, ...environment } = process.env;
    return { ...environment, FAULTLINE_HOME: this.path("home"), NO_COLOR: "1" };
  }

  /** `faultline run JOB --format json` into a known folder. */
  run(jobFile: string, ...args: string[]): RunUnderTest {
    const directory = this.path(`run-${this.running.length}`);
    return new RunUnderTest(this.start("run", jobFile, "--format", "json", "--directory", directory, ...args), directory);
  }

  /** The same for a person with another home folder. */
  runAt(home: string, jobFile: string): RunUnderTest {
    const directory = this.path(`run-${this.running.length}`);
    const running = new RunningCli(["run", jobFile, "--format", "json", "--directory", directory], { ...this.environment(), HOME: home });
    this.running.push(running);
    return new RunUnderTest(running, directory);
  }

  async dispose(): Promise<void> {
    for (const running of this.running) {
      if (running.child.exitCode === null && running.child.signalCode === null) running.child.kill("SIGKILL");
      await running.exit;
    }
    await until(() => processesNaming(this.folder).length === 0, "processes of the test are gone", 10_000);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface ExampleJob {
  name: string;
  runtime: Record<string, unknown>;
  services: { langid: Record<string, unknown> };
  operators: Record<"texts" | "features" | "classify" | "perLanguage" | "counts" | "messages", Record<string, unknown>>;
  edges: Record<string, unknown>[];
}

export class RunningCli {
  stdout = "";
  stderr = "";
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
    this.child.stdout?.on("data", (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exit = new Promise((resolve) => this.child.once("close", (code) => resolve(code)));
  }
}

/** What the JobMaster of the run was told gives the decisions in its journal once more. */
export async function assertSameDecisions(directory: string): Promise<DecisionCheck> {
  const check = await checkDecisions(directory);
  if (check.difference !== undefined) throw new Error(check.difference);
  if (check.inputs < 5 || check.decisions < 5) throw new Error(`hardly anything was decided once more: ${check.inputs} inputs, ${check.decisions} decisions`);
  return check;
}

export class RunUnderTest {
  readonly events: JournalEvent[] = [];
  private readonly listeners = new Set<() => void>();
  private readonly stopFollowing = new AbortController();

  constructor(
    readonly cli: RunningCli,
    readonly directory: string,
  ) {
    void this.follow();
    // A run that was killed never says that it ended: nobody is to wait for its journal then.
    void cli.exit.then(() => setTimeout(() => this.stopFollowing.abort(), 1_000).unref());
  }

  /** The first event of the kind that fits, past or to come. */
  async event<K extends JournalEventKind>(kind: K, fits: (event: JournalEventOf<K>) => boolean = () => true): Promise<JournalEventOf<K>> {
    for (let seen = 0; ; ) {
      for (; seen < this.events.length; seen++) {
        const event = this.events[seen] as JournalEventOf<K>;
        if (event.kind === kind && fits(event)) return event;
      }
      await this.more(`an event ${kind}`);
    }
  }

  of<K extends JournalEventKind>(kind: K): JournalEventOf<K>[] {
    return this.events.filter((event): event is JournalEventOf<K> => event.kind === kind);
  }

  /** Waits for the end; the report that was printed. */
  async report(): Promise<RunReport> {
    const code = await this.cli.exit;
    this.stopFollowing.abort();
    if (this.cli.stdout === "") throw new Error(`no report (exit ${code}): ${this.cli.stderr}`);
    await assertSameDecisions(this.directory);
    return JSON.parse(this.cli.stdout) as RunReport;
  }

  /** Every committed line of a sink, parsed. */
  committed(sink: string): Record<string, unknown>[] {
    const folder = join(this.directory, "output", sink);
    return readdirSync(folder)
      .filter((name) => name.startsWith("part-"))
      .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  private async more(what: string): Promise<void> {
    const before = this.events.length;
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(() => done(new Error(`waited 60 s for ${what}; the run said: ${this.cli.stderr.slice(-2000)}`)), 60_000);
      const done = (error?: Error): void => {
        clearTimeout(limit);
        this.listeners.delete(check);
        if (error === undefined) resolve();
        else reject(error);
      };
      const check = (): void => {
        if (this.events.length > before) done();
      };
      this.listeners.add(check);
      void this.cli.exit.then((code) => setTimeout(() => done(new Error(`the run ended with ${code} while waiting for ${what}: ${this.cli.stderr}`)), 500));
    });
  }

  private async follow(): Promise<void> {
    const journal = join(this.directory, "journal.ndjson");
    await until(() => existsSync(journal) || this.cli.child.exitCode !== null, "the journal is there", 30_000);
    if (!existsSync(journal)) return;
    for await (const event of followJournal(journal, { signal: this.stopFollowing.signal })) {
      this.events.push(event);
      for (const listener of [...this.listeners]) listener();
    }
  }
}

/** Processes of this machine whose command line names the text. */
export function processesNaming(text: string): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return [];
    try {
      return readFileSync(`/proc/${entry}/cmdline`, "utf8").includes(text) ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}

/** Looks again and again until it is so. @throws Error when it is not so within the limit. */
export async function until(isSo: () => boolean, what: string, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`not so within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** How often each value of a field occurs. */
export function countBy(rows: readonly Record<string, unknown>[], field: string): Map<unknown, number> {
  const counts = new Map<unknown, number>();
  for (const row of rows) counts.set(row[field], (counts.get(row[field]) ?? 0) + 1);
  return counts;
}
