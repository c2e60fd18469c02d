/**
 * Experiments in the Test Explorer: each `*.experiment.json` is a test with its hypotheses under it, each at its own line. Running one is what
 * `faultline experiment` does: the job without faults, the job with them, and a verdict with what was observed.
 */
import * as vscode from "vscode";
import type { ExperimentResult, ExperimentStage } from "../../simulator/client/runExperiment";
import type { Experiment } from "../../simulator/faults/experiment";
import type { HypothesisResult } from "../../simulator/faults/verdict";
import type { Problem } from "../../simulator/graph/errors";
import { loadBundle } from "../bundles/loadBundle";
import { jobDebugConfiguration } from "../debug/launchConfiguration";
import { DisposableList } from "../disposableList";
import { confirmCommands } from "../flink/confirmCommands";
import { problemOf, problemText } from "../problem";
import type { RunStore } from "../runs/runStore";
import { readSetting } from "../setting";

const PATTERN = "**/*.experiment.json";
const EXCLUDED = "**/node_modules/**";

export class ExperimentTests implements vscode.Disposable {
  private readonly disposables = new DisposableList();
  private readonly controller = this.disposables.push(
    vscode.tests.createTestController("faultline.experiments", "Faultline Experiments"),
  );
  private watching = false;

  constructor(
    private readonly runs: RunStore,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.controller.resolveHandler = async (item) => {
      if (item === undefined) await this.discover();
      else await this.read(item);
    };
    this.controller.refreshHandler = () => this.discover();
    this.controller.createRunProfile(
      "Run Experiment",
      vscode.TestRunProfileKind.Run,
      (request, token) => this.run(request, token, false),
      true,
    );
    this.controller.createRunProfile("Debug Experiment", vscode.TestRunProfileKind.Debug, (request, token) =>
      this.run(request, token, true),
    );
    this.disposables.push(vscode.workspace.onDidOpenTextDocument((document) => void this.follow(document)));
    this.disposables.push(vscode.workspace.onDidChangeTextDocument(({ document }) => void this.follow(document)));
    for (const document of vscode.workspace.textDocuments) void this.follow(document);
  }

  dispose(): void {
    this.disposables.dispose();
  }

  private async discover(): Promise<void> {
    if (!this.watching) {
      this.watching = true;
      const watcher = this.disposables.push(vscode.workspace.createFileSystemWatcher(PATTERN));
      this.disposables.push(watcher.onDidCreate((uri) => void this.read(this.itemOf(uri))));
      this.disposables.push(watcher.onDidChange((uri) => void this.read(this.itemOf(uri))));
      this.disposables.push(watcher.onDidDelete((uri) => this.controller.items.delete(uri.toString())));
    }
    const files = await vscode.workspace.findFiles(PATTERN, EXCLUDED, 1_000);
    const there = new Set(files.map(String));
    this.controller.items.forEach((item) => {
      if (!there.has(item.id)) this.controller.items.delete(item.id);
    });
    await Promise.all(files.map((uri) => this.read(this.itemOf(uri))));
  }

  /** As one types, the hypotheses stay at their lines. */
  private async follow(document: vscode.TextDocument): Promise<void> {
    if (document.uri.scheme !== "file" || !document.uri.path.endsWith(".experiment.json")) return;
    this.show(this.itemOf(document.uri), document.getText());
  }

  private itemOf(uri: vscode.Uri): vscode.TestItem {
    const known = this.controller.items.get(uri.toString());
    if (known !== undefined) return known;
    const label = (uri.path.split("/").at(-1) ?? uri.path).replace(/\.experiment\.json$/, "");
    const item = this.controller.createTestItem(uri.toString(), label, uri);
    item.canResolveChildren = true;
    this.controller.items.add(item);
    return item;
  }

  private async read(item: vscode.TestItem): Promise<void> {
    const { uri } = item;
    if (uri === undefined) return;
    const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
    try {
      this.show(item, open?.getText() ?? new TextDecoder().decode(await vscode.workspace.fs.readFile(uri)));
    } catch (error) {
      item.error = String(error);
    }
  }

