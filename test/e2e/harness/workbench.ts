/**
 * One window of VS Code in a browser, as a person sees it: commands, files, views, menus, webviews.
 *
 * A window is handed out only after VS Code has restored its workbench and, where a command is named, after that command
 * is there: a custom editor opened earlier comes up as text now and then. Nothing here sleeps for a fixed time.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import type { FrameLocator, Locator, Page } from "playwright-core";
import { type Browser, type BrowserOptions, openBrowser } from "./browser";
import { until, within } from "./condition";
import { type Problem, collectProblems } from "./consoleProblems";
import { type TextMatch, exactly, titled } from "./locatorText";
import { chooseFromMenu } from "./menu";
import { Notifications } from "./notifications";
import { QuickInput } from "./quickInput";
import { TreeView } from "./treeView";
import type { VscodeServer } from "./vscodeServer";
import { webview, webviewShowing } from "./webview";

const OUTPUT = join(__dirname, "..", "..", "..", ".test-output");

export interface WorkbenchOptions extends BrowserOptions {
  /** A command (id or palette label) that must be there before the window is handed out. */
  readonly ready?: string;
  /** The folder of an extension that is loaded from its sources, on top of what is installed. */
  readonly extensionDevelopmentPath?: string;
  /** Limit for all of opening, in milliseconds. Default 60,000. */
  readonly limitMs?: number;
}

export interface PictureOptions {
  /** Only this part of the window, in CSS pixels. */
  readonly clip?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Only this element. */
  readonly of?: Locator;
}

export class Workbench {
  readonly page: Page;
  readonly quickInput: QuickInput;
  readonly notifications: Notifications;
  /** Console errors and exceptions of the page so far, VS Code's own included. */
  readonly problems: readonly Problem[];

  private constructor(
    readonly server: VscodeServer,
    private readonly browser: Browser,
    private readonly ready: string | undefined,
  ) {
    this.page = browser.page;
    this.quickInput = new QuickInput(this.page);
    this.notifications = new Notifications(this.page);
    this.problems = collectProblems(this.page);
  }

  /** @throws Error when the window, or the command in `ready`, is not there in time; the browser is closed then. */
  static async open(server: VscodeServer, options: WorkbenchOptions = {}): Promise<Workbench> {
    const browser = await openBrowser(server, options);
    const workbench = new Workbench(server, browser, options.ready);
    const development = options.extensionDevelopmentPath;
    const address = server.windowUrl(
      development === undefined ? [] : [["extensionDevelopmentPath", server.remoteUri(development)]],
    );
    try {
      const opened = workbench.page.goto(address).then(() => workbench.restored());
      await within("Opening a window of VS Code", options.limitMs ?? 60_000, opened);
      return workbench;
    } catch (error) {
      await workbench.keepEvidence("window-did-not-open").catch(() => undefined);
      await workbench.close();
      throw error;
    }
  }

  /** Loads the window again, as "Developer: Reload Window" does: a new extension host, editors and views restored. */
  async reload(): Promise<void> {
    // Not the browser's reload: VS Code may then not come to write down which editors are open.
    const loaded = this.page.waitForEvent("domcontentloaded", { timeout: 30_000 });
    await Promise.all([loaded, this.quickInput.startCommand("workbench.action.reloadWindow")]);
    await this.restored();
  }

  /** Closes the window. VS Code ends its extension host a few seconds later, when nobody has come back. */
  async close(): Promise<void> {
    await this.browser.close();
  }

  // ---- Commands and keys

  /** Runs a command through the palette, by its id or its label there ("Category: Title"). Waits for it to be there. */
  async runCommand(command: string): Promise<void> {
    await this.quickInput.runCommand(command);
  }

  async hasCommand(command: string): Promise<boolean> {
    const found = await this.quickInput.findCommand(command);
    if (found) await this.quickInput.cancel();
    return found;
  }

  // ---- Editors

  /** Opens a file of the workspace, or an absolute path, with the editor that VS Code chooses; waits for its tab. */
  async openFile(path: string): Promise<void> {
    const absolute = isAbsolute(path) ? path : join(this.server.workspace, path);
    await this.quickInput.open("Control+p", "");
    await this.quickInput.filter(absolute);
    const row = this.quickInput.row(basename(path));
    await row.waitFor();
    await row.click();
    await this.activeTab(basename(path));
  }

  /** Waits until the tab with this title is the active one of the active group. */
  async activeTab(title: string): Promise<void> {
    await this.page.locator(".editor-group-container.active").locator(tabSelector(title, ".active")).waitFor();
  }

  /** The titles of all tabs, group by group. */
  async tabs(): Promise<string[]> {
    return this.page
      .locator(".editor-group-container .tab")
      .evaluateAll((tabs) =>
        tabs.map((tab) =>
          [...tab.querySelectorAll(".label-name, .label-suffix")].map((part) => part.textContent ?? "").join(""),
        ),
      );
  }

  /** The tab with this title: the first one, or that in a group by its number from the left, from 0. */
  tab(title: string, group?: number): Locator {
    const groups = this.page.locator(".editor-group-container");
    return (group === undefined ? groups : groups.nth(group)).locator(tabSelector(title)).first();
  }

  /** In the text editor in front, puts the cursor there (from 1) and waits until what is typed goes there. */
  async goTo(line: number, column: number): Promise<void> {
    await this.quickInput.open("Control+g", ":");
    await this.quickInput.type(`:${line}:${column}`);
    await this.quickInput.widget.waitFor({ state: "hidden" });
    await this.statusBarItem({ text: `Ln ${line}, Col ${column}` }).waitFor();
    await this.page.locator(".editor-group-container.active .monaco-editor.focused").waitFor();
  }

