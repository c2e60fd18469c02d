/** Binds the language features of job files to the editor. What they say is decided in `extension/language/`. */
import { applyEdits, format } from "jsonc-parser";
import * as vscode from "vscode";
import { completionsAt, fileReferenceAt } from "../language/jobFileCompletion";
import { hoverAt } from "../language/jobFileHover";
import { type OutlineEntry, outline } from "../language/jobFileOutline";
import { occurrenceAt, occurrencesOf, renameProblem } from "../language/jobFileReferences";
import { completeFileReference, defineFileReference } from "./fileReferences";
import { describeElement } from "./elementDescription";
import { rangeOfSpan } from "./textSpans";

const KINDS = {
  field: vscode.CompletionItemKind.Property,
  value: vscode.CompletionItemKind.EnumMember,
  operator: vscode.CompletionItemKind.Reference,
  service: vscode.CompletionItemKind.Reference,
  template: vscode.CompletionItemKind.Snippet,
} as const;

const SYMBOLS = {
  section: vscode.SymbolKind.Module,
  service: vscode.SymbolKind.Interface,
  operator: vscode.SymbolKind.Function,
  edge: vscode.SymbolKind.Event,
} as const;

export const completionProvider: vscode.CompletionItemProvider = {
  async provideCompletionItems(document, position) {
    const text = document.getText();
    const offset = document.offsetAt(position);
    const reference = fileReferenceAt(text, offset);
    if (reference !== undefined) return completeFileReference(document, reference);
    return completionsAt(text, offset).map((proposal) => {
      const item = new vscode.CompletionItem(
        { label: proposal.label, description: proposal.detail },
        KINDS[proposal.kind],
      );
      const range = rangeOfSpan(document, proposal.replace);
      item.range = range;
      item.insertText = new vscode.SnippetString(proposal.snippet);
      // What is typed is matched with the quote that it begins with.
      item.filterText = document.getText(range).startsWith('"') ? JSON.stringify(proposal.label) : proposal.label;
      if (proposal.markdown !== undefined) item.documentation = new vscode.MarkdownString(proposal.markdown);
      item.sortText = `${proposal.preferred === true ? 0 : 1}${proposal.label}`;
      item.preselect = proposal.preferred === true && proposal.kind === "value";
      return item;
    });
  },
};

export const hoverProvider: vscode.HoverProvider = {
  provideHover(document, position) {
    const text = document.getText();
    const offset = document.offsetAt(position);
    const occurrence = occurrenceAt(text, offset);
    if (occurrence !== undefined) {
      const markdown = describeElement(document, occurrence);
      return new vscode.Hover(new vscode.MarkdownString(markdown), rangeOfSpan(document, occurrence.span));
    }
    const hover = hoverAt(text, offset);
    if (hover === undefined) return undefined;
    return new vscode.Hover(new vscode.MarkdownString(hover.markdown), rangeOfSpan(document, hover.span));
  },
};

export const definitionProvider: vscode.DefinitionProvider = {
  async provideDefinition(document, position) {
    const text = document.getText();
    const offset = document.offsetAt(position);
    const occurrence = occurrenceAt(text, offset);
    if (occurrence === undefined) {
      const reference = fileReferenceAt(text, offset);
      return reference === undefined ? undefined : defineFileReference(document, reference);
    }
    const definition = occurrencesOf(text, occurrence).find((other) => other.definition);
    if (definition === undefined) return undefined;
    const target = rangeOfSpan(document, definition.span);
    const origin = rangeOfSpan(document, occurrence.span);
    return [
      { originSelectionRange: origin, targetUri: document.uri, targetRange: target, targetSelectionRange: target },
    ];
  },
};

export const referenceProvider: vscode.ReferenceProvider = {
  provideReferences(document, position, { includeDeclaration }) {
    const text = document.getText();
    const occurrence = occurrenceAt(text, document.offsetAt(position));
    if (occurrence === undefined) return undefined;
    return occurrencesOf(text, occurrence)
      .filter(({ definition }) => includeDeclaration || !definition)
      .map(({ span }) => new vscode.Location(document.uri, rangeOfSpan(document, span)));
  },
};

export const highlightProvider: vscode.DocumentHighlightProvider = {
  provideDocumentHighlights(document, position) {
    const text = document.getText();
    const occurrence = occurrenceAt(text, document.offsetAt(position));
    if (occurrence === undefined) return undefined;
    return occurrencesOf(text, occurrence).map(
      ({ span, definition }) =>
        new vscode.DocumentHighlight(
          rangeOfSpan(document, span),
          definition ? vscode.DocumentHighlightKind.Write : vscode.DocumentHighlightKind.Read,
        ),
    );
  },
};

export const renameProvider: vscode.RenameProvider = {
  prepareRename(document, position) {
    const occurrence = occurrenceAt(document.getText(), document.offsetAt(position));
    if (occurrence === undefined) throw new Error("Ids of operators and services can be renamed; this is neither.");
    return rangeOfSpan(document, occurrence.span);
  },
  provideRenameEdits(document, position, newId) {
    const text = document.getText();
    const occurrence = occurrenceAt(text, document.offsetAt(position));
    if (occurrence === undefined) return undefined;
    const problem = renameProblem(text, occurrence, newId);
    if (problem !== undefined) throw new Error(problem);
    const edit = new vscode.WorkspaceEdit();
    for (const { span } of occurrencesOf(text, occurrence))
      edit.replace(document.uri, rangeOfSpan(document, span), newId);
    return edit;
  },
};

export const symbolProvider: vscode.DocumentSymbolProvider = {
  provideDocumentSymbols(document) {
    const symbol = (entry: OutlineEntry): vscode.DocumentSymbol => {
      const range = rangeOfSpan(document, entry.span);
      const nameRange = rangeOfSpan(document, entry.nameSpan);
      const made = new vscode.DocumentSymbol(entry.name || "?", entry.detail, SYMBOLS[entry.kind], range, nameRange);
      made.children = entry.children.map(symbol);
      return made;
    };
    return outline(document.getText()).map(symbol);
  },
};

export const formattingProvider: vscode.DocumentFormattingEditProvider = {
  provideDocumentFormattingEdits(document, { tabSize, insertSpaces }) {
    const text = document.getText();
    const eol = document.eol === vscode.EndOfLine.CRLF ? "\r\n" : "\n";
    const edits = format(text, undefined, { tabSize, insertSpaces, eol, keepLines: true });
    if (applyEdits(text, edits) === text) return [];
    return edits.map((edit) => vscode.TextEdit.replace(rangeOfSpan(document, edit), edit.content));
  },
};
