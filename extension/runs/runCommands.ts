/** What the commands about jobs and runs do. */
import * as vscode from "vscode";
import { FaultlineError } from "../../simulator/graph/errors";
import { loadBundle } from "../bundles/loadBundle";
import type { Clicked } from "../commandRegistry";
import { jobDebugConfiguration } from "../debug/launchConfiguration";
import type { JobGraphPanels } from "../graph/jobGraphPanels";
import type { JobGraphSource } from "../graph/jobGraphSource";
import { isJobFile } from "../jobFile/jobFileSelector";
import { inputOf, pickOf } from "../personInput";
import { readSetting } from "../setting";
import type { ProcessLogs } from "./processLogs";
import type { RunSession } from "./runSession";
import type { RunStore } from "./runStore";
import { isLive, jobName } from "./runSummary";
import { type RunTreeNode, isRunTreeNode } from "./runTree";
import { instancesOf } from "./runView";
import { startWithProgress } from "./startWithProgress";

export class RunCommands {
  constructor(
    private readonly runs: RunStore,
    private readonly panels: JobGraphPanels,
    private readonly logs: Pick<ProcessLogs, "show">,
  ) {}

  async openGraph(clicked: Clicked): Promise<void> {
    if (isRunTreeNode(clicked)) {
      const session = await this.runs.open(clicked.runId);
      const live = session.active && session.jobFile !== "";
      const source: JobGraphSource = live
        ? { kind: "jobFile", uri: vscode.Uri.file(session.jobFile) }
        : { kind: "run", runId: session.id };
      await this.panels.open(source);
      return;
    }
    const uri = await this.jobFileOf(clicked, "Open the Graph of Which Job?");
    if (uri !== undefined) await this.panels.open({ kind: "jobFile", uri });
  }

  async run(clicked: Clicked): Promise<void> {
    const uri = await this.jobFileOf(clicked, "Run Which Job?");
    if (uri !== undefined && (await this.ready(uri))) await startWithProgress(this.runs, uri.fsPath);
  }

