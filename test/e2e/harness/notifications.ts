/**
 * Notifications, read in the notification centre: with its test driver on, VS Code shows no toasts. Modal messages are dialogs and come
 * up as ever.
 */
import type { Locator, Page } from "playwright-core";
import { until } from "./condition";
import { exactly, matches, type TextMatch } from "./locatorText";

export class Notifications {
  private readonly center: Locator;
  private readonly title: Locator;
  private readonly items: Locator;

  constructor(private readonly page: Page) {
    this.center = page.locator(".notifications-center.visible");
    this.title = this.center.locator(".notifications-center-header-title");
    this.items = this.center.locator(".monaco-list-row");
  }

  /** The messages that are there now, the newest first. Opens the centre. */
  async messages(): Promise<string[]> {
    return (await this.show()) ? this.items.locator(".notification-list-item-message").allInnerTexts() : [];
  }

  /** Waits for a notification with this text and gives its element. Leaves the centre open. */
  async waitFor(text: TextMatch, limitMs = 20_000): Promise<Locator> {
    const seen: { messages: string[] } = { messages: [] };
    await until(
      `a notification ${String(text)}`,
      async () => {
        seen.messages = await this.messages();
        return seen.messages.some((message) => matches(message, text));
      },
      { limitMs, onLimit: () => `There were: ${JSON.stringify(seen.messages)}` },
    );
    return this.item(text);
  }

  /** Waits for the notification, then presses its button. */
  async press(text: TextMatch, button: string): Promise<void> {
    const item = await this.waitFor(text);
    const wanted = item.locator(".monaco-button", { hasText: exactly(button) });
    if (!(await wanted.isVisible())) {
      await item.hover();
      await item.locator(".action-label[aria-label^='Expand Notification']").click();
    }
    await wanted.click();
  }

  /** Removes all of them and closes the centre. */
  async clear(): Promise<void> {
    await until("the notifications to go", async () => {
      if (!(await this.show())) return true;
      await this.center.locator(".action-label[aria-label^='Clear All']").click({ timeout: 1_000 });
      return !(await this.show());
    });
    await this.hide();
  }

  async hide(): Promise<void> {
    await until("the notification centre to close", async () => {
      if (!(await this.center.isVisible())) return true;
      await this.page.locator("#status\\.notifications").click();
      return false;
    });
  }

  private item(text: TextMatch): Locator {
    return this.items.filter({ has: this.page.locator(".notification-list-item-message", { hasText: text }) }).first();
  }

  /** Opens the centre; false when there is nothing in it. */
  private async show(): Promise<boolean> {
    if (!(await this.center.isVisible())) {
      await this.page.locator("#status\\.notifications").click();
      await this.center.waitFor();
    }
    // Of notifications that went while it was closing, the centre may still show the last.
    if (/^no new notifications$/i.test(await this.title.innerText())) return false;
    return (await this.items.count()) > 0;
  }
}
