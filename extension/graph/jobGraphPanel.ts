/**
 * One graph view: tells it the graph, the problems and the run (see `webview/protocol.ts`), and does what it asks for.
 *
 * The view is not kept while it is hidden. It says `ready` when it is there again, and gets the picture of that moment.
 */
import * as vscode from "vscode";
import { formatProblem } from "../../simulator/graph/errors";
import type { HostMessage, PictureElement, ViewMessage, ViewMessageOf } from "../../webview/protocol";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import { JOB_GRAPH_VIEW_TYPE } from "../manifest/viewTypes";
import { problemOf, problemText } from "../problem";
import { FAULT_CHOICES } from "../runs/faultChoices";
import type { RunSession } from "../runs/runSession";
import type { RunStore } from "../runs/runStore";
import { jobName } from "../runs/runSummary";
import { viewBundle } from "../viewPage";
import { editElement } from "./editJobGraph";
import { openElement, openLocation } from "./elementLocation";
import { saveExport } from "./exportPicture";
import { isolateModel } from "./isolateModel";
import { jobGraphHtml } from "./jobGraphHtml";
import { openJournalAt } from "./journalLocation";
import { type JobGraphSource, openJobDocument, sourceKey } from "./jobGraphSource";

const QUIET_MS = 150;
/** Of a run with more events than this the view gets the journal as it lies on disk; making messages of them would take seconds. */
const LONG_HISTORY = 10_000;

export interface JobGraphServices {
  readonly extensionUri: vscode.Uri;
  readonly runs: RunStore;
  readonly log: vscode.LogOutputChannel;
}

