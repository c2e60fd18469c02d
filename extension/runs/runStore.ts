/** The runs of this window: those it started, those it opened, and the list of those that are on the disk. */
import * as vscode from "vscode";
import type { Run, RunSummary, StartRunOptions } from "../../simulator/client/run";
import { FaultlineError } from "../../simulator/graph/errors";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import { RUN_ACTIVE } from "../manifest/viewTypes";
import { readSetting } from "../setting";
import type { RunSession } from "./runSession";
import { isLive, jobName } from "./runSummary";

const OWN_RUNS = "faultline.ownRuns";

export type RunStoreChange =
  | { readonly kind: "starting"; readonly jobFile: string }
  | { readonly kind: "startFailed"; readonly jobFile: string; readonly error: unknown }
  | { readonly kind: "opened"; readonly session: RunSession }
  | { readonly kind: "ended"; readonly session: RunSession };

export class RunStore implements vscode.Disposable {
  private readonly sessions = new Map<string, RunSession>();
  /** Job files whose run is being started here; it is on the disk before it is known to be ours. */
  private readonly starting = new Set<string>();
  private readonly disposables = new DisposableList();
  private readonly changed = this.disposables.push(new vscode.EventEmitter<RunStoreChange>());
  readonly onDidChange = this.changed.event;

  /** Until the runs of the extension host before this one are taken over; a run must not be opened as somebody else's meanwhile. */
  private readonly takingOver: Promise<void>;

  constructor(
    private readonly log: vscode.LogOutputChannel,
    private readonly memory: vscode.Memento,
  ) {
    this.takingOver = this.takeOver();
  }

  /** Newest first. */
  all(): readonly RunSession[] {
    return [...this.sessions.values()].sort((a, b) => b.startedAt - a.startedAt);
  }

  active(): readonly RunSession[] {
    return this.all().filter((session) => session.active);
  }

  get(id: string): RunSession | undefined {
    return this.sessions.get(id);
  }

  /** The newest run of this job file that this window knows. */
  latestOf(jobFile: string): RunSession | undefined {
    return this.all().find((session) => session.jobFile === jobFile);
  }

  /**
   * Starts the job on this machine.
   * @throws FaultlineError FL4001 in an untrusted workspace, and whatever keeps the job from starting
   */
  async start(jobFile: string, options: Pick<StartRunOptions, "inspect" | "deployment"> = {}): Promise<RunSession> {
    if (!vscode.workspace.isTrusted) {
      throw FaultlineError.of(
        "FL4001",
        "Jobs do not run in an untrusted workspace, because a job runs the code of its folder.",
        "Trust the workspace to run this job.",
      );
    }
    this.starting.add(jobFile);
    this.changed.fire({ kind: "starting", jobFile });
    try {
      const { startKeptRun } = loadBundle("extensionRun");
      const node = readSetting("faultline.run.node");
      const run = await startKeptRun({ ...options, jobFile, ...(node === "" ? {} : { node }) });
      this.log.info(`Run ${run.id} of ${jobFile} started in ${run.directory}`);
      // A debug run is of no use to the next extension host, which has no debugger for it.
      if (options.inspect !== true) this.remember([...this.remembered(), run.id]);
      return this.adopt(run, { jobFile, job: jobName(jobFile), startedAt: Date.now(), live: true });
    } catch (error) {
      this.changed.fire({ kind: "startFailed", jobFile, error });
      throw error;
    } finally {
      this.starting.delete(jobFile);
    }
  }

  /** A run that another part of this window started and ends: an experiment's. It is shown wherever runs are shown. */
  show(run: Run, jobFile: string): RunSession {
    return this.adopt(run, { jobFile, job: jobName(jobFile), startedAt: Date.now(), live: true });
  }

  /**
   * A journal by itself, wherever it lies: exported, copied from another machine, or in a folder that is not on a disk. It is read once.
   * @throws FaultlineError FL1001, FL1004, FL2011 or FL1003 when it is no journal that can be read
   */
  async openJournal(uri: vscode.Uri): Promise<RunSession> {
    const { readJournalFile } = loadBundle("extensionActions");
    const { run, job, startedAt } = await readJournalFile(uri);
    const known = this.sessions.get(run.id);
    if (known !== undefined) return known;
    return this.adopt(run, { jobFile: "", job, startedAt, live: false }, uri);
  }

