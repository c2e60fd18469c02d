/** VS Code's quick input, the one widget behind the command palette, quick open, quick picks and input boxes. */
import type { Locator, Page } from "playwright-core";
import { holdsWithin, until } from "./condition";
import { exactly } from "./locatorText";

/** Matches no command and is similar to none: it holds no word. */
const NOTHING = ">\u2400\u2400";

export class QuickInput {
  readonly widget: Locator;
  readonly input: Locator;
  /** Entries of the list; it is virtual, so that only those in sight are there. */
  readonly rows: Locator;
  /** Prompt or validation message. */
  readonly message: Locator;
  readonly title: Locator;

  constructor(private readonly page: Page) {
    // While it fades out it can still be seen but takes no input.
    this.widget = page.locator(".quick-input-widget:visible:not([inert])");
    this.input = this.widget.locator(".quick-input-box input");
    this.rows = this.widget.locator(".quick-input-list .monaco-list-row");
    this.message = this.widget.locator(".quick-input-message");
    this.title = this.widget.locator(".quick-input-title");
  }

  /** The labels in sight. */
  async labels(): Promise<string[]> {
    return this.rows.locator(".label-name").allInnerTexts();
  }

  /** Waits for a pick or box to be there; with `title`, for the one with this title, placeholder or prompt. */
  async shown(title?: string): Promise<void> {
    await until(`a quick input${title === undefined ? "" : ` "${title}"`}`, async () => {
      if (!(await this.input.isVisible())) return false;
      if (title === undefined) return true;
      const texts = [
        await this.title.textContent(),
        await this.input.getAttribute("placeholder"),
        await this.message.textContent(),
      ];
      return texts.some((text) => text !== null && text.trim() !== "" && text.includes(title));
    });
  }

  /** Chooses the entry with exactly this label from the quick pick that is open or about to open. */
  async choose(label: string): Promise<void> {
    await this.filter(label);
    await this.row(label).click();
  }

  /** In a pick of many: sets the ticks of these entries; accept() ends it. */
  async tick(...labels: readonly string[]): Promise<void> {
    for (const label of labels) {
      await this.filter(label);
      await this.row(label).click();
    }
    await this.input.fill("");
  }

  /** Replaces what stands in the box, without accepting it. */
  async filter(text: string): Promise<void> {
    await this.input.fill(text);
  }

  /** Replaces what stands in the box that is open or about to open, and accepts it. */
  async type(text: string): Promise<void> {
    await this.input.fill(text);
    await this.input.press("Enter");
  }

  async accept(): Promise<void> {
    await this.input.press("Enter");
  }

  /** Closes whatever quick input is open. */
  async cancel(): Promise<void> {
    // To the input, not to the page: a webview may have taken the focus back.
    await until("the quick input to close", async () => {
      if (await this.input.isVisible()) await this.input.press("Escape", { timeout: 1_000 });
      await this.input.waitFor({ state: "hidden", timeout: 1_000 });
      return true;
    });
  }

  /** The entry with exactly this label. */
  row(label: string): Locator {
    return this.rows.filter({ has: this.page.locator(".label-name", { hasText: exactly(label) }) }).first();
  }

  /**
   * Whether the palette offers the command now: an id ("faultline.run") or a label as the palette shows it ("Faultline:
   * Run Job"). Leaves the palette open with the command in focus when it does, and closes it when it does not.
   */
  async findCommand(command: string): Promise<boolean> {
    await this.open("F1", ">");
    // From a list that is known to be empty, whatever comes after the next change belongs to that change.
    await this.input.fill(NOTHING);
    await this.noMatch.waitFor();
    await this.input.fill(`>${command}`);
    const wanted = isCommandId(command) ? this.rows.first() : this.row(command);
    const found = await holdsWithin(
      700,
      async () => (await this.noMatch.count()) === 0 && (await wanted.isVisible()) && !(await this.onlySimilar()),
    );
    if (!found) await this.cancel();
    return found;
  }

  /**
   * Runs a command that the palette offers or will offer soon.
   * @throws Error when it is not there within the limit.
   */
  async runCommand(command: string, limitMs = 20_000): Promise<void> {
    await this.startCommand(command, limitMs);
    // The command may open a quick input of its own: then it is another one.
    await until("the palette to close", async () => {
      if (!(await this.input.isVisible())) return true;
      return (await this.input.inputValue({ timeout: 1_000 })) !== `>${command}`;
    });
  }

  /** As runCommand, but without waiting for the palette to close: for a command that ends the page. */
  async startCommand(command: string, limitMs = 20_000): Promise<void> {
    await until(`the command ${command} in the palette`, () => this.findCommand(command), { limitMs });
    if (isCommandId(command)) await this.rows.first().click();
    else await this.row(command).click();
  }

  /** Opens it by a key, in place of one that is open, and waits until it holds what that key gives. */
  async open(key: string, prefix: string): Promise<void> {
    await until("the quick input to open", async () => {
      if (await this.input.isVisible()) {
        if ((await this.input.inputValue({ timeout: 1_000 })) === prefix) return true;
        await this.cancel();
      }
      await this.page.keyboard.press(key);
      await this.input.waitFor({ timeout: 1_000 });
      return (await this.input.inputValue({ timeout: 1_000 })) === prefix;
    });
  }

  /** Where nothing matches, the palette may offer commands with similar words: none of those is meant. */
  private async onlySimilar(): Promise<boolean> {
    const separator = this.rows.first().locator(".quick-input-list-separator");
    // A row that is used again keeps the text of a separator that it does not show any more.
    if ((await separator.count()) === 0 || !(await separator.isVisible())) return false;
    return /similar commands/i.test(await separator.innerText());
  }

  private get noMatch(): Locator {
    return this.rows.filter({ has: this.page.locator(".label-name", { hasText: /^No matching (commands|results)$/ }) });
  }
}

function isCommandId(command: string): boolean {
  return /^[\w-]+(\.[\w-]+)+$/.test(command);
}