  async debug(clicked: Clicked): Promise<void> {
    const uri = await this.jobFileOf(clicked, "Debug Which Job?");
    if (uri === undefined) return;
    await vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(uri), jobDebugConfiguration(uri.fsPath));
  }

  /**
   * Before a job runs: no other run of it goes on, its file is saved and in order, and its graph is in sight.
   * @returns false when the person decided otherwise
   * @throws FaultlineError the first finding of the file
   */
  async ready(uri: vscode.Uri): Promise<boolean> {
    if (!(await this.endRunThatGoesOn(uri))) return false;
    const document = await vscode.workspace.openTextDocument(uri);
    // `save` also says false where an automatic save came first: what counts is whether changes are left.
    if (document.isDirty && !(await document.save()) && document.isDirty) {
      const text = "The job file has changes that could not be saved.";
      throw FaultlineError.of("FL4001", text, "Save it, then run it again.");
    }
    const { problems } = loadBundle("extensionLanguage").parseJobDocument(document);
    const error = problems.find(({ severity }) => severity !== "warning");
    if (error !== undefined) throw new FaultlineError(error);
    if (readSetting("faultline.graph.openOnRun")) await this.panels.open({ kind: "jobFile", uri }, true);
    return true;
  }

  async stop(clicked: RunTreeNode | string | undefined, mode: "drain" | "cancel"): Promise<void> {
    const session = await this.activeRun(clicked, mode === "drain" ? "Stop Which Run?" : "Cancel Which Run?");
    await session?.stop(mode);
  }

  /** The run whose report is wanted: what was clicked, the one of the graph or the file in front, or the newest. */
  async reportRunId(clicked: Clicked | string): Promise<string | undefined> {
    if (typeof clicked === "string") return clicked;
    if (isRunTreeNode(clicked)) return clicked.runId;
    const file = clicked ?? vscode.window.activeTextEditor?.document.uri;
    const ofFile = file !== undefined && isJobFile(file) ? this.runs.latestOf(file.fsPath) : undefined;
    return (
      this.panels.active?.runId ?? ofFile?.id ?? this.runs.all()[0]?.id ?? (await this.pickRun("Report of Which Run?"))
    );
  }

  async openRun(): Promise<void> {
    const id = await this.pickRun("Open Which Run?");
    if (id === undefined) return;
    const session = await this.runs.open(id);
    await this.panels.open({ kind: "run", runId: session.id });
  }

  /** A journal, or a run's folder, that lies anywhere: it is replayed in a graph of its own. */
  async openJournal(clicked: Clicked): Promise<void> {
    const uri =
      clicked instanceof vscode.Uri
        ? clicked
        : (
            await vscode.window.showOpenDialog({
              canSelectFiles: true,
              canSelectFolders: true,
              openLabel: "Open Journal",
              title: "Journal (journal.ndjson) or Folder of a Run",
              filters: { Journal: ["ndjson"] },
            })
          )?.[0];
    if (uri === undefined) return;
    const session = await this.runs.openJournal(uri);
    await this.panels.open({ kind: "run", runId: session.id });
  }

  /** The text beside its graph, or of a run. */
  async openJobFile(clicked: Clicked): Promise<void> {
    if (clicked instanceof vscode.Uri) {
      const shown = vscode.window.visibleTextEditors.find(
        ({ document }) => document.uri.toString() === clicked.toString(),
      );
      await vscode.window.showTextDocument(clicked, { viewColumn: shown?.viewColumn ?? vscode.ViewColumn.Beside });
      return;
    }
    if (clicked === undefined) return;
    const { jobFile } = clicked.kind === "pastRun" ? clicked.summary : clicked.session;
    await vscode.window.showTextDocument(vscode.Uri.file(jobFile));
  }

  async openRunFolder(clicked: RunTreeNode | undefined): Promise<void> {
    if (clicked === undefined) return;
    const { directory } = clicked.kind === "pastRun" ? clicked.summary : clicked.session;
    await vscode.commands.executeCommand("revealFileInOS", vscode.Uri.file(directory));
  }

  async scale(clicked: RunTreeNode | undefined): Promise<void> {
    const session = await this.activeRun(clicked, "Scale a Service of Which Run?");
    if (session === undefined) return;
    const services = (session.view.graph?.vertices ?? []).filter(({ kind }) => kind === "service").map(({ id }) => id);
    const service =
      clicked?.kind === "service"
        ? clicked.service
        : await pickOf(services, { title: "Scale Which Service?" });
    if (service === undefined) return;
    const now = instancesOf(session.view, service).length;
    const answer = await inputOf({
      title: `Scale ${service}`,
      prompt: `Instances of the service; now ${now}`,
      value: String(now),
      validateInput: (text) => (/^[1-9]\d{0,3}$/.test(text.trim()) ? undefined : "Write a whole number, at least 1."),
    });
    if (answer !== undefined) await session.scale(service, Number(answer));
  }

  /** What became of it is in the graph's timeline, as of every checkpoint. */
  async triggerCheckpoint(clicked: RunTreeNode | string | undefined): Promise<void> {
    const session = await this.activeRun(clicked, "A Checkpoint of Which Run?");
    await session?.checkpoint();
  }

  /** The savepoint's folder can be large and take long: its path is what is wanted afterwards. */
  async takeSavepoint(clicked: RunTreeNode | string | undefined): Promise<void> {
    const session = await this.activeRun(clicked, "Take a Savepoint of Which Run?");
    if (session === undefined) return;
    const options = { location: vscode.ProgressLocation.Window, title: `Savepoint of ${session.job}` };
    const { path } = await vscode.window.withProgress(options, () => session.savepoint());
    const copy = "Copy Path";
    const answer = await vscode.window.showInformationMessage(`Savepoint of ${session.job}: ${path}`, copy);
    if (answer === copy) await vscode.env.clipboard.writeText(path);
  }

  showProcessLog(clicked: RunTreeNode | undefined): void {
    if (clicked?.kind !== "process" && clicked?.kind !== "task") return;
    const process =
      clicked.kind === "process" ? clicked.process : clicked.session.view.tasks.get(clicked.task)?.process;
    if (process === undefined)
      throw FaultlineError.of("FL4001", "This task has no process yet.", "Wait until it runs.");
    this.logs.show(clicked.session, process);
  }

  /** Behind the status bar item. */
  async showActions(): Promise<void> {
    const session = await this.activeRun(undefined, "Which Run?");
    if (session === undefined) return;
    const action = (
      label: string,
      command: string,
      argument: unknown,
    ): vscode.QuickPickItem & { run: () => Thenable<unknown> } => ({
      label,
      run: () => vscode.commands.executeCommand(command, argument),
    });
    const items = [
      action("$(type-hierarchy-sub) Open Job Graph", "faultline.openJobGraph", vscode.Uri.file(session.jobFile)),
      action("$(zap) Inject Failure…", "faultline.injectFailure", { runId: session.id }),
      action("$(pulse) Heal All Failures", "faultline.healAll", session.id),
      action("$(graph-line) Open Recovery Report", "faultline.openReport", session.id),
      action("$(debug-stop) Stop Run", "faultline.stopRun", session.id),
    ];
    const picked = await pickOf(items, { title: `${session.job}, run ${session.id}` });
    await picked?.run();
  }

  /** One run of a job at a time: a second one is a decision. */
  private async endRunThatGoesOn(uri: vscode.Uri): Promise<boolean> {
    const active = this.runs.active().find(({ jobFile }) => jobFile === uri.fsPath);
    if (active === undefined) return true;
    const again = "Stop It and Run Again";
    const question = `${active.job} is already running.`;
    const answer = await vscode.window.showWarningMessage(question, { modal: true, detail: `Run ${active.id}` }, again);
    if (answer !== again) return false;
    await active.stop("cancel");
    await active.ended;
    return true;
  }

  private async activeRun(clicked: RunTreeNode | string | undefined, title: string): Promise<RunSession | undefined> {
    const id = typeof clicked === "string" ? clicked : clicked?.runId;
    if (id !== undefined) return this.runs.open(id);
    const active = this.runs.active();
    if (active.length === 0) throw FaultlineError.of("FL1040", "No run is going on.", "Run a job first.");
    const ofPanel = active.find((session) => session.id === this.panels.active?.runId);
    if (ofPanel !== undefined || active.length === 1) return ofPanel ?? active[0];
    const items = active.map((session) => ({ label: session.job, description: session.id, session }));
    return (await pickOf(items, { title }))?.session;
  }

  private async pickRun(title: string): Promise<string | undefined> {
    const summaries = await this.runs.list();
    if (summaries.length === 0)
      throw FaultlineError.of("FL1040", "No job has been run on this machine yet.", "Run a job first.");
    const items = summaries.map((summary) => ({
      label: summary.job,
      description: isLive(summary) ? "live" : summary.state.toLowerCase(),
      detail: `${new Date(summary.startedAt).toLocaleString()}, ${summary.id}`,
      id: summary.id,
    }));
    return (await pickOf(items, { title, matchOnDetail: true }))?.id;
  }

  /** The job file that was clicked, that is in front, or that is chosen from those of the workspace. */
  async jobFileOf(clicked: Clicked, title: string): Promise<vscode.Uri | undefined> {
    if (isRunTreeNode(clicked)) {
      return vscode.Uri.file((clicked.kind === "pastRun" ? clicked.summary : clicked.session).jobFile);
    }
    if (clicked !== undefined) return clicked;
    const inFront = vscode.window.activeTextEditor?.document.uri;
    if (inFront !== undefined && isJobFile(inFront)) return inFront;
    const { active } = this.panels;
    if (active?.source.kind === "jobFile") return active.source.uri;
    const files = await vscode.workspace.findFiles("**/*.faultline.json", "**/node_modules/**", 200);
    if (files.length === 0) {
      throw FaultlineError.of(
        "FL1001",
        "There is no job file in this workspace.",
        "A job file is called NAME.faultline.json.",
      );
    }
    if (files.length === 1) return files[0];
    const items = files.map((uri) => ({
      label: jobName(uri.path),
      description: vscode.workspace.asRelativePath(uri),
      uri,
    }));
    return (await pickOf(items, { title }))?.uri;
  }
}