export class JobGraphPanel implements vscode.Disposable {
  private readonly disposables = new DisposableList();
  private readonly closed = new vscode.EventEmitter<void>();
  readonly onDidClose = this.closed.event;
  /** The view listens; false while it is hidden or loading. */
  private ready = false;
  private session: RunSession | undefined;
  private sessionListeners: DisposableList | undefined;
  /** To be shown when the view is ready. */
  private wanted: PictureElement | undefined;
  private drawTimer: ReturnType<typeof setTimeout> | undefined;
  /** Counts the journals that were sent, so that a newer one ends an older one. */
  private journals = 0;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    readonly source: JobGraphSource,
    private readonly services: JobGraphServices,
  ) {
    const { extensionUri, runs } = services;
    panel.iconPath = {
      light: vscode.Uri.joinPath(extensionUri, "extension", "icons", "job-file-light.svg"),
      dark: vscode.Uri.joinPath(extensionUri, "extension", "icons", "job-file-dark.svg"),
    };
    panel.webview.options = { enableScripts: true, localResourceRoots: [viewBundle(extensionUri)] };
    this.disposables.push(this.closed);
    this.disposables.push(panel.onDidDispose(() => this.dispose()));
    this.disposables.push(panel.onDidChangeViewState(() => (this.ready &&= panel.visible)));
    this.disposables.push(panel.webview.onDidReceiveMessage((message: ViewMessage) => void this.answer(message)));
    this.disposables.push(vscode.workspace.onDidChangeTextDocument(({ document }) => this.documentChanged(document)));
    this.disposables.push(vscode.workspace.onDidGrantWorkspaceTrust(() => void this.sendGraph()));
    this.disposables.push(runs.onDidChange((change) => this.runsChanged(change)));
    const known = source.kind === "run" ? runs.get(source.runId) : runs.latestOf(source.uri.fsPath);
    if (known !== undefined) this.attach(known);
    // A custom editor has no title of its own while it opens: its tab is called as the file is.
    const title = panel.title === "" && source.kind === "jobFile" ? source.uri.path.slice(source.uri.path.lastIndexOf("/") + 1) : panel.title;
    panel.webview.html = jobGraphHtml(panel.webview, extensionUri, title);
  }

  static create(
    source: JobGraphSource,
    title: string,
    services: JobGraphServices,
    preserveFocus: boolean,
  ): JobGraphPanel {
    const panel = vscode.window.createWebviewPanel(
      JOB_GRAPH_VIEW_TYPE,
      title,
      { viewColumn: vscode.ViewColumn.Beside, preserveFocus },
      { enableScripts: true, localResourceRoots: [viewBundle(services.extensionUri)] },
    );
    return new JobGraphPanel(panel, source, services);
  }

  get key(): string {
    return sourceKey(this.source);
  }

  /** It can be seen, whether it has the focus or not. */
  get visible(): boolean {
    return this.panel.visible;
  }

  get active(): boolean {
    return this.panel.active;
  }

  /** The run that is laid over the graph. */
  get runId(): string | undefined {
    return this.session?.id;
  }

  reveal(preserveFocus: boolean): void {
    // Where it is: without a column an editor would come to the group that is active.
    this.panel.reveal(this.panel.viewColumn, preserveFocus);
  }

  /** Selects the element; as soon as the view is there, where it is still loading. */
  show(element: PictureElement): void {
    if (this.ready) this.send({ kind: "reveal", element });
    else this.wanted = element;
  }

  dispose(): void {
    clearTimeout(this.drawTimer);
    this.sessionListeners?.dispose();
    this.closed.fire();
    this.disposables.dispose();
    this.panel.dispose();
  }

  private send(message: HostMessage): void {
    // What is sent to a view that does not listen is lost; it gets the whole picture when it does.
    if (this.ready) void this.panel.webview.postMessage(message);
  }

  private async sendPicture(): Promise<void> {
    await this.sendGraph();
    this.sendRun();
    this.send({ kind: "faults", faults: FAULT_CHOICES });
    if (this.wanted !== undefined) this.send({ kind: "reveal", element: this.wanted });
    this.wanted = undefined;
  }

  private async sendGraph(): Promise<void> {
    const { session, source } = this;
    if (session !== undefined && (session.active || source.kind === "run")) {
      const graph = session.view.graph;
      if (graph === undefined) return;
      this.send({
        kind: "graph",
        graph,
        title: session.job,
        openable: session.jobFile !== "",
        runnable: false,
        editable: false,
      });
      this.send({ kind: "problems", title: session.job, problems: [] });
      return;
    }
    if (source.kind === "run") return;
    const title = jobName(source.uri.path);
    try {
      const document = await openJobDocument(source.uri);
      const { graph, problems } = loadBundle("extensionLanguage").graphOfDocument(document);
      if (graph !== undefined) {
        const runBlocked = this.runBlocked();
        const runnable = runBlocked === undefined;
        const editable = vscode.workspace.fs.isWritableFileSystem(source.uri.scheme) === true;
        this.send({ kind: "graph", graph, title, openable: true, runnable, runBlocked, editable });
      }
      this.send({ kind: "problems", title, problems });
    } catch (error) {
      this.send({ kind: "problems", title, problems: [problemOf(error)] });
    }
  }

  private runBlocked(): string | undefined {
    if (!vscode.workspace.isTrusted) return "Jobs run only in a trusted workspace.";
    if (this.source.kind === "jobFile" && this.source.uri.scheme !== "file")
      return "Jobs run only from files on a disk.";
    return undefined;
  }

  private sendRun(): void {
    const { session } = this;
    if (session === undefined) return;
    const { id, job, startedAt } = session;
    this.send({ kind: "runStarted", run: { id, job, startedAt, live: session.live } });
    this.sendHistory();
    if (session.endedAs !== undefined) this.sendEnd(session);
  }

  private sendHistory(): void {
    const { session } = this;
    if (session === undefined) return;
    // A journal that was opened by itself may lie where only the editor can read, and was read as a whole.
    const onDisk = session.journalFile === undefined;
    if (onDisk && (!session.live || session.events > LONG_HISTORY)) void this.sendJournal(session);
    else this.send({ kind: "snapshot", run: session.id, ...session.snapshot() });
  }

  /** What is on disk holds all that the session has seen. Newer events may go out in between; the view keeps them until it has read this. */
  private async sendJournal(session: RunSession): Promise<void> {
    const own = ++this.journals;
    const wanted = (): boolean => this.ready && own === this.journals && session === this.session;
    try {
      const { journalPieces } = loadBundle("extensionRun");
      for await (const { bytes, last } of journalPieces(session.journal.fsPath)) {
        if (!wanted()) return;
        this.send({ kind: "journal", run: session.id, bytes, last });
      }
    } catch (error) {
      if (!wanted()) return;
      this.services.log.error(`Reading the journal of run ${session.id}: ${String(error)}`);
      this.send({ kind: "snapshot", run: session.id, ...session.snapshot() });
    }
  }

  private sendEnd(session: RunSession): void {
    // A journal that ends in the middle is that of a run that was killed.
    const state = session.view.ended ? (session.view.jobState ?? "FAILED") : "FAILED";
    this.send({ kind: "runEnded", run: session.id, state, report: true });
  }

  private documentChanged(document: vscode.TextDocument): void {
    if (this.source.kind !== "jobFile" || document.uri.toString() !== this.source.uri.toString()) return;
    clearTimeout(this.drawTimer);
    this.drawTimer = setTimeout(() => void this.sendGraph(), QUIET_MS);
  }

  private runsChanged(change: Parameters<Parameters<RunStore["onDidChange"]>[0]>[0]): void {
    switch (change.kind) {
      case "starting":
        if (this.shows(change.jobFile)) this.send({ kind: "runStarting" });
        return;
      case "startFailed":
        if (this.shows(change.jobFile)) this.send({ kind: "runFailed", problem: problemOf(change.error) });
        return;
      case "opened":
        if (this.source.kind === "run" ? change.session.id === this.source.runId : this.shows(change.session.jobFile)) {
          this.attach(change.session);
          this.sendRun();
        }
        return;
      case "ended":
        return;
    }
  }

  private shows(jobFile: string): boolean {
    return this.source.kind === "jobFile" && this.source.uri.fsPath === jobFile;
  }

  private attach(session: RunSession): void {
    this.sessionListeners?.dispose();
    this.session = session;
    const listeners = new DisposableList();
    this.sessionListeners = listeners;
    let graph = session.view.graph;
    listeners.push(
      session.onDidAddEvents(({ from, events }) => {
        if (graph === undefined && session.view.graph !== undefined) {
          graph = session.view.graph;
          void this.sendGraph();
        }
        // Of a past run of this machine the view gets the journal as it lies on disk.
        if (session.live || session.journalFile !== undefined)
          this.send({ kind: "events", run: session.id, from, events });
      }),
    );
    listeners.push(
      session.onDidEnd(() => {
        this.sendEnd(session);
        void this.sendGraph();
      }),
    );
  }

  private async answer(message: ViewMessage): Promise<void> {
    try {
      await this.do(message);
    } catch (error) {
      const problem = problemOf(error);
      this.services.log.error(`${message.kind}: ${formatProblem(problem)}`);
      this.send({ kind: "notice", severity: "error", text: problemText(problem) });
    }
  }

  private async do(message: ViewMessage): Promise<void> {
    const { session } = this;
    switch (message.kind) {
      case "ready":
        this.ready = true;
        await this.sendPicture();
        // After the picture: looking for runs takes longer than drawing.
        if (this.source.kind === "jobFile" && this.session?.active !== true) {
          await this.services.runs.findLive(this.source.uri.fsPath);
        }
        return;
      case "run":
        if (this.source.kind === "jobFile") await vscode.commands.executeCommand("faultline.runJob", this.source.uri);
        return;
      case "stop":
        return session?.stop(message.mode);
      case "inject":
        return this.inject(message);
      case "heal":
        return session?.heal();
      case "scale":
        return session?.scale(message.service, message.parallelism);
      case "openElement":
        return openElement(this.jobFileUri(), message.element);
      case "openProblem":
        return openLocation(this.jobFileUri(), message.problem.location);
      case "openReport":
        if (session !== undefined) await vscode.commands.executeCommand("faultline.openReport", session.id);
        return;
      case "exportSvg":
        return saveExport(message.name, "svg", new TextEncoder().encode(message.data), this.jobFileUri());
      case "exportPng":
        return saveExport(message.name, "png", bytesOfBase64(message.data), this.jobFileUri());
      case "openEvent":
        if (session !== undefined) await openJournalAt(session.journal, message.at);
        return;
      case "exportRun":
        return this.exportRun(message.format);
      case "copy":
        return vscode.env.clipboard.writeText(message.text);
      case "resync":
        return this.sendHistory();
      case "isolate":
        if (this.source.kind === "jobFile")
          this.send(await isolateModel(this.source.uri, message.element, message.apply));
        return;
      case "edit":
        if (this.source.kind === "jobFile") await editElement(this.source.uri, message.element);
        return;
      case "listRuns":
        return this.sendRuns();
      case "compareWith":
        return this.sendCompared(message.run);
      case "viewError":
        this.services.log.error(`Job graph: ${message.message}`);
        return;
      default:
        return;
    }
  }

  private async inject({ target, fault, parameters }: ViewMessageOf<"inject">): Promise<void> {
    if (this.session === undefined) return;
    await vscode.commands.executeCommand("faultline.injectFailure", {
      runId: this.session.id,
      target,
      fault,
      parameters,
    });
  }

  private async exportRun(format: "trace" | "html"): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    const { renderTrace, wholeRunPage } = loadBundle("extensionRun");
    const name = `${session.job} ${session.id}`;
    if (format === "trace") {
      const trace = await renderTrace(session);
      return saveExport(`${name} trace`, "json", new TextEncoder().encode(trace), this.jobFileUri());
    }
    if (!session.live) await session.ended;
    const { id, job, startedAt, view } = session;
    if (view.graph === undefined) return;
    const state = view.jobState ?? (session.active ? "INITIALIZING" : "FAILED");
    const run = { id, job, startedAt, state, graph: view.graph, journal: session.journal.fsPath };
    const html = await wholeRunPage(run, viewBundle(this.services.extensionUri).fsPath);
    return saveExport(name, "html", new TextEncoder().encode(html), this.jobFileUri());
  }

  private jobFileUri(): vscode.Uri | undefined {
    if (this.source.kind === "jobFile") return this.source.uri;
    const file = this.session?.jobFile;
    return file === undefined || file === "" ? undefined : vscode.Uri.file(file);
  }

  private async sendRuns(): Promise<void> {
    const file = this.jobFileUri()?.fsPath;
    const runs = (await this.services.runs.list()).filter(
      ({ id, jobFile }) => jobFile === file && id !== this.session?.id,
    );
    this.send({ kind: "runs", runs: runs.map(({ id, job, startedAt }) => ({ id, job, startedAt, live: false })) });
  }

  private async sendCompared(runId: string): Promise<void> {
    const other = await this.services.runs.open(runId);
    if (!other.active) await other.ended;
    const { id, job, startedAt } = other;
    this.send({ kind: "compared", run: { id, job, startedAt, live: false }, events: other.snapshot().events });
  }
}

function bytesOfBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
