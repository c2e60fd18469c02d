/** A tree in the side bar or the panel: the explorer, or a view that an extension contributes. */
import type { Locator, Page } from "playwright-core";
import { until } from "./condition";
import { exactly, titled } from "./locatorText";
import { chooseFromMenu } from "./menu";

/**
 * Items are found by their label. The list is virtual: an item out of sight is not there until scrolled to or filtered.
 * Where two items have one label, the first in sight is meant.
 */
export class TreeView {
  constructor(
    private readonly page: Page,
    /** The part that holds this tree and no other. */
    readonly container: Locator,
  ) {}

  /** The items in sight. */
  get items(): Locator {
    return this.container.locator("[role=treeitem]");
  }

  /** The labels in sight, from top to bottom. */
  async labels(): Promise<string[]> {
    return this.items.locator(".label-name").allInnerTexts();
  }

  item(label: string): Locator {
    return this.items.filter({ has: this.page.locator(".label-name", { hasText: exactly(label) }) }).first();
  }

  /** What stands in grey after the label. */
  async description(label: string): Promise<string> {
    return (await this.item(label).locator(".label-description").innerText()).trim();
  }

  async select(label: string): Promise<void> {
    await this.item(label).click();
  }

  /** Unfolds the items one after the other, each below the one before. */
  async expand(...path: readonly string[]): Promise<void> {
    for (const label of path) await this.fold(label, true);
  }

  async collapse(label: string): Promise<void> {
    await this.fold(label, false);
  }

  /** Presses an inline action of an item, by the action's title. */
  async inlineAction(label: string, title: string): Promise<void> {
    const item = this.item(label);
    await item.hover();
    await item.locator(`.actions .action-label${titled(title)}`).click();
  }

  /** Chooses from the context menu of an item: the labels of the menu entry, with those of the submenus before it. */
  async contextMenu(label: string, ...entries: readonly string[]): Promise<void> {
    await this.item(label).click({ button: "right" });
    await chooseFromMenu(this.page, entries);
  }

  private async fold(label: string, expanded: boolean): Promise<void> {
    const item = this.item(label);
    const isDone = async (): Promise<boolean> => (await item.getAttribute("aria-expanded")) === String(expanded);
    await item.waitFor();
    if (await isDone()) return;
    await item.locator(".monaco-tl-twistie").click();
    await until(`${label} to be ${expanded ? "unfolded" : "folded"}`, isDone);
  }
}
