/** The inside of webviews: panels, custom editors and webview views. */
import type { FrameLocator, Page } from "playwright-core";
import { until } from "./condition";
import { matches, type TextMatch } from "./locatorText";

/**
 * The content of the one webview in sight, or of the one with this title: a panel's title, a webview view's title, or the
 * title of the page in a custom editor. Waits until its document has replaced the empty one it starts with.
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

/** {@link webview} as soon as it shows the text: looked for anew until then, since VS Code makes a webview anew when its tab was covered for a moment. */
export async function webviewShowing(page: Page, title: TextMatch, text: RegExp): Promise<FrameLocator> {
  return until(
    `the webview ${String(title)} to show ${String(text)}`,
    async () => {
      const found = await webview(page, title, 1_000);
      return (await found.getByText(text).first().isVisible()) && found;
    },
    { limitMs: 30_000 },
  );
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
    // A custom editor gives its frame no title: its page has one. The tab that it lies under is another's while tabs change.
    const title =
      own !== "" && own !== "undefined"
        ? own
        : await content.evaluate(titleOfPage, undefined, { timeout: 1_000 }).catch(() => "");
    shown.push({ name, title });
  }
  return shown;
}

function titleOfPage(frame: Element): string {
  return (frame as HTMLIFrameElement).contentDocument?.title ?? "";
}
