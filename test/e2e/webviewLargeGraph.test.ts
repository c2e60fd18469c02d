/** A graph of a thousand vertices in a plain Chromium: what is drawn where, and that the page is not held up by it. */
import assert from "node:assert/strict";
import { layeredGraph } from "./webviewHarness/sampleGraphs";
import { WebviewHost, type OpenView } from "./webviewHarness/webviewHost";

/**
 * Runs in the page: what is drawn on the canvas, in its order, and when a message came that was sent by a timer which was set with the ground. The
 * ground begins with clearing, cards with their paths.
 */
const NOTE_DRAWING = `{
  const context = document.querySelector("canvas.far").getContext("2d");
  const { clearRect, beginPath } = context;
  const log = [];
  const note = (what) => {
    if (log.at(-1) !== what) log.push(what);
    document.body.dataset.drawn = log.join(", ");
  };
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => note("message");
  context.clearRect = function (...rectangle) {
    note("ground");
    setTimeout(() => port2.postMessage(undefined), 2);
    // As on a slow machine: when this frame is done the next one is due.
    for (const end = performance.now() + 40; performance.now() < end; );
    clearRect.apply(this, rectangle);
  };
  context.beginPath = function () {
    note("cards");
    beginPath.call(this);
  };
}`;

describe("graph view, a thousand vertices", function () {
  this.timeout(60_000);
  let host: WebviewHost;
  let view: OpenView;

  before(async () => {
    host = await WebviewHost.start();
  });
  after(() => host.stop());
  beforeEach(async () => {
    view = await host.open();
  });
  afterEach(() => view.close());

  it("draws a thousand vertices on the canvas, near ones as cards, and a map of them", async () => {
    const { page, show } = view;
    await show(layeredGraph(1000));
    assert.ok((await page.locator("g.vertex").count()) <= 1, "only the one with the focus is an element");
    assert.ok(await page.locator("canvas.far").isVisible());
    const layers = (): Promise<(string | null)[]> =>
      page.evaluate(() =>
        Array.from(document.querySelector(".world")?.children ?? [], (one) => one.getAttribute("class")),
      );
    assert.deepEqual(await layers(), ["vertices", "overlay"], "what is on the canvas costs the document nothing");
    await page.locator("svg.graph").focus();
    for (let i = 0; i < 14; i++) await page.keyboard.press("+");
    await page.waitForFunction(() => !document.querySelector("svg.graph")?.classList.contains("is-far"));
    assert.ok((await page.locator("g.vertex").count()) > 3);
    assert.deepEqual(await layers(), ["frames", "edges", "titles", "vertices", "overlay"]);
    assert.ok((await page.locator("text.frame-title").count()) > 3);
    await page.waitForFunction(() => document.querySelector<HTMLElement>(".minimap")?.hidden === false);
  });

  it("draws the first picture in two frames, once each, and what waits gets its turn between them", async () => {
    const { page, show, troubles } = view;
    await page.evaluate(NOTE_DRAWING);
    await show(layeredGraph(1000));
    await page.waitForFunction(() => document.body.dataset.drawn?.includes("cards"));
    // What else there were to draw would come in the next frames.
    await page.evaluate(async () => {
      for (let frames = 0; frames < 8; frames++) await new Promise((resolve) => requestAnimationFrame(resolve));
    });
    assert.equal(await page.evaluate(() => document.body.dataset.drawn), "ground, message, cards");
    assert.deepEqual(troubles, []);
  });
});