  /** @returns the experiment, where its text is one */
  private show(item: vscode.TestItem, text: string): Experiment | undefined {
    const { experiment, problems } = loadBundle("extensionLanguage").parseExperiment(text, item.uri?.fsPath ?? item.id);
    const error = problems.find(({ severity }) => severity !== "warning");
    item.error = error === undefined ? undefined : problemText(error);
    item.range = new vscode.Range(0, 0, 0, 0);
    if (experiment === undefined) return undefined;
    item.label = experiment.name;
    item.description = experiment.faults.map(({ fault, target }) => `${fault} on ${target}`).join(", ");
    item.children.replace(
      experiment.hypothesis.map((hypothesis, index) => {
        const child =
          item.children.get(`${item.id}#${index}`) ??
          this.controller.createTestItem(`${item.id}#${index}`, hypothesis.name, item.uri);
        child.label = hypothesis.name;
        child.range = rangeOf(hypothesis.location);
        return child;
      }),
    );
    return experiment;
  }

  private async run(request: vscode.TestRunRequest, token: vscode.CancellationToken, debug: boolean): Promise<void> {
    const run = this.controller.createTestRun(request);
    const items = this.experimentsOf(request);
    for (const item of items) each(item, (one) => run.enqueued(one));
    for (const item of items) {
      if (token.isCancellationRequested) each(item, (one) => run.skipped(one));
      else await this.runOne(item, run, token, debug);
    }
    run.end();
  }

  /** A hypothesis cannot be run by itself: its experiment is. */
  private experimentsOf(request: vscode.TestRunRequest): readonly vscode.TestItem[] {
    const asked: vscode.TestItem[] = [];
    if (request.include === undefined) this.controller.items.forEach((item) => asked.push(item));
    else asked.push(...request.include.map((item) => item.parent ?? item));
    const excluded = new Set(request.exclude ?? []);
    return [...new Set(asked)].filter((item) => !excluded.has(item));
  }

  /**
   * Under the debugger both runs of the experiment stop at breakpoints in the job's functions and in its file; times that hypotheses speak of
   * are then those of the person too.
   */
  private async runOne(
    item: vscode.TestItem,
    run: vscode.TestRun,
    token: vscode.CancellationToken,
    debug: boolean,
  ): Promise<void> {
    const startedAt = Date.now();
    const canceling = new AbortController();
    const subscription = token.onCancellationRequested(() => canceling.abort());
    each(item, (one) => run.started(one));
    const say = (text: string): void => run.appendOutput(`${text}\r\n`, undefined, item);
    try {
      const experiment = await this.load(item);
      each(item, (one) => run.started(one));
      const { runExperiment, startKeptRun } = loadBundle("extensionRun");
      const node = readSetting("faultline.run.node");
      const result = await runExperiment(experiment, (stage) => say(STAGES[stage]), {
        start: (options) => startKeptRun({ ...options, inspect: debug, ...(node === "" ? {} : { node }) }),
        signal: canceling.signal,
        confirm: confirmCommands,
        onRun: (one) => {
          say(`Run ${one.id} in ${one.directory}`);
          this.runs.show(one, experiment.jobFile);
          if (debug) void attachDebugger(item, experiment, one.id);
        },
      });
      report(item, run, result, Date.now() - startedAt);
      say(`Report: ${result.html}`);
    } catch (error) {
      if (canceling.signal.aborted) {
        each(item, (one) => run.skipped(one));
        say("Canceled.");
      } else {
        const problem = problemOf(error);
        this.log.error(`${item.label}: ${problem.code}: ${problemText(problem)}`);
        each(item, (one) => run.errored(one, errorMessage(problem, item)));
      }
    } finally {
      subscription.dispose();
    }
  }

