/** Registers the language features of job files. */
import * as vscode from "vscode";
import type { RunStore } from "../runs/runStore";
import { fixProvider } from "./jobFileFixActions";
import {
  completionProvider,
  definitionProvider,
  formattingProvider,
  highlightProvider,
  hoverProvider,
  referenceProvider,
  renameProvider,
  symbolProvider,
} from "./jobFileLanguage";
import { JobFileLenses } from "./jobFileLenses";
import { JOB_FILE_SELECTOR } from "./jobFileParser";

export function registerJobFileLanguage(runs: RunStore): vscode.Disposable {
  const { languages } = vscode;
  const lenses = new JobFileLenses(runs);
  return vscode.Disposable.from(
    lenses,
    languages.registerCodeLensProvider(JOB_FILE_SELECTOR, lenses),
    languages.registerCompletionItemProvider(JOB_FILE_SELECTOR, completionProvider, '"', ":", "#", "/"),
    languages.registerHoverProvider(JOB_FILE_SELECTOR, hoverProvider),
    languages.registerDefinitionProvider(JOB_FILE_SELECTOR, definitionProvider),
    languages.registerReferenceProvider(JOB_FILE_SELECTOR, referenceProvider),
    languages.registerDocumentHighlightProvider(JOB_FILE_SELECTOR, highlightProvider),
    languages.registerRenameProvider(JOB_FILE_SELECTOR, renameProvider),
    languages.registerDocumentSymbolProvider(JOB_FILE_SELECTOR, symbolProvider, { label: "Faultline" }),
    languages.registerDocumentFormattingEditProvider(JOB_FILE_SELECTOR, formattingProvider),
    languages.registerCodeActionsProvider(JOB_FILE_SELECTOR, fixProvider, {
      providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
    }),
  );
}
