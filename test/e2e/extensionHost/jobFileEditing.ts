/** Runs inside the extension host, beside the installed extension: what a person who edits a job file gets. */
import assert from "node:assert/strict";
import * as vscode from "vscode";

const ID = "faultline.faultline";
const JOB = "language-detection.faultline.json";

function file(name: string): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder);
  return vscode.Uri.joinPath(folder.uri, name);
}

/** Resolves with the diagnostics of the file as soon as they are as wanted. */
async function diagnostics(
  uri: vscode.Uri,
  wanted: (found: readonly vscode.Diagnostic[]) => boolean,
): Promise<vscode.Diagnostic[]> {
  for (;;) {
    const found = vscode.languages.getDiagnostics(uri);
    if (wanted(found)) return found;
    await new Promise<void>((resolve) => {
      const subscription = vscode.languages.onDidChangeDiagnostics((event) => {
        if (!event.uris.some((changed) => changed.toString() === uri.toString())) return;
        subscription.dispose();
        resolve();
      });
    });
  }
}

function positionOf(document: vscode.TextDocument, text: string, inside = 1): vscode.Position {
  const offset = document.getText().indexOf(text);
  assert.ok(offset >= 0, `${text} is in the document`);
  return document.positionAt(offset + inside);
}

async function replace(document: vscode.TextDocument, from: string, to: string): Promise<void> {
  const start = positionOf(document, from, 0);
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, new vscode.Range(start, document.positionAt(document.offsetAt(start) + from.length)), to);
  assert.ok(await vscode.workspace.applyEdit(edit));
}

describe("the installed extension", () => {
  it("has a handler for every command of its manifest, and no other command", async () => {
    const extension = vscode.extensions.getExtension(ID);
    assert.ok(extension, "it is installed");
    await extension.activate();
    const manifest = extension.packageJSON as {
      readonly contributes: { readonly commands: readonly { readonly command: string }[] };
    };
    const declared = manifest.contributes.commands.map(({ command }) => command).sort();
    const registered = (await vscode.commands.getCommands(true)).filter((command) =>
      /^faultline\.[A-Za-z]+$/.test(command),
    );
    assert.deepEqual(registered.sort(), declared);
  });
});

describe("editing a job file", () => {
  let document: vscode.TextDocument;

  before(async () => {
    document = await vscode.workspace.openTextDocument(file(JOB));
    await vscode.window.showTextDocument(document);
  });

  afterEach(async () => {
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });

  it("is in its own language and has nothing to complain of in the example", async () => {
    assert.equal(document.languageId, "faultline-job");
    assert.deepEqual(await diagnostics(document.uri, (found) => found.length === 0), []);
  });

  it("names what is wrong as it is typed, with code, place and hint, and mends it", async () => {
    await replace(document, '"from": "features"', '"from": "featurs"');
    const all = await diagnostics(document.uri, (seen) => seen.some(({ code }) => code === "FL1010"));
    const found = all.find(({ code }) => code === "FL1010");
    assert.ok(found);
    assert.equal(found.source, "faultline");
    assert.equal(document.getText(found.range), '"featurs"');
    assert.match(found.message, /Did you mean "features"\?/);
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      "vscode.executeCodeActionProvider",
      document.uri,
      found.range,
    );
    const fix = actions.find(({ title }) => title === 'Change to "features"');
    assert.ok(fix?.edit && fix.isPreferred);
    assert.ok(await vscode.workspace.applyEdit(fix.edit));
    assert.deepEqual(await diagnostics(document.uri, (seen) => seen.length === 0), []);
  });

  it("completes ids, choices, exports and model files", async () => {
    const labelsAt = async (position: vscode.Position): Promise<string[]> => {
      const list = await vscode.commands.executeCommand<vscode.CompletionList>(
        "vscode.executeCompletionItemProvider",
        document.uri,
        position,
      );
      return list.items.map(({ label }) => (typeof label === "string" ? label : label.label));
    };
    assert.deepEqual((await labelsAt(positionOf(document, '"langid",', 2))).sort(), ["langid"]);
    assert.ok((await labelsAt(positionOf(document, '"region"', 2))).includes("full"));
    const exported = await labelsAt(positionOf(document, "functions/messages.ts#toFeatures", 25));
    assert.ok(exported.includes("toFeatures") && exported.includes("request") && exported.includes("response"));
    assert.ok((await labelsAt(positionOf(document, "model/langid.onnx", 3))).includes("model/langid.onnx"));
  });

  it("says on hover what a field is and which region an operator is in", async () => {
    const textAt = async (position: vscode.Position): Promise<string> => {
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
        "vscode.executeHoverProvider",
        document.uri,
        position,
      );
      return hovers
        .flatMap(({ contents }) => contents.map((one) => (typeof one === "string" ? one : one.value)))
        .join("\n");
    };
    assert.match(await textAt(positionOf(document, '"failoverStrategy"')), /jobmanager\.execution\.failover-strategy/);
    assert.match(await textAt(positionOf(document, '"classify"')), /In region .*restarts all of them/);
    assert.match(await textAt(positionOf(document, '"langid"')), /2 instances.*\n*.*fails and restarts alone/);
  });

  it("goes from an edge to the operator and from a function to its source", async () => {
    const go = async (position: vscode.Position): Promise<vscode.LocationLink> => {
      const found = await vscode.commands.executeCommand<(vscode.LocationLink | vscode.Location)[]>(
        "vscode.executeDefinitionProvider",
        document.uri,
        position,
      );
      const [first] = found;
      assert.ok(first);
      return "targetUri" in first ? first : { targetUri: first.uri, targetRange: first.range };
    };
    const operator = await go(positionOf(document, '"to": "perLanguage"', 8));
    assert.equal(document.getText(operator.targetRange), "perLanguage");
    const source = await go(positionOf(document, "functions/messages.ts#request", 5));
    assert.ok(source.targetUri.path.endsWith("/functions/messages.ts"));
    const module = await vscode.workspace.openTextDocument(source.targetUri);
    assert.equal(module.getText(source.targetRange), "request");
  });

  it("renames an operator everywhere", async () => {
    const edit = await vscode.commands.executeCommand<vscode.WorkspaceEdit>(
      "vscode.executeDocumentRenameProvider",
      document.uri,
      positionOf(document, '"classify"', 2),
      "detect",
    );
    assert.equal(edit.get(document.uri).length, 4);
    assert.ok(await vscode.workspace.applyEdit(edit));
    assert.ok(!document.getText().includes('"classify"'));
    assert.deepEqual(await diagnostics(document.uri, (all) => all.length === 0), []);
  });

  it("has an outline and lenses", async () => {
    const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
      "vscode.executeDocumentSymbolProvider",
      document.uri,
    );
    const operators = symbols.find(({ name }) => name === "operators");
    assert.deepEqual(
      operators?.children.map(({ name }) => name),
      ["texts", "features", "classify", "perLanguage", "counts", "messages"],
    );
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      "vscode.executeCodeLensProvider",
      document.uri,
      100,
    );
    const titles = lenses.map(({ command }) => command?.title ?? "");
    assert.ok(titles.some((title) => title.endsWith("Run")) && titles.some((title) => title.endsWith("Graph")));
    assert.equal(titles.filter((title) => /region/.test(title)).length, 7);
  });
});
