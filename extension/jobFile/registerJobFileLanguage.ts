/** Registers the language features of job files. What answers is loaded with the first question. */
import * as vscode from "vscode";
import { loadBundle } from "../bundles/loadBundle";
import type { RunStore } from "../runs/runStore";
import { JobFileLenses } from "./jobFileLenses";
import { JOB_FILE_SELECTOR } from "./jobFileSelector";

const language = (): ReturnType<typeof loadBundle<"extensionLanguage">> => loadBundle("extensionLanguage");

export function registerJobFileLanguage(runs: RunStore): vscode.Disposable {
  const { languages } = vscode;
  const lenses = new JobFileLenses(runs);
  const here = JOB_FILE_SELECTOR;
  return vscode.Disposable.from(
    lenses,
    languages.registerCodeLensProvider(here, lenses),
    languages.registerCompletionItemProvider(
      here,
      { provideCompletionItems: (...question) => language().completionProvider.provideCompletionItems(...question) },
      ...['"', ":", "#", "/"],
    ),
    languages.registerHoverProvider(here, {
      provideHover: (...question) => language().hoverProvider.provideHover(...question),
    }),
    languages.registerDefinitionProvider(here, {
      provideDefinition: (...question) => language().definitionProvider.provideDefinition(...question),
    }),
    languages.registerReferenceProvider(here, {
      provideReferences: (...question) => language().referenceProvider.provideReferences(...question),
    }),
    languages.registerDocumentHighlightProvider(here, {
      provideDocumentHighlights: (...question) => language().highlightProvider.provideDocumentHighlights(...question),
    }),
    languages.registerRenameProvider(here, {
      prepareRename: (...question) => language().renameProvider.prepareRename?.(...question),
      provideRenameEdits: (...question) => language().renameProvider.provideRenameEdits(...question),
    }),
    languages.registerDocumentSymbolProvider(
      here,
      { provideDocumentSymbols: (...question) => language().symbolProvider.provideDocumentSymbols(...question) },
      { label: "Faultline" },
    ),
    languages.registerDocumentFormattingEditProvider(here, {
      provideDocumentFormattingEdits: (...question) =>
        language().formattingProvider.provideDocumentFormattingEdits(...question),
    }),
    languages.registerCodeActionsProvider(
      here,
      { provideCodeActions: (...question) => language().fixProvider.provideCodeActions(...question) },
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    ),
  );
}
