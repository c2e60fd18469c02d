/** The graph view in a plain Chromium: what it draws, and what it does when a run is live. */
import assert from "node:assert/strict";
import { it as mochaIt } from "mocha";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import type { HostMessage, ViewMessage } from "../../webview/protocol";
import { FAULTS } from "./webviewHarness/sampleFaults";
import {
  batchJob,
  hostileNames,
  languageDetection,
  severalServices,
} from "./webviewHarness/sampleGraphs";
import { killedInstance, lostTaskManager, START } from "./webviewHarness/sampleJournal";
import { WebviewHost, type OpenOptions, type OpenView } from "./webviewHarness/webviewHost";

describe("graph view", function () {
  this.timeout(60_000);
  let host: WebviewHost;
  let view: OpenView | undefined;

  before(async () => {
    host = await WebviewHost.start();
  });
  after(() => host.stop());
  afterEach(async () => {
    await view?.close();
    view = undefined;
  });
  /** A test that fails as well when the page had an error; not in a hook, where that would leave out all tests that follow. */
  const it = (title: string, body: () => Promise<void>): void => {
    mochaIt(title, async () => {
      await body();
      assert.deepEqual(view?.troubles, [], "errors in the page, or something that its policy blocked");
    });
  };

  const open = async (options: OpenOptions = {}): Promise<OpenView> => (view = await host.open(options));
  const until = (ms: number, events: readonly JournalEvent[]): JournalEvent[] =>
    events.filter((event) => event.at <= START + ms);
  const lookOf = (subtask: string): string => {
    const at = subtask.lastIndexOf("#");
    return `g.vertex[data-vertex="${subtask.slice(0, at)}"] g.cell[data-index="${subtask.slice(at + 1)}"]`;
  };
  const sentOf = async <K extends ViewMessage["kind"]>(kind: K): Promise<Extract<ViewMessage, { kind: K }>[]> =>
    ((await view?.sent()) ?? []).filter(
      (message): message is Extract<ViewMessage, { kind: K }> => message.kind === kind,
    );

  it("draws vertices, regions, services and edges of a job", async () => {
    const { page, show } = await open();
    await show(languageDetection());
    assert.equal(await page.locator("g.vertex").count(), 5);
    assert.equal(await page.locator("g.vertex.service g.cell").count(), 2);
    assert.deepEqual(await page.locator("text.frame-title .frame-name").allTextContents(), ["Services", "Region 0"]);
    assert.deepEqual((await page.locator("g.label:not(.call-label) .label-text").allTextContents()).sort(), [
      "FORWARD",
      "HASH",
      "REBALANCE",
    ]);
    assert.equal(await page.locator("g.call").count(), 1);
    const box = await page.locator("svg.graph").boundingBox();
    for (const vertex of await page.locator("g.vertex").all()) {
      const own = await vertex.boundingBox();
      assert.ok(
        box !== null &&
          own !== null &&
          own.x >= box.x &&
          own.y >= box.y &&
          own.x + own.width <= box.x + box.width &&
          own.y + own.height <= box.y + box.height,
      );
    }
  });

  it("tells partition types apart by line", async () => {
    const { page, show } = await open();
    await show(batchJob());
    const classes = await page.locator("g.edge").evaluateAll((all) => all.map((one) => one.getAttribute("class")));
    assert.deepEqual(new Set(classes), new Set(["edge blocking", "edge pipelined", "edge hybrid", "edge approximate"]));
  });

  it("shows a killed instance failing, restarting by phases and serving again, and nothing else change", async () => {
    const { page, show, play, post } = await open();
    await show(languageDetection());
    const events = killedInstance(languageDetection());
    await play(until(5500, events));
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="running"]`);
    // Everything that any cell ever looks like from here on.
    await page.evaluate(() => {
      const seen: Record<string, string[]> = {};
      (window as unknown as { __looks: typeof seen }).__looks = seen;
      for (const cell of document.querySelectorAll<SVGGElement>("g.cell")) {
        const name = `${cell.closest<SVGGElement>("g.vertex")?.dataset["vertex"] ?? ""}#${cell.dataset["index"] ?? ""}`;
        seen[name] = [cell.dataset["look"] ?? ""];
        new MutationObserver(() => seen[name]?.push(cell.dataset["look"] ?? "")).observe(cell, {
          attributes: true,
          attributeFilter: ["data-look"],
        });
      }
    });
    const places = (): Promise<(string | null)[]> =>
      page.locator("g.vertex").evaluateAll((all) => all.map((one) => one.getAttribute("transform")));
    const before = await places();
    const send = async (from: number, to: number): Promise<void> => {
      const part = events.filter((event) => event.at > START + from && event.at <= START + to);
      await post({ kind: "events", run: "test-run", from: part[0]?.seq ?? 0, events: part });
    };
    await send(5500, 6050);
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="failing"]`);
    assert.match(
      (await page.locator(".status").textContent()) ?? "",
      /langid#1 was killed (.* ago|just now)\.0 stream tasks restart, 1 instance restarts.*; 9 others did not notice\./,
    );
    assert.match(
      (await page.locator('text.frame-title[data-region="region-0"]').textContent()) ?? "",
      /did not notice/,
    );
    await send(6050, 6300);
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="restarting"]`);
    await page.waitForFunction(
      (cell) => document.querySelector(`${cell} .cell-words`)?.textContent === "loading model",
      lookOf("langid#1"),
    );
    assert.ok(
      ((await page.locator(`${lookOf("langid#1")} path.ring`).getAttribute("d")) ?? "") !== "",
      "a ring shows how far the start is",
    );
    await send(6300, 8000);
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="running"]`);
    await page.waitForFunction(() =>
      /langid#1 serves again, 925 ms after it was killed\./.test(document.querySelector(".status")?.textContent ?? ""),
    );
    const looks = await page.evaluate(() => (window as unknown as { __looks: Record<string, string[]> }).__looks);
    assert.deepEqual(looks["langid#1"], ["running", "failing", "restarting", "running"]);
    const others = Object.entries(looks).filter(([name]) => name !== "langid#1");
    assert.equal(others.length, 9);
    for (const [name, seen] of others) assert.deepEqual(seen, ["running"], `${name} kept running`);
    assert.deepEqual(await places(), before, "nothing was laid out again");
    assert.match((await page.locator(`${lookOf("langid#1")} .cell-second`).textContent()) ?? "", /1 restart/);
  });

  it("shows a whole region restarting when a TaskManager is lost", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    await play(until(7210, lostTaskManager(languageDetection())), false);
    await page.waitForSelector(`${lookOf("classify#0")}[data-look="restarting"]`);
    assert.equal(await page.locator('g.cell[data-look="restarting"]').count(), 8);
    assert.equal(await page.locator('g.vertex.service g.cell[data-look="running"]').count(), 2);
    assert.match((await page.locator(".status").textContent()) ?? "", /TaskManager 1 was killed/);
  });

  it("draws lanes, phases, faults and throughput on the timeline", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    await play(killedInstance(languageDetection()), false);
    await page.waitForSelector("g.lane");
    assert.deepEqual(
      await page
        .locator("g.lane .lane-label")
        .evaluateAll((all) => all.map((one) => one.querySelector("title")?.textContent)),
      ["langid#0", "langid#1", "texts → features", "classify", "count → counts", "messages"],
    );
    for (const look of ["failing", "restarting", "running"]) {
      await page.waitForSelector(`g.lane:nth-of-type(2) path.bar[data-look="${look}"]`, { state: "attached" });
    }
    assert.equal(await page.locator("g.fault").count(), 1);
    const flag = await page.locator("g.fault rect").boundingBox();
    const ticks = page.locator(".timeline > .timeline-svg .axis text");
    assert.ok((await ticks.filter({ visible: true }).count()) < (await ticks.count()), "the flag covers a time");
    for (const tick of await ticks.filter({ visible: true }).all()) {
      const box = await tick.boundingBox();
      assert.ok(box !== null && flag !== null);
      assert.ok(box.x >= flag.x + flag.width || box.x + box.width <= flag.x, "a time lies under the flag in part");
    }
    assert.ok((await page.locator("path.checkpoint.ok").count()) >= 5);
    assert.ok(((await page.locator("path.rate").getAttribute("d")) ?? "").length > 100);
  });

  it("draws the last of a run too when it comes right after the first", async () => {
    const { page, show } = await open();
    await show(languageDetection());
    const before = killedInstance(languageDetection());
    const last = { seq: before.length, at: (before.at(-1)?.at ?? START) + 1 };
    const events = [...before, { kind: "run.ended", state: "FINISHED", ...last } as const];
    const run = { id: "test-run", job: "test", startedAt: START, live: false } as const;
    const messages: HostMessage[] = [
      { kind: "runStarted", run },
      { kind: "events", run: "test-run", from: 0, events },
    ];
    // The first is drawn before the second comes, and not long enough ago for figures to be drawn again.
    await page.evaluate(async ([first, second]) => {
      window.postMessage(first, "*");
      for (let i = 0; i < 2; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
      window.postMessage(second, "*");
    }, messages);
    await page.waitForSelector("g.fault", { state: "attached", timeout: 5000 });
    await page.waitForSelector("path.rate", { state: "attached", timeout: 5000 });
  });

  it("goes back in time with the timeline and returns to the present", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    await play(killedInstance(languageDetection()), false);
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="running"]`);
    const x = (await page.locator("g.fault").first().boundingBox())?.x ?? 0;
    const box = await page.locator(".timeline").boundingBox();
    await page.mouse.click(x + 8, (box?.y ?? 0) + 60);
    await page.waitForFunction(
      (cell) => document.querySelector(cell)?.getAttribute("data-look") !== "running",
      lookOf("langid#1"),
    );
    assert.match((await page.locator(".status-right").textContent()) ?? "", /Looking back/);
    await page.keyboard.press("n");
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="running"]`);
    assert.equal(await page.locator(".status-right").textContent(), "");
  });

  it("goes through time with a drag over the lanes, and is at that moment again after a reload", async () => {
    const events = killedInstance(languageDetection());
    const opened = await open();
    await opened.show(languageDetection());
    await opened.play(events, false);
    const { page } = opened;
    const x = (await page.locator("g.fault").first().boundingBox())?.x ?? 0;
    const y = ((await page.locator(".timeline").boundingBox())?.y ?? 0) + 60;
    const looks = new Set<string | null>();
    await page.mouse.move(x - 40, y);
    await page.mouse.down();
    for (let step = -40; step <= 12; step += 4) {
      await page.mouse.move(x + step, y);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      looks.add(await page.locator(lookOf("langid#1")).getAttribute("data-look"));
    }
    await page.mouse.up();
    assert.ok(looks.has("running") && looks.has("failing"), [...looks].join());
    // On a busy machine the page may have told before the drag, of the picture alone.
    await page.waitForFunction(() =>
      window.__sent.some((message) => message.kind === "viewState" && message.state.travel !== undefined),
    );
    const state = (await sentOf("viewState")).at(-1)?.state;
    assert.equal(state?.travel?.run, "test-run");
    await opened.close();
    const again = await open({ state });
    await again.show(languageDetection());
    const run = { id: "test-run", job: "test", startedAt: START, live: false };
    await again.post({ kind: "runStarted", run });
    await again.post({ kind: "snapshot", run: run.id, events, next: events.length });
    await again.page.waitForSelector(`${lookOf("langid#1")}[data-look="failing"]`);
    assert.match((await again.page.locator(".status-right").textContent()) ?? "", /Looking back/);
  });

  it("shows the stretch of the timeline that is marked with Shift, and all again with a double click", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    await play(killedInstance(languageDetection()), false);
    const box = await page.locator(".timeline > .timeline-svg").boundingBox();
    assert.ok(box !== null);
    const labels = (): Promise<string[]> => page.locator(".timeline > .timeline-svg .axis text").allTextContents();
    const before = await labels();
    await page.keyboard.down("Shift");
    await page.mouse.move(box.x + 400, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 500, box.y + 60, { steps: 4 });
    assert.equal(await page.locator("rect.brush").count(), 1);
    await page.mouse.up();
    await page.keyboard.up("Shift");
    assert.equal(await page.locator("rect.brush").count(), 0);
    const seconds = (await labels()).map(parseFloat);
    assert.ok(seconds[0] > 1 && Math.max(...seconds) < 6, `${before.join()} became ${seconds.join()}`);
    assert.equal(await page.locator(".status-right").textContent(), "", "marking a stretch goes nowhere in time");
    await page.mouse.dblclick(box.x + 700, box.y + 60);
    assert.deepEqual(await labels(), before);
  });

  it("colours subtasks by how busy they are, and says what they do in the details", async () => {
    const { page, show, play } = await open({ state: { legend: true } });
    await show(languageDetection());
    await play(until(3000, killedInstance(languageDetection())));
    await page.waitForSelector(`${lookOf("classify#0")}[data-look="running"]`);
    assert.equal(await page.locator('g.cell[data-load^="load-"]').count(), 0);
    await page.keyboard.press("b");
    await page.waitForSelector(`${lookOf("classify#0")}[data-load^="load-"]`);
    assert.match((await page.locator(".legend").textContent()) ?? "", /busy half of the time/);
    await page.locator('g.vertex[data-vertex="classify"] text.title').click();
    const details = (await page.locator(".details").textContent()) ?? "";
    for (const words of [/Records.+\/s in/, /Busy\d+ %/, /Back-pressured\d+ %/, /Idle\d+ %/, /Calls in flight/])
      assert.match(details, words);
    await page.locator('g.vertex[data-vertex="langid"] text.title').click();
    assert.match((await page.locator(".details").textContent()) ?? "", /Queue\d+ waiting, \d+ in flight.*Batch/);
    await page.keyboard.press("b");
    await page.waitForFunction(() => document.querySelector('g.cell[data-load^="load-"]') === null);
  });

  it("takes events that come while a long journal is read after it, in order", async () => {
    const { page, show, post } = await open();
    await show(languageDetection());
    const events = killedInstance(languageDetection());
    const cut = events.findIndex(({ kind }) => kind === "fault.injected");
    const lines = `${events
      .slice(0, cut + 3)
      .map((event) => JSON.stringify(event))
      .join("\n")}\n`;
    await post({ kind: "runStarted", run: { id: "long", job: "test", startedAt: START, live: true } });
    const give = (text: string, last: boolean): Promise<void> =>
      page.evaluate(
        ([words, end]) =>
          window.postMessage({ kind: "journal", run: "long", bytes: new TextEncoder().encode(words), last: end }, "*"),
        [text, last] as const,
      );
    await give(lines.slice(0, 1000), false);
    // Some of these are in the journal too.
    await post({ kind: "events", run: "long", from: cut, events: events.slice(cut) });
    await give(lines.slice(1000), true);
    await page.waitForFunction(() => document.body.dataset["journal"] === "long");
    await page.waitForFunction(() => /serves again/.test(document.querySelector(".status")?.textContent ?? ""));
    assert.deepEqual(await sentOf("resync"), []);
  });

  it("draws nothing anew while a journal that it reads has not come further, whatever restarts in it", async () => {
    const { page, show, post } = await open();
    await show(languageDetection());
    const events = killedInstance(languageDetection());
    const cut = events.findIndex(({ kind }) => kind === "process.lost") + 4;
    const give = (part: readonly JournalEvent[], last: boolean): Promise<void> =>
      page.evaluate(
        ([words, end]) =>
          window.postMessage({ kind: "journal", run: "long", bytes: new TextEncoder().encode(words), last: end }, "*"),
        [part.map((event) => `${JSON.stringify(event)}\n`).join(""), last] as const,
      );
    await post({ kind: "runStarted", run: { id: "long", job: "test", startedAt: START, live: false } });
    await give(events.slice(0, cut), false);
    await page.waitForSelector(".timeline-svg g.lane path.bar");
    const drawn = await page.evaluate(async () => {
      // What the first events left to draw.
      await new Promise((resolve) => setTimeout(resolve, 300));
      let seen = 0;
      const observer = new MutationObserver((list) => (seen += list.length));
      for (const one of document.querySelectorAll("svg.graph, .timeline-svg"))
        observer.observe(one, { subtree: true, childList: true, attributes: true });
      await new Promise((resolve) => setTimeout(resolve, 700));
      return seen;
    });
    assert.equal(drawn, 0);
    await give(events.slice(cut), true);
    await page.waitForFunction(() => document.body.dataset["journal"] === "long");
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="running"]`);
  });

  it("leads from a fault on the timeline to its moment, its lane and the journal", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    const events = killedInstance(languageDetection());
    await play(events, false);
    await page.locator("g.fault path").first().click({ button: "right" });
    await page.getByRole("menuitem", { name: "Open Journal Here" }).click();
    const at = events.find(({ kind }) => kind === "fault.injected")?.at;
    assert.deepEqual(await sentOf("openEvent"), [{ kind: "openEvent", at }]);
    await page.locator("g.lane .lane-label").nth(1).click();
    assert.equal(await page.locator(".details h2").textContent(), "langid#1");
  });

  it("asks the host to inject a failure from the context menu, by mouse and by keyboard", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    await play(until(3000, killedInstance(languageDetection())));
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="running"]`);
    await page.locator(lookOf("langid#1")).click({ button: "right" });
    await page.getByRole("menuitem", { name: "Inject Failure…" }).click();
    assert.deepEqual(await sentOf("inject"), [{ kind: "inject", target: "service:langid#1" }]);
    await page.locator('g.vertex[data-vertex="classify"] > g.item').focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Shift+F10");
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("Enter");
    assert.deepEqual((await sentOf("inject")).at(-1), { kind: "inject", target: "task:classify#1" });
  });

  it("offers no failure to inject while nothing runs", async () => {
    const { page, show } = await open();
    await show(languageDetection());
    await page.locator(lookOf("langid#1")).click({ button: "right" });
    assert.equal(await page.getByRole("menuitem", { name: "Inject Failure…" }).getAttribute("aria-disabled"), "true");
    await page.keyboard.press("Escape");
    assert.equal(await page.getByRole("menu").count(), 0);
  });

  it("runs and stops", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    await page.getByRole("button", { name: "Run", exact: true }).click();
    assert.equal((await sentOf("run")).length, 1);
    await play(until(3000, killedInstance(languageDetection())));
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    assert.deepEqual(await sentOf("stop"), [{ kind: "stop", mode: "drain" }]);
  });

  it("is one tab stop whose arrows follow the edges", async () => {
    const { page, show } = await open();
    await show(languageDetection());
    assert.equal(await page.locator('svg.graph [tabindex="0"]').count(), 1);
    await page.locator('svg.graph [tabindex="0"]').focus();
    const focused = (): Promise<string> =>
      page.evaluate(() => {
        const at = document.activeElement as SVGGElement | null;
        return `${at?.closest<SVGGElement>("g.vertex")?.dataset["vertex"] ?? ""}${at?.closest<SVGGElement>("g.cell") ? `#${at.closest<SVGGElement>("g.cell")?.dataset["index"] ?? ""}` : ""}`;
      });
    const path: string[] = [await focused()];
    for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown", "Enter", "ArrowRight", "Escape"]) {
      await page.keyboard.press(key);
      path.push(await focused());
    }
    assert.deepEqual(path, ["texts", "classify", "count", "classify", "langid", "langid#0", "langid#1", "langid"]);
    assert.equal(await page.locator('svg.graph [tabindex="0"]').count(), 1);
  });

  it("shows what a failure would restart before it happens", async () => {
    const { page, show } = await open();
    await show(languageDetection());
    await page.locator(lookOf("classify#0")).hover();
    await page.waitForFunction(
      () => document.querySelector(".scope-tip")?.textContent === "A failure here restarts 8 stream tasks of 10.",
    );
    await page.locator(lookOf("langid#1")).hover();
    await page.waitForFunction(
      () => document.querySelector(".scope-tip")?.textContent === "A failure here restarts 1 service instance of 10.",
    );
  });

  it("asks for a snapshot when events are missing and goes on from it", async () => {
    const { page, show, play, post } = await open();
    await show(languageDetection());
    const events = killedInstance(languageDetection());
    await play(events.slice(0, 40));
    await post({ kind: "events", run: "test-run", from: 60, events: events.slice(60, 80) });
    await page.waitForFunction(() => window.__sent.some((message) => message.kind === "resync"));
    assert.deepEqual(await sentOf("resync"), [{ kind: "resync", run: "test-run", have: 39 }]);
    const sparse = events.slice(0, 300).filter((event) => event.kind !== "metrics");
    await post({ kind: "snapshot", run: "test-run", events: sparse, next: 300 });
    await post({ kind: "events", run: "test-run", from: 300, events: events.slice(300) });
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="running"]`);
    assert.equal((await sentOf("resync")).length, 1);
  });

  it("keeps what was looked at over a reload", async () => {
    const { page, show } = await open({
      state: { level: "subtask", orientation: "down", selection: { kind: "vertex", vertex: "classify" }, legend: true },
    });
    assert.deepEqual((await sentOf("ready"))[0]?.state?.level, "subtask");
    await show(severalServices());
    assert.equal(await page.getByRole("radio", { name: "Subtasks" }).getAttribute("aria-checked"), "true");
    assert.ok(await page.locator(".legend").isVisible());
  });

  it("shows hostile names as text and runs none of them", async () => {
    const { page, show } = await open();
    await show(hostileNames());
    const graph = hostileNames();
    for (const vertex of graph.vertices) {
      assert.equal(
        await page
          .locator("g.vertex")
          .evaluateAll(
            (all, id) => all.filter((one) => (one as SVGElement).dataset["vertex"] === id).length,
            vertex.id,
          ),
        1,
      );
    }
    await page.locator("g.vertex").first().click();
    assert.match((await page.locator(".details h2").textContent()) ?? "", /^<img src=x onerror=/);
    assert.equal(await page.locator("img, .graph script, h1 script").count(), 0);
    assert.equal(await page.evaluate(() => window.__injected), undefined);
  });

  it("has a policy that blocks an injected script", async () => {
    const { page, show, troubles } = await open();
    await show(languageDetection());
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.__injected = 1";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", `<img src="data:," onerror="window.__injected = 1">`);
    });
    await page.waitForFunction(() => document.querySelector("img") !== null);
    assert.equal(await page.evaluate(() => window.__injected), undefined);
    assert.ok(troubles.some((trouble) => trouble.includes("script-src")));
    troubles.length = 0;
  });

  it("saves the picture as SVG and PNG, whole and with its colours", async () => {
    const { page, show } = await open();
    await show(languageDetection());
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Save Picture as SVG…" }).click();
    await page.waitForFunction(() => window.__sent.some((message) => message.kind === "exportSvg"));
    const [svg] = await sentOf("exportSvg");
    assert.ok(svg !== undefined);
    assert.match(svg.data, /<svg[^>]* viewBox="/);
    for (const name of ["texts → features", "classify", "langid", "Region 0", "REBALANCE"])
      assert.ok(svg.data.includes(name), name);
    assert.ok(!/class=|style=|var\(|<script/.test(svg.data), "nothing in it needs the page");
    assert.match(svg.data, /stroke="rgb\(/);
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Save Picture as PNG…" }).click();
    await page.waitForFunction(() => window.__sent.some((message) => message.kind === "exportPng"));
    const [png] = await sentOf("exportPng");
    const bytes = Buffer.from(png?.data ?? "", "base64");
    assert.equal(bytes.subarray(1, 4).toString("latin1"), "PNG");
    assert.ok(bytes.readUInt32BE(16) > 1000, "wide enough to be printed");
  });

  it("lets a card be dragged, keeps it there and puts it back", async () => {
    const { page, show } = await open();
    await show(languageDetection());
    const card = page.locator('g.vertex[data-vertex="classify"] > g.item');
    const before = await card.boundingBox();
    assert.ok(before !== null);
    await page.mouse.move(before.x + 60, before.y + 12);
    await page.mouse.down();
    await page.mouse.move(before.x + 100, before.y - 8, { steps: 4 });
    await page.mouse.move(before.x + 140, before.y - 28, { steps: 4 });
    await page.mouse.up();
    const after = await card.boundingBox();
    assert.ok(after !== null && Math.abs(after.x - before.x - 80) < 3 && Math.abs(after.y - before.y + 40) < 3);
    assert.ok(await page.locator(".details").isHidden(), "a drag is not a click");
    await page.waitForFunction(() =>
      window.__sent.some((message) => message.kind === "viewState" && message.state.moved !== undefined),
    );
    await show(languageDetection());
    const again = await card.boundingBox();
    assert.ok(
      again !== null && Math.abs(again.x - after.x) < 1 && Math.abs(again.y - after.y) < 1,
      "it stays where it was put",
    );
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Put Everything Back" }).click();
    const back = await card.boundingBox();
    assert.ok(back !== null && Math.abs(back.x - before.x) < 1 && Math.abs(back.y - before.y) < 1);
  });

  it("shows only what is upstream and downstream of the selection", async () => {
    const { page, show } = await open();
    await show(severalServices());
    await page.locator('g.vertex[data-vertex="blocked"] text.title').click();
    await page.keyboard.press("u");
    const traced = await page
      .locator("g.vertex.traced")
      .evaluateAll((all) => all.map((one) => (one as SVGElement).dataset["vertex"]));
    assert.deepEqual(traced.sort(), ["blocked", "chat", "moderate"]);
    await page.keyboard.press("u");
    assert.equal(await page.locator("g.vertex.traced").count(), 0);
  });

  it("injects a fault with its parameters from a dialog, by keyboard alone", async () => {
    const { page, show, play, post } = await open();
    await post({ kind: "faults", faults: FAULTS });
    await show(languageDetection());
    await play(until(3000, killedInstance(languageDetection())));
    await page.waitForSelector(`${lookOf("langid#1")}[data-look="running"]`);
    await page.locator(`${lookOf("langid#1")} > g.item`).focus();
    await page.keyboard.press("i");
    const dialog = page.getByRole("dialog", { name: "Inject a failure into langid#1" });
    await dialog.waitFor();
    assert.deepEqual(await dialog.getByRole("radio").allTextContents(), ["Crash", "Latency"]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("fast");
    await page.keyboard.press("Enter");
    assert.match((await dialog.getByRole("alert").first().textContent()) ?? "", /a duration such as 250ms/);
    assert.equal((await sentOf("inject")).length, 0);
    await page.keyboard.press("Control+a");
    await page.keyboard.type("250ms");
    await page.keyboard.press("Enter");
    assert.deepEqual(await sentOf("inject"), [
      {
        kind: "inject",
        fault: "latency",
        target: "link:taskmanager:*->service:langid#1",
        parameters: { delay: "250ms", direction: "both" },
      },
    ]);
    await dialog.waitFor({ state: "hidden" });
  });

  it("injects a fault that is dragged from the palette, into the process that hosts a task", async () => {
    const { page, show, play, post } = await open({ state: { palette: true } });
    await post({ kind: "faults", faults: FAULTS });
    await show(languageDetection());
    await play(until(3000, killedInstance(languageDetection())));
    await page.waitForSelector(`${lookOf("classify#0")}[data-look="running"]`);
    await page.getByRole("button", { name: "Crash" }).dragTo(page.locator(lookOf("classify#0")));
    const dialog = page.getByRole("dialog", { name: "Inject a failure into classify#0" });
    await dialog.waitFor();
    assert.match((await dialog.textContent()) ?? "", /Acts on taskmanager:0, which hosts classify#0\./);
    await dialog.getByRole("button", { name: "Inject" }).click();
    assert.deepEqual(await sentOf("inject"), [
      { kind: "inject", fault: "crash", target: "taskmanager:0", parameters: {} },
    ]);
  });

  it("shows what running a model as an RPC service would change, and asks for the edit", async () => {
    const { page, show, post } = await open();
    const after = languageDetection();
    const before: GraphDescription = {
      ...after,
      vertices: after.vertices.filter(({ kind }) => kind === "stream"),
      regions: after.regions.slice(0, 1),
      calls: [],
    };
    await show(before);
    await page.locator('g.vertex[data-vertex="classify"] text.title').click({ button: "right" });
    await page.getByRole("menuitem", { name: "Run as RPC Service…" }).click();
    const element = { kind: "vertex", vertex: "classify" } as const;
    assert.deepEqual(await sentOf("isolate"), [{ kind: "isolate", element, apply: false }]);
    await post({ kind: "isolated", element, after, changes: ["The deployment becomes rpc-service."] });
    const dialog = page.getByRole("dialog", { name: "Run classify as an RPC service" });
    await dialog.locator("figcaption").nth(1).waitFor();
    assert.deepEqual(await dialog.locator("figcaption").allTextContents(), [
      "As it is. A failure of the model restarts 8 stream tasks of 8.",
      "As an RPC service. A failure of the model restarts 1 service instance of 10.",
    ]);
    await dialog.locator("figure").nth(1).locator("g.vertex.service").waitFor();
    await dialog.getByRole("button", { name: "Apply to Job File" }).click();
    assert.deepEqual((await sentOf("isolate")).at(-1), { kind: "isolate", element, apply: true });
    // The host's answer to the edit opens nothing again.
    await post({ kind: "isolated", element, after, changes: [] });
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    assert.equal(await page.locator("dialog[open]").count(), 0);
  });

  it("shows a region as one card that still tells what happens in it, and opens it again", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    await play(until(7210, lostTaskManager(languageDetection())), false);
    await page.locator('g.vertex[data-vertex="classify"] > g.item').focus();
    await page.keyboard.press("x");
    await page.waitForFunction(() => document.querySelectorAll("g.vertex").length === 2);
    const card = page.locator("g.vertex:not(.service)");
    assert.deepEqual(await card.locator("g.operator text").allTextContents(), [
      "texts → features",
      "classify",
      "count → counts",
      "messages",
    ]);
    assert.match((await card.locator("> g.item").getAttribute("aria-label")) ?? "", /8 (restarting|deploying)/);
    assert.equal(await page.locator("g.call").count(), 1, "its calls are drawn once");
    assert.match((await page.locator("text.frame-title[data-region]").textContent()) ?? "", /8 tasks restart/);
    await page.keyboard.press("x");
    await page.waitForFunction(() => document.querySelectorAll("g.vertex").length === 5);
    const kept = (await sentOf("viewState")).map(({ state }) => state.collapsed);
    assert.ok(kept.every((one) => one === undefined || one.length <= 1));
  });

  it("comes back with the regions collapsed that were", async () => {
    const { page, show } = await open({ state: { collapsed: ["region-0"] } });
    await show(languageDetection());
    assert.equal(await page.locator("g.vertex").count(), 2);
    await page.locator("g.vertex:not(.service) text.title").dblclick();
    await page.waitForFunction(() => document.querySelectorAll("g.vertex").length === 5);
  });

  it("compares runs, aligned at the fault, and closes", async () => {
    const { page, show, play, post } = await open();
    await show(languageDetection());
    await play(killedInstance(languageDetection()), false);
    await page.keyboard.press("c");
    await page.waitForFunction(() => window.__sent.some((message) => message.kind === "listRuns"));
    const other = { id: "other", job: "test", startedAt: START, live: false } as const;
    await post({ kind: "runs", runs: [other] });
    await page.getByRole("menuitem", { name: /^other, / }).click();
    assert.deepEqual(await sentOf("compareWith"), [{ kind: "compareWith", run: "other" }]);
    await post({ kind: "compared", run: other, events: lostTaskManager(languageDetection()) });
    const row = page.getByRole("row", { name: /^Stream tasks restarted/ });
    await row.waitFor();
    assert.deepEqual(await row.getByRole("cell").allTextContents(), ["0 (best)", "8"]);
    assert.equal(await page.locator(".compare-band").count(), 2);
    // The fault of both runs lies at the same place, and there the bars of what failed begin.
    const zero = Number(await page.locator(".compare-zero").getAttribute("x1"));
    const begins = await page
      .locator('.compare-band path.bar[data-look="failing"]')
      .evaluateAll((all) => all.map((one) => Number(/^M([\d.]+)/.exec(one.getAttribute("d") ?? "")?.[1])));
    assert.equal(begins.length, 5);
    for (const x of begins) assert.ok(x >= zero && x < zero + 12, `${x} is near ${zero}`);
    await page.getByRole("radio", { name: "At the Start" }).click();
    assert.equal(await page.locator(".compare-zero").getAttribute("visibility"), "hidden");
    await page.keyboard.press("Escape");
    assert.ok(await page.locator(".compare").isHidden());
    assert.equal(await page.locator(".stage").evaluate((stage) => (stage as HTMLElement).inert), false);
  });

  it("opens the runs again that were compared before a reload", async () => {
    const { page, show, play } = await open({ state: { compared: ["other"] } });
    await show(languageDetection());
    await play(killedInstance(languageDetection()), false);
    await page.waitForFunction(() => window.__sent.some((message) => message.kind === "compareWith"));
    assert.deepEqual(await sentOf("compareWith"), [{ kind: "compareWith", run: "other" }]);
  });

  it("shows what a failure restarts under the other failover strategy", async () => {
    const { page, show } = await open();
    await show(languageDetection());
    await page.locator(lookOf("langid#1")).click();
    assert.equal(
      await page.locator(".detail-scope").textContent(),
      "A failure here restarts 1 service instance of 10.",
    );
    await page.getByRole("radio", { name: "full" }).click();
    assert.equal(
      await page.locator(".detail-scope").textContent(),
      "A failure here restarts 8 stream tasks and 2 service instances of 10.",
    );
    assert.match((await page.locator(".details").textContent()) ?? "", /strategy full restarts everything/);
  });

  it("keeps the words on a region's frame within it", async () => {
    const { page, show, play } = await open();
    const graph = batchJob();
    await show(graph);
    const events = killedInstance(languageDetection()).filter(({ at }) => at <= START + 6100);
    await play(events);
    await page.waitForFunction(() => document.querySelector(".frame-title.told") !== null);
    const cut = await page.evaluate(() => {
      const frames = [...document.querySelectorAll("g.frames rect.frame:not(.sheet)")].map((one) =>
        one.getBoundingClientRect(),
      );
      return [...document.querySelectorAll(".frame-title[data-region]")].flatMap((title) => {
        const box = title.getBoundingClientRect();
        const held = frames.some(
          (one) => one.left <= box.left && one.right >= box.right && one.top <= box.top && one.bottom >= box.bottom,
        );
        return held ? [] : [title.textContent];
      });
    });
    assert.deepEqual(cut, []);
  });

  it("has the host save the run as a page and as a trace", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    await play(killedInstance(languageDetection()), false);
    for (const name of ["Save Run as HTML…", "Save Run as Trace…"]) {
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name }).click();
    }
    assert.deepEqual(
      (await sentOf("exportRun")).map(({ format }) => format),
      ["html", "trace"],
    );
  });

  it("has every control in reach in a panel 400 pixels wide, and at 200 %", async () => {
    for (const [width, height, zoom] of [
      [400, 700, 1],
      [640, 400, 2],
    ] as const) {
      const opened = await open({ width, height, zoom });
      await opened.show(languageDetection());
      const outside = await opened.page
        .locator(".toolbar > *:not(.space):not(h1)")
        .evaluateAll(
          (all, most) => all.filter((one) => one.getBoundingClientRect().right > most).map((one) => one.outerHTML),
          width,
        );
      assert.deepEqual(outside, []);
      if (zoom === 1) await opened.close();
    }
  });

  it("shows a fault that still acts on its target, and heals it", async () => {
    const { page, show, play } = await open();
    await show(languageDetection());
    const events = until(5000, killedInstance(languageDetection()));
    const at = events.at(-1)?.at ?? START;
    const hang = {
      kind: "fault.injected",
      injection: 1,
      fault: "hang",
      target: "service:langid#0",
      parameters: {},
      by: "command",
    } as const;
    await play([...events, { ...hang, seq: events.length, at: at + 1 }]);
    await page.waitForSelector(`${lookOf("langid#0")}.faulted`);
    assert.equal(await page.locator("g.cell.faulted").count(), 1);
    assert.equal(await page.locator(".fault-mark").count(), 1);
    assert.match((await page.locator(".active-faults li").textContent()) ?? "", /^hang on service:langid#0, for /);
    await page.getByRole("button", { name: "Heal All" }).click();
    assert.deepEqual(await sentOf("heal"), [{ kind: "heal" }]);
  });

  it("lists why there is no graph, and opens the place", async () => {
    const { page, post } = await open();
    const problem = {
      code: "FL1011",
      message: "The operators a and b are a cycle.",
      hint: "Remove the edge from b to a.",
      location: { line: 12, column: 7 },
    } as const;
    await post({ kind: "problems", title: "broken", problems: [problem] });
    await page.getByRole("button", { name: "FL1011, line 12:7" }).click();
    assert.deepEqual(await sentOf("openProblem"), [{ kind: "openProblem", problem }]);
  });
});