  /**
   * A run by its id or `latest`, live or past; the session that is there already where it is known.
   * @throws FaultlineError FL1040 when there is no such run
   */
  async open(idOrLatest: string): Promise<RunSession> {
    await this.takingOver;
    const known = this.sessions.get(idOrLatest);
    if (known !== undefined) return known;
    const { openRun } = loadBundle("extensionRun");
    const run: Run = await openRun(idOrLatest);
    const again = this.sessions.get(run.id);
    if (again !== undefined) {
      await run.dispose();
      return again;
    }
    const summary = (await this.list()).find(({ id }) => id === run.id);
    const live = summary !== undefined && isLive(summary);
    const { jobFile = "", job = run.id, startedAt = 0 } = summary ?? {};
    return this.adopt(run, { jobFile, job, startedAt, live });
  }

  /**
   * A run of this job file that goes on and that this window does not know yet: started from a terminal, by a task, or by another
   * window. It is opened, and so shown wherever runs are shown.
   */
  async findLive(jobFile: string): Promise<void> {
    await this.takingOver;
    if (this.starting.has(jobFile) || this.latestOf(jobFile)?.active === true) return;
    const live = (await this.list()).find((summary) => summary.jobFile === jobFile && isLive(summary));
    // This window may have begun one itself in the meantime.
    if (live !== undefined && !this.starting.has(jobFile)) await this.open(live.id);
  }

  /** Runs on this machine, of this window and of others, newest first. */
  async list(): Promise<readonly RunSummary[]> {
    const { listRuns } = loadBundle("extensionRun");
    return [...(await listRuns())].sort((a, b) => b.startedAt - a.startedAt);
  }

  /**
   * This extension host ends. Whether its window is loaded again or closed nobody tells us: runs are kept for whoever comes next, for half a
   * minute. Without this word they end with this process.
   */
  async handOver(): Promise<void> {
    const own = this.active().filter((session) => session.owned && this.remembered().includes(session.id));
    await Promise.allSettled(own.map((session) => session.handOver()));
  }

  /** Runs that the extension host before this one handed over. */
  private async takeOver(): Promise<void> {
    const ids = this.remembered();
    // Nothing is loaded for nothing.
    if (ids.length === 0) return;
    const { takeOverRun, listRuns } = loadBundle("extensionRun");
    const summaries = await listRuns();
    for (const id of ids) {
      const summary = summaries.find((one) => one.id === id);
      const run = summary === undefined ? undefined : await takeOverRun(id);
      if (summary === undefined || run === undefined) {
        this.remember(this.remembered().filter((one) => one !== id));
        continue;
      }
      this.log.info(`Run ${id} goes on in this window`);
      this.adopt(run, { ...summary, live: true });
    }
  }

  /** Ids of this window's runs. */
  private remembered(): readonly string[] {
    return this.memory.get<readonly string[]>(OWN_RUNS, []);
  }

  private remember(ids: readonly string[]): void {
    void this.memory.update(OWN_RUNS, ids);
  }

  dispose(): void {
    for (const session of this.sessions.values()) session.dispose();
    this.sessions.clear();
    this.disposables.dispose();
  }

  private adopt(
    run: Run,
    { jobFile, job, startedAt, live }: Pick<RunSession, "jobFile" | "job" | "startedAt" | "live">,
    journalFile?: vscode.Uri,
  ): RunSession {
    const { RunSession } = loadBundle("extensionActions");
    const session = new RunSession(run, jobFile, job, startedAt, live, this.log, journalFile);
    this.sessions.set(session.id, session);
    session.onDidEnd(() => {
      this.log.info(`Run ${session.id} ended: ${session.endedAs ?? "unknown"}`);
      this.updateContext();
      if (this.remembered().includes(session.id)) this.remember(this.remembered().filter((id) => id !== session.id));
      this.changed.fire({ kind: "ended", session });
    });
    this.updateContext();
    this.changed.fire({ kind: "opened", session });
    return session;
  }

  private updateContext(): void {
    void vscode.commands.executeCommand("setContext", RUN_ACTIVE, this.active().length > 0);
    void vscode.commands.executeCommand("setContext", "faultline.hasRuns", this.sessions.size > 0);
  }
}