  /** Presses a button at the right of the active group's tabs, by its title. */
  async editorAction(title: string): Promise<void> {
    await this.page
      .locator(`.editor-group-container.active .editor-actions .action-label${titled(title)}`)
      .first()
      .click();
  }

  /** Chooses from the "..." menu at the right of the active group's tabs. */
  async editorMenu(...entries: readonly string[]): Promise<void> {
    await this.editorAction("More Actions...");
    await chooseFromMenu(this.page, entries);
  }

  /** Chooses from the context menu of an element. */
  async contextMenu(element: Locator, ...entries: readonly string[]): Promise<void> {
    await element.click({ button: "right" });
    await chooseFromMenu(this.page, entries);
  }

  // ---- Views

  /** The file explorer. Opens it. */
  async explorer(): Promise<TreeView> {
    await this.showViewContainer("Explorer");
    return new TreeView(this.page, this.page.locator(".explorer-folders-view"));
  }

  /** Opens a view container of the activity bar by its title. */
  async showViewContainer(title: string): Promise<void> {
    const label = `.action-label${titled(title)}`;
    const item = this.page.locator(`.activitybar .action-item:has(${label})`).first();
    await until(`the view container ${title} to open`, async () => {
      if ((await item.getAttribute("aria-expanded")) === "true") return true;
      await item.locator(label).click();
      return false;
    });
  }

  /** A tree view in the side bar or the panel, by its title; its view container must be open. Unfolds it. */
  async tree(title: string): Promise<TreeView> {
    return new TreeView(this.page, await this.view(title));
  }

  /** The element of a view, by its title; its view container must be open. Unfolds it. */
  async view(title: string): Promise<Locator> {
    const header = this.page.locator(`.pane-header${titled(title)}`).first();
    await header.waitFor({ state: "attached" });
    const pane = header.locator("xpath=..");
    // The only view of a container has no header of its own to fold it by.
    if ((await header.isVisible()) && (await header.getAttribute("aria-expanded")) === "false") await header.click();
    return pane;
  }

  // ---- Status bar, dialogs, webviews

  /** An item of the status bar: by its id ("publisher.extension.item"), or by the text it shows. */
  statusBarItem(item: { readonly id: string } | { readonly text: TextMatch }): Locator {
    const items = this.page.locator(".statusbar-item");
    return "id" in item
      ? this.page.locator(`.statusbar-item[id=${JSON.stringify(item.id)}]`)
      : items.filter({ hasText: item.text });
  }

  /** Waits for a modal dialog with this message and presses one of its buttons. */
  async answerDialog(message: TextMatch, button: string): Promise<void> {
    const dialog = this.page.locator(".monaco-dialog-box").filter({ hasText: message });
    await dialog.locator(".monaco-button", { hasText: exactly(button) }).click();
    await dialog.waitFor({ state: "hidden" });
  }

  /** Waits for Restricted Mode, which a server with `workspaceTrust` opens in, and trusts the workspace. */
  async trustWorkspace(): Promise<void> {
    const restricted = this.statusBarItem({ text: "Restricted Mode" });
    await restricted.waitFor();
    await this.runCommand("workbench.trust.manage");
    await this.page.locator(".workspace-trust-editor .monaco-button", { hasText: exactly("Trust") }).click();
    await restricted.waitFor({ state: "hidden" });
  }

  /** The inside of the only webview in sight, or of the one with this title. Waits for its content. */
  async webview(title?: TextMatch, limitMs?: number): Promise<FrameLocator> {
    return webview(this.page, title, limitMs);
  }

  /** The same once it shows a text. */
  async webviewShowing(title: TextMatch, text: RegExp): Promise<FrameLocator> {
    return webviewShowing(this.page, title, text);
  }

  // ---- Problems, pictures and evidence

  /** Errors of extensions and webviews so far: logged, thrown, or against a content security policy. */
  extensionProblems(): readonly Problem[] {
    return this.problems.filter((problem) => problem.origin !== "workbench");
  }

  /** Takes a picture into .test-output/screenshots/NAME.png and returns the file's path. */
  async screenshot(name: string, options: PictureOptions = {}): Promise<string> {
    const folder = join(OUTPUT, "screenshots");
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${name}.png`);
    const { clip, of } = options;
    if (of !== undefined) await of.screenshot({ path, animations: "disabled" });
    else await this.page.screenshot({ path, animations: "disabled", ...(clip === undefined ? {} : { clip }) });
    return path;
  }

  /** For a test that failed: a picture of the window, what the page complained of, and what the server wrote. */
  async keepEvidence(name: string): Promise<string> {
    const folder = join(OUTPUT, "failures", name.replace(/[^\w.-]+/g, "-").slice(0, 100));
    mkdirSync(folder, { recursive: true });
    const problems = this.problems
      .map((problem) => `${problem.origin} ${problem.kind} ${problem.url}\n${problem.text}\n`)
      .join("\n");
    writeFileSync(join(folder, "problems.txt"), problems);
    writeFileSync(join(folder, "server.txt"), this.server.log());
    await this.page.screenshot({ path: join(folder, "window.png"), timeout: 5_000 });
    return folder;
  }

  private async restored(): Promise<void> {
    await this.page.waitForFunction("globalThis.driver !== undefined", undefined, { timeout: 60_000 });
    await this.page.evaluate("globalThis.driver.whenWorkbenchRestored()");
    const command = this.ready;
    if (command === undefined) return;
    await until(`the command ${command}`, () => this.hasCommand(command), { limitMs: 60_000 });
  }
}

/** A tab shows its title in pieces. Its accessible name has it whole, with ", preview" or the like behind it. */
function tabSelector(title: string, state = ""): string {
  return `.tab${state}:is([aria-label=${JSON.stringify(title)}], [aria-label^=${JSON.stringify(`${title}, `)}])`;
}
