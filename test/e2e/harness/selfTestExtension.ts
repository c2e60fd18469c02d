/**
 * A throw-away extension, as a map of its files: one of everything that the harness drives. It is written to a temporary
 * folder, or packed as a VSIX, by the harness's own test.
 */

const MANIFEST = {
  name: "harness-self",
  displayName: "Harness Self Test",
  publisher: "faultline-selftest",
  version: "0.0.1",
  engines: { vscode: "^1.100.0" },
  main: "./extension.js",
  activationEvents: ["onStartupFinished"],
  contributes: {
    commands: [
      { command: "selftest.hello", title: "Say Hello", category: "Self Test" },
      { command: "selftest.ask", title: "Ask", category: "Self Test" },
      { command: "selftest.confirm", title: "Confirm", category: "Self Test" },
      { command: "selftest.break", title: "Break", category: "Self Test" },
      { command: "selftest.stamp", title: "Stamp File", category: "Self Test", icon: "$(check)" },
      { command: "selftest.poke", title: "Poke Item", category: "Self Test", icon: "$(zap)" },
    ],
    customEditors: [
      { viewType: "selftest.editor", displayName: "Self Test Editor", selector: [{ filenamePattern: "*.selftest" }] },
    ],
    viewsContainers: { activitybar: [{ id: "selftest", title: "Self Test Views", icon: "icon.svg" }] },
    views: { selftest: [{ id: "selftest.tree", name: "Things" }] },
    menus: {
      "editor/title": [{ command: "selftest.stamp", when: "resourceExtname == .selftest", group: "navigation" }],
      "explorer/context": [{ command: "selftest.stamp", when: "resourceExtname == .selftest", group: "navigation" }],
      "view/item/context": [{ command: "selftest.poke", when: "view == selftest.tree", group: "inline" }],
    },
  },
};

const EXTENSION = `
const path = require("path");
const vscode = require("vscode");

function page(webview, title, text) {
  const nonce = "selftest";
  return \`<!DOCTYPE html><html><head>
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-\${nonce}'">
    <title>\${title}</title></head><body><h1>\${title}</h1><p id="text">\${text}</p><button id="count">Count</button> <button id="break">Break</button>
    <script nonce="\${nonce}">
      const host = acquireVsCodeApi();
      let count = 0;
      document.getElementById("count").addEventListener("click", () => {
        count += 1;
        document.getElementById("count").textContent = "Counted " + count;
        host.postMessage({ count });
      });
      document.getElementById("break").addEventListener("click", () => {
        new Image().src = "https://example.invalid/against-the-policy.png";
        throw new Error("thrown in the webview");
      });
    </script></body></html>\`;
}

class Things {
  getTreeItem(item) {
    const folded = item.startsWith("Fruit") ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None;
    return Object.assign(new vscode.TreeItem(item, folded), { description: item === "Pear" ? "green" : undefined });
  }
  getChildren(item) {
    return item === undefined ? ["Fruit", "Stone"] : ["Apple", "Pear"];
  }
}

exports.activate = (context) => {
  const status = vscode.window.createStatusBarItem("selftest.status", vscode.StatusBarAlignment.Left);
  status.name = "Self Test Status";
  status.text = "Count 0";
  status.command = "selftest.hello";
  status.show();
  const show = (webview, title, text) => {
    webview.options = { enableScripts: true };
    webview.html = page(webview, title, text);
    webview.onDidReceiveMessage((message) => { status.text = "Count " + message.count; });
  };
  const own = (name, handler) => context.subscriptions.push(vscode.commands.registerCommand(name, handler));
  own("selftest.hello", async () => {
    show(vscode.window.createWebviewPanel("selftest.panel", "Self Panel", vscode.ViewColumn.One).webview, "Panel", process.env.SELFTEST_WORD);
    const answer = await vscode.window.showInformationMessage("Hello from the self test", "Again");
    if (answer === "Again") vscode.window.showWarningMessage("Hello again");
  });
  own("selftest.ask", async () => {
    const colour = await vscode.window.showQuickPick(["red", "green", "greenish"], { title: "Colour" });
    const name = await vscode.window.showInputBox({ prompt: "Name" });
    const days = await vscode.window.showQuickPick(["Monday", "Tuesday", "Friday"], { title: "Days", canPickMany: true });
    vscode.window.showInformationMessage(name + " is " + colour + " on " + days.join(" and "));
  });
  own("selftest.confirm", async () => {
    const answer = await vscode.window.showWarningMessage("Really?", { modal: true, detail: "No way back." }, "Do It");
    vscode.window.showInformationMessage("Answer " + answer);
  });
  own("selftest.break", () => {
    console.error("logged in the extension");
    setTimeout(() => { throw new Error("thrown in the extension"); });
  });
  own("selftest.stamp", (uri) => vscode.window.showInformationMessage("Stamped " + uri.path.split("/").pop()));
  own("selftest.poke", (item) => vscode.window.showInformationMessage("Poked " + item));
  context.subscriptions.push(
    status,
    vscode.window.registerTreeDataProvider("selftest.tree", new Things()),
    vscode.window.registerCustomEditorProvider("selftest.editor", {
      resolveCustomTextEditor: (document, panel) => show(panel.webview, path.basename(document.uri.path), document.getText()),
    }),
  );
};
`;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"><circle cx="12" cy="12" r="9"/></svg>`;

/** Path → content. */
export const SELF_TEST_EXTENSION: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify(MANIFEST, null, 2),
  "README.md": "# Harness Self Test\n\nThrown away after the test that made it.\n",
  "extension.js": EXTENSION,
  "icon.svg": ICON,
};
