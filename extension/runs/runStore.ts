/** The runs of this window: those it started, those it opened, and the list of those that are on the disk. */
import * as vscode from "vscode";
import type { Run, RunSummary, StartRunOptions } from "../../simulator/client/run";
import { FaultlineError } from "../../simulator/graph/errors";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import { RUN_ACTIVE } from "../manifest/commands";
import { readSetting } from "../setting";
import { RunSession } from "./runSession";

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

  constructor(private readonly log: vscode.LogOutputChannel) {}

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
      const { startRun } = loadBundle("extensionRun");
      const node = readSetting("faultline.run.node");
      const run = await startRun({ ...options, jobFile, ...(node === "" ? {} : { node }) });
      this.log.info(`Run ${run.id} of ${jobFile} started in ${run.directory}`);
      return this.adopt(new RunSession(run, jobFile, jobName(jobFile), Date.now(), true, this.log));
    } catch (error) {
      this.changed.fire({ kind: "startFailed", jobFile, error });
      throw error;
    } finally {
      this.starting.delete(jobFile);
    }
  }

  /**
   * A run by its id or `latest`, live or past; the session that is there already where it is known.
   * @throws FaultlineError FL1040 when there is no such run
   */
  async open(idOrLatest: string): Promise<RunSession> {
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
    return this.adopt(
      new RunSession(run, summary?.jobFile ?? "", summary?.job ?? run.id, summary?.startedAt ?? 0, live, this.log),
    );
  }

  /**
   * A run of this job file that goes on and that this window does not know yet: started from a terminal, by a task, or by another
   * window. It is opened, and so shown wherever runs are shown.
   */
  async findLive(jobFile: string): Promise<void> {
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

  /** Ends the runs that this window started. Their processes would end with the extension host anyway; this is the orderly way. */
  async stopOwned(): Promise<void> {
    const own = this.active().filter((session) => session.owned);
    await Promise.allSettled(own.map((session) => session.stop("cancel")));
  }

  dispose(): void {
    for (const session of this.sessions.values()) session.dispose();
    this.sessions.clear();
    this.disposables.dispose();
  }

  private adopt(session: RunSession): RunSession {
    this.sessions.set(session.id, session);
    session.onDidEnd(() => {
      this.log.info(`Run ${session.id} ended: ${session.endedAs ?? "unknown"}`);
      this.updateContext();
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

const OVER = new Set(["FINISHED", "FAILED", "CANCELED", "SUSPENDED", "CRASHED"]);

export function isLive(summary: RunSummary): boolean {
  return !OVER.has(summary.state);
}

/** `language-detection` of `…/language-detection.faultline.json`. */
export function jobName(jobFile: string): string {
  return (jobFile.split(/[\\/]/).at(-1) ?? jobFile).replace(/\.faultline\.json$/, "");
}
