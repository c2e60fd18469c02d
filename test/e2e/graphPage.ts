/** The graph view as a test sees it: its cells, how they look, and a record of every look they ever had. */
import type { FrameLocator, Locator } from "playwright-core";
import { until } from "./harness/condition";

/** `VERTEX#INDEX` → what it looked like, one after the other, from the moment the record began. */
export type LookRecord = Readonly<Record<string, readonly string[]>>;

export class GraphPage {
  constructor(readonly frame: FrameLocator) {}

  vertex(id: string): Locator {
    return this.frame.locator(`.vertex[data-vertex=${JSON.stringify(id)}]`);
  }

  /** A subtask's or a service instance's cell. */
  cell(vertex: string, index: number): Locator {
    return this.vertex(vertex).locator(`.cell[data-index="${index}"]`);
  }

  get cells(): Locator {
    return this.frame.locator(".vertex .cell");
  }

  get regions(): Locator {
    return this.frame.locator("[data-region]");
  }

  get status(): Locator {
    return this.frame.locator(".status");
  }

  button(label: string): Locator {
    return this.frame.locator(`vscode-button[aria-label=${JSON.stringify(label)}]`);
  }

  async choose(...labels: readonly string[]): Promise<void> {
    for (const label of labels) await this.frame.locator(".menu [role=menuitem]", { hasText: label }).first().click();
  }

  /** In the dialog that asks what shall fail how. */
  async inject(fault: string): Promise<void> {
    const dialog = this.frame.locator("dialog.fault-form[open]");
    await dialog.locator("[role=radio]", { hasText: fault }).first().click();
    await dialog.locator('vscode-button[aria-label="Inject"]').click();
  }

  /** What is read aloud of every cell. */
  async names(): Promise<readonly string[]> {
    return this.cells.evaluateAll((cells) =>
      cells.map((cell) => {
        const named = cell.hasAttribute("aria-label") ? cell : cell.querySelector("[aria-label]");
        return named?.getAttribute("aria-label") ?? "";
      }),
    );
  }

  /** How every cell looks now. */
  async looks(): Promise<Readonly<Record<string, string>>> {
    const all = await this.cells.evaluateAll((cells) =>
      cells.map((cell) => [
        `${cell.closest("[data-vertex]")?.getAttribute("data-vertex") ?? "?"}#${cell.getAttribute("data-index") ?? "?"}`,
        cell.getAttribute("data-look") ?? "?",
      ]),
    );
    return Object.fromEntries(all) as Record<string, string>;
  }

  async allLook(look: string, limitMs = 60_000): Promise<void> {
    await until(
      `every cell to look ${look}`,
      async () => {
        const looks = Object.values(await this.looks());
        return looks.length > 0 && looks.every((one) => one === look);
      },
      { limitMs, onLimit: async () => JSON.stringify(await this.looks()) },
    );
  }

  /**
   * From now on every change of every cell's look, and of what is read aloud of it, is written down in the page itself: none is
   * missed between two looks of the test.
   */
  async startRecord(): Promise<void> {
    await this.frame.locator("body").evaluate(() => {
      const record: Record<string, string[]> = {};
      const note = (cell: Element): void => {
        const name = `${cell.closest("[data-vertex]")?.getAttribute("data-vertex") ?? "?"}#${cell.getAttribute("data-index") ?? "?"}`;
        // The cell itself, or the part of it that takes the focus.
        const named = cell.hasAttribute("aria-label") ? cell : cell.querySelector("[aria-label]");
        const label = named?.getAttribute("aria-label") ?? "";
        const restarted = /restarted (once|\d+ times)/.exec(label)?.[0];
        const entry = `${cell.getAttribute("data-look") ?? "?"}${restarted === undefined ? "" : `, ${restarted}`}`;
        const entries = (record[name] ??= []);
        if (entries.at(-1) !== entry) entries.push(entry);
      };
      for (const cell of document.querySelectorAll(".vertex .cell")) note(cell);
      new MutationObserver((changes) => {
        for (const { target } of changes) {
          const cell = target instanceof Element ? target.closest(".vertex .cell") : null;
          if (cell !== null) note(cell);
        }
      }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-look", "aria-label"] });
      (globalThis as unknown as { faultlineRecord: unknown }).faultlineRecord = record;
    });
  }

  async record(): Promise<LookRecord> {
    return this.frame
      .locator("body")
      .evaluate(() => (globalThis as unknown as { faultlineRecord: Record<string, string[]> }).faultlineRecord);
  }
}
