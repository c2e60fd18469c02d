/** Errors that the page wrote to the browser's console or threw, without those that this VS Code always has. */
import type { Page } from "playwright-core";

export interface Problem {
  readonly kind: "console" | "exception";
  readonly text: string;
  /** The document or script it comes from; webviews have an address with /webview/ in it. */
  readonly url: string;
}

/** A VS Code whose native modules were not compiled, and which is not Microsoft's build, says so. */
const ALWAYS_THERE = [/\/vsda\/rust\/web\//, /Could not locate the bindings file/, /native-watchdog/] as const;

/** Collects from now on; the array grows. */
export function collectProblems(page: Page): readonly Problem[] {
  const problems: Problem[] = [];
  const add = (problem: Problem): void => {
    if (!ALWAYS_THERE.some((known) => known.test(problem.text) || known.test(problem.url))) problems.push(problem);
  };
  page.on("console", (message) => {
    if (message.type() === "error") add({ kind: "console", text: message.text(), url: message.location().url });
  });
  page.on("pageerror", (error) => add({ kind: "exception", text: error.stack ?? error.message, url: page.url() }));
  return problems;
}
