/** The tools for language models: thin, over the same runs and graphs that the commands use. */
import { isAbsolute } from "node:path";
import * as vscode from "vscode";
import { FaultlineError } from "../../simulator/graph/errors";
import { loadBundle } from "../bundles/loadBundle";
import type { LanguageModelToolName } from "../manifest/languageModelTools";
import { problemOf, problemText } from "../problem";
import type { RunSession } from "../runs/runSession";
import type { RunStore } from "../runs/runStore";

interface ToolInputs {
  readonly faultline_get_job_graph: { readonly jobFile?: string };
  readonly faultline_run_job: { readonly jobFile?: string };
  readonly faultline_inject_failure: { readonly run?: string; readonly fault: string; readonly target: string };
  readonly faultline_explain_recovery: { readonly run?: string };
}

interface Tool<Input> {
  /** What the person reads while it works. */
  readonly says: (input: Input) => string;
  /** Asked before it acts; absent where it only reads. */
  readonly asks?: (input: Input) => { readonly title: string; readonly message: string };
  readonly does: (input: Input, signal: vscode.CancellationToken) => Promise<object>;
}

type Tools = { readonly [K in LanguageModelToolName]: Tool<ToolInputs[K]> };

export function registerLanguageModelTools(runs: RunStore): vscode.Disposable {
  const entries = Object.entries(tools(runs)) as [LanguageModelToolName, Tool<unknown>][];
  return vscode.Disposable.from(
    ...entries.map(([name, tool]) =>
      vscode.lm.registerTool<unknown>(name, {
        prepareInvocation: ({ input }) => {
          const question = tool.asks?.(input);
          return {
            invocationMessage: tool.says(input),
            ...(question === undefined ? {} : { confirmationMessages: question }),
          };
        },
        invoke: async ({ input }, token) => {
          const answer = await tool.does(input, token).catch((error: unknown) => {
            // The model can correct what it asked for when it reads what was wrong with it.
            throw new Error(problemText(problemOf(error)));
          });
          return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(JSON.stringify(answer))]);
        },
      }),
    ),
  );
}

function tools(runs: RunStore): Tools {
  return {
    faultline_get_job_graph: {
      says: () => "Reading the job graph",
      does: async ({ jobFile }) => {
        const document = await vscode.workspace.openTextDocument(await findJobFile(jobFile));
        return loadBundle("extensionLanguage").graphOfDocument(document);
      },
    },
    faultline_run_job: {
      says: () => "Starting the job",
      asks: ({ jobFile }) => ({
        title: "Run Job",
        message: `Run ${jobFile ?? "the job of this workspace"} on this machine? It runs the functions and models of its folder.`,
      }),
      does: async ({ jobFile }, token) => {
        const session = await runs.start((await findJobFile(jobFile)).fsPath);
        if (token.isCancellationRequested) await session.callOff();
        return { run: session.id, directory: session.directory };
      },
    },
    faultline_inject_failure: {
      says: ({ fault, target }) => `Injecting ${fault} into ${target}`,
      asks: ({ fault, target }) => {
        const choice = loadBundle("extensionActions").FAULT_CHOICES.find((one) => one.fault === fault);
        return {
          title: "Inject Failure",
          message: `${choice?.label ?? fault} ${target}? ${choice?.description ?? ""}`.trim(),
        };
      },
      does: async ({ run, fault, target }) => {
        const session = await findRun(runs, run);
        await session.inject({ fault, target });
        return { run: session.id, injected: fault, target };
      },
    },
    faultline_explain_recovery: {
      says: () => "Reading the recovery report",
      does: async ({ run }) => {
        const session = await findRun(runs, run);
        if (!session.live) await session.ended;
        return loadBundle("extensionRun").recoveryReport(session);
      },
    },
  };
}

async function findRun(runs: RunStore, id = "latest"): Promise<RunSession> {
  const newest = runs.all()[0];
  return id === "latest" && newest !== undefined ? newest : runs.open(id);
}

async function findJobFile(path: string | undefined): Promise<vscode.Uri> {
  if (path !== undefined) {
    if (isAbsolute(path)) return vscode.Uri.file(path);
    const folder = vscode.workspace.workspaceFolders?.[0];
    if (folder !== undefined) return vscode.Uri.joinPath(folder.uri, path);
  }
  const files = await vscode.workspace.findFiles("**/*.faultline.json", "**/node_modules/**", 20);
  const [only] = files;
  if (files.length === 1 && only !== undefined) return only;
  throw FaultlineError.of(
    "FL1001",
    files.length === 0 ? "There is no job file in this workspace." : "There are several job files in this workspace.",
    files.length === 0
      ? undefined
      : `Name one of ${files.map((file) => vscode.workspace.asRelativePath(file)).join(", ")}.`,
  );
}