  private async load(item: vscode.TestItem): Promise<Experiment> {
    if (!vscode.workspace.isTrusted) {
      throw new Error("Experiments do not run in an untrusted workspace, because a job runs the code of its folder.");
    }
    const { uri } = item;
    if (uri === undefined) throw new Error("This experiment has no file.");
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
    const experiment = this.show(item, text);
    // The first finding of the file, with its place.
    return experiment ?? loadBundle("extensionRun").loadExperiment(uri.fsPath);
  }
}

async function attachDebugger(item: vscode.TestItem, { jobFile, name }: Experiment, run: string): Promise<void> {
  const folder = item.uri === undefined ? undefined : vscode.workspace.getWorkspaceFolder(item.uri);
  await vscode.debug.startDebugging(folder, { ...jobDebugConfiguration(jobFile), name: `Debug ${name}`, run });
}

const STAGES: Readonly<Record<ExperimentStage, string>> = {
  control: "Without faults, for comparison",
  faults: "With faults",
};

/** The experiment and its hypotheses. */
function each(item: vscode.TestItem, visit: (item: vscode.TestItem) => void): void {
  visit(item);
  item.children.forEach(visit);
}

function report(item: vscode.TestItem, run: vscode.TestRun, result: ExperimentResult, durationMs: number): void {
  for (const [index, verdict] of result.hypothesis.entries()) {
    const child = item.children.get(`${item.id}#${index}`);
    if (child === undefined) continue;
    const control = result.control.hypothesis.find(({ name }) => name === verdict.name);
    const text = `${observed(verdict)}${control === undefined ? "" : `; without faults ${value(control.observed)}`}`;
    child.description = text;
    // With a place, the editor shows it at the end of that line.
    run.appendOutput(`${verdict.name}: ${text}\r\n`, locationOf(child), child);
    const isBroken = verdict.mustFail && !verdict.held && verdict.observed !== null;
    if ((isBroken || (verdict.held && !verdict.mustFail)) && control?.held !== false) run.passed(child);
    else if (verdict.mustFail && verdict.held)
      run.failed(child, failureMessage(verdict, child, "held, though the faults have to break it"));
    else
      run.failed(
        child,
        failureMessage(
          verdict.held && control !== undefined ? control : verdict,
          child,
          verdict.held ? "not held without faults already" : "not held",
        ),
      );
  }
  const { injected } = result.report;
  run.appendOutput(`${injected} ${injected === 1 ? "fault" : "faults"} took effect.\r\n`, undefined, item);
  if (result.asExpected) run.passed(item, durationMs);
  else {
    const messages = result.reasons.map((reason) => new vscode.TestMessage(reason));
    run.failed(item, messages, durationMs);
  }
}

function failureMessage(verdict: HypothesisResult, child: vscode.TestItem, what: string): vscode.TestMessage {
  const message = new vscode.TestMessage(`${verdict.name}: ${what}. ${observed(verdict)}`);
  message.expectedOutput = verdict.expected;
  message.actualOutput = value(verdict.observed);
  message.location = locationOf(child);
  return message;
}

function observed(verdict: HypothesisResult): string {
  return `observed ${value(verdict.observed)}, expected ${verdict.expected}`;
}

function value(observed: number | null): string {
  if (observed === null) return "nothing";
  return observed.toLocaleString("en", { maximumFractionDigits: 1 });
}

function errorMessage(problem: Problem, item: vscode.TestItem): vscode.TestMessage {
  const message = new vscode.TestMessage(problemText(problem));
  const { file } = problem.location ?? {};
  const uri = file === undefined ? item.uri : vscode.Uri.file(file);
  if (uri !== undefined) message.location = new vscode.Location(uri, rangeOf(problem.location));
  return message;
}

function locationOf({ uri, range }: vscode.TestItem): vscode.Location | undefined {
  return uri === undefined || range === undefined ? undefined : new vscode.Location(uri, range);
}

function rangeOf(location: Problem["location"]): vscode.Range {
  const line = Math.max(0, (location?.line ?? 1) - 1);
  const column = Math.max(0, (location?.column ?? 1) - 1);
  return new vscode.Range(line, column, line, column + (location?.length ?? 0));
}
