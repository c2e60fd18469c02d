/** The inside of webviews: panels, custom editors and webview views. */
import type { FrameLocator, Page } from "playwright-core";
import { until } from "./condition";
import { matches, type TextMatch } from "./locatorText";

/**
 * The content of the one webview in sight, or of the one with this title: a panel's title, a custom editor's file name, a
 * webview view's title. Waits until its document has replaced the empty one it starts with.
 *
 * @throws Error when there is no such webview within the limit, or more than one.
 */
export async function webview(page: Page, title?: TextMatch, limitMs = 30_000): Promise<FrameLocator> {
  let seen: readonly ShownWebview[] = [];
  const name = await until(
    title === undefined ? "one webview" : `one webview ${String(title)}`,
    async () => {
      seen = await shownWebviews(page);
      const fitting = seen.filter((shown) => title === undefined || matches(shown.title, title));
      return fitting.length === 1 && fitting[0]?.name;
    },
    { limitMs, onLimit: () => `In sight: ${JSON.stringify(seen.map((shown) => shown.title))}` },
  );
  return page.frameLocator(`iframe.webview[name="${name}"]`).frameLocator("iframe#active-frame");
}

/** The titles of the webviews in sight whose content has come. */
export async function webviewTitles(page: Page): Promise<string[]> {
  return (await shownWebviews(page)).map((shown) => shown.title);
}

interface ShownWebview {
  readonly name: string;
  readonly title: string;
}

async function shownWebviews(page: Page): Promise<ShownWebview[]> {
  const shown: ShownWebview[] = [];
  for (const outer of await page.locator("iframe.webview").all()) {
    // A webview may go while we look: it is then not in sight.
    const name = await outer.getAttribute("name", { timeout: 1_000 }).catch(() => null);
    if (name === null || !(await outer.isVisible())) continue;
    const content = outer.contentFrame().locator("iframe#active-frame");
    const own = await content.getAttribute("title", { timeout: 200 }).catch(() => null);
    if (own === null) continue;
    if (own !== "" && own !== "undefined") {
      shown.push({ name, title: own });
      continue;
    }
    // A custom editor gives its frame no title. The page in it may have one; what lies around it is another's while tabs change.
    const ofPage = await content.evaluate(titleOfPage, undefined, { timeout: 200 }).catch(() => "");
    shown.push({ name, title: ofPage !== "" ? ofPage : await outer.evaluate(titleAround) });
  }
  return shown;
}

function titleOfPage(frame: Element): string {
  return (frame as HTMLIFrameElement).contentDocument?.title ?? "";
}

/** Runs in the page. Webviews float above the workbench: what one belongs to is what it covers. */
function titleAround(frame: Element): string {
  const covers = (element: Element): boolean => {
    const box = frame.getBoundingClientRect();
    const around = element.getBoundingClientRect();
    const x = box.left + box.width / 2;
    const y = box.top + box.height / 2;
    return around.left <= x && x <= around.right && around.top <= y && y <= around.bottom;
  };
  const group = [...document.querySelectorAll(".editor-group-container")].find(covers);
  if (group !== undefined) {
    const parts = [...group.querySelectorAll(".tab.active :is(.label-name, .label-suffix)")];
    return parts.map((part) => part.textContent ?? "").join("");
  }
  const pane = [...document.querySelectorAll(".pane")].find(covers);
  return pane?.querySelector(".pane-header .title")?.textContent?.trim() ?? "";
}
