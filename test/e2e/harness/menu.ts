/** Context menus and drop-down menus: whichever one is open. */
import type { Locator, Page } from "playwright-core";
import { until } from "./condition";
import { exactly } from "./locatorText";

/** The labels of the menu that is open, separators left out. */
export async function menuLabels(page: Page): Promise<string[]> {
  await openMenu(page).first().waitFor();
  return page.locator(".monaco-menu .action-item:not(.disabled) span.action-label").allInnerTexts();
}

/** Follows the labels through the menu that is open or about to open, submenu by submenu, and presses the last. */
export async function chooseFromMenu(page: Page, labels: readonly string[]): Promise<void> {
  const parents = labels.slice(0, -1);
  for (const label of parents) await entry(page, label).hover();
  const last = labels.at(-1);
  if (last === undefined) throw new Error("No entry of the menu was named.");
  // A menu takes no clicks in its first moments, so that the click that opened it does not choose an entry. A click that
  // counts closes the menu before it does anything else.
  const menu = openMenu(page).first();
  await entry(page, last).waitFor();
  await until(`the menu to take ${last}`, async () => {
    await entry(page, last).click({ timeout: 1_000 });
    await menu.waitFor({ state: "hidden", timeout: 500 });
    return true;
  });
}

export async function closeMenu(page: Page): Promise<void> {
  await until("the menu to close", async () => {
    if (!(await openMenu(page).first().isVisible())) return true;
    await page.keyboard.press("Escape");
    return false;
  });
}

function openMenu(page: Page): Locator {
  return page.locator(".monaco-menu-container .monaco-menu");
}

function entry(page: Page, label: string): Locator {
  return page
    .locator(".monaco-menu .action-item")
    .filter({ has: page.locator("span.action-label", { hasText: exactly(label) }) })
    .last();
}
