/**
 * Every main scene of the graph view in three themes: axe finds nothing in it, and it looks as it did when its picture was taken
 * (test/fixtures/pictures). `FAULTLINE_SCENES=1` takes the pictures anew.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { START } from "./webviewHarness/sampleJournal";
import { SCENES } from "./webviewHarness/scenes";
import { THEMES, type ThemeName } from "./webviewHarness/themes";
import { WebviewHost, type OpenView } from "./webviewHarness/webviewHost";

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = join(__dirname, "..", "fixtures", "pictures");
const OUTPUT = join(__dirname, "..", "..", ".test-output", "pictures");
const TAKE = process.env["FAULTLINE_SCENES"] === "1";
/** Pictures are kept at this part of their size, which also forgives what differs from machine to machine in the edges of letters. */
const PART = 0.25;
/** Of the pixels of a kept picture, so many may differ by more than an eighth of the range. */
const MOST_DIFFERENT = 0.035;
/**
 * Runs in the page: figures and the timeline come with timers of at most 250 ms, a few times a second. One that is set later for a longer time comes
 * after all of them, however slow the machine is; then what they asked for is drawn.
 */
const ALL_DRAWN = `new Promise((resolve) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(resolve)), 300))`;

interface AxeFinding {
  readonly id: string;
  readonly nodes: readonly string[];
}

async function axe(page: Page): Promise<readonly AxeFinding[]> {
  // Given to the page by the test, past its policy, as a browser's own tools are.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.slice(0, 4).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`),
    }));
  });
}

/** A picture as its page made it smaller: base64 of a PNG. */
function smaller(page: Page, png: string, part: number): Promise<string> {
  return page.evaluate(
    async ([data, by]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(image.width * by);
      canvas.height = Math.round(image.height * by);
      const context = canvas.getContext("2d");
      if (context === null) return "";
      context.imageSmoothingQuality = "high";
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      return canvas.toDataURL("image/png").slice("data:image/png;base64,".length);
    },
    [png, part] as const,
  );
}

/** Share of pixels that differ by more than an eighth of the range in some colour; 1 where the sizes differ. */
function difference(page: Page, one: string, another: string): Promise<number> {
  return page.evaluate(
    async (pngs) => {
      const pixels: ImageData[] = [];
      for (const png of pngs) {
        const image = new Image();
        image.src = `data:image/png;base64,${png}`;
        await image.decode();
        const canvas = document.createElement("canvas");
        canvas.width = image.width;
        canvas.height = image.height;
        const context = canvas.getContext("2d");
        if (context === null) return 1;
        context.drawImage(image, 0, 0);
        pixels.push(context.getImageData(0, 0, image.width, image.height));
      }
      const [a, b] = pixels;
      if (a.width !== b.width || a.height !== b.height) return 1;
      let different = 0;
      for (let i = 0; i < a.data.length; i += 4) {
        const apart = Math.max(
          Math.abs(a.data[i] - b.data[i]),
          Math.abs(a.data[i + 1] - b.data[i + 1]),
          Math.abs(a.data[i + 2] - b.data[i + 2]),
        );
        if (apart > 32) different++;
      }
      return different / (a.data.length / 4);
    },
    [one, another],
  );
}

describe("scenes of the graph view", function () {
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

  for (const theme of Object.keys(THEMES) as ThemeName[]) {
    for (const { name, options, set } of SCENES) {
      it(`${name}, ${theme}`, async () => {
        view = await host.open({ ...options, theme, reducedMotion: true });
        const { page, troubles } = view;
        // A run that is under way would go on while the machine is busy with something else. Only the time of day stands still: by the time since
        // the page's start it draws figures when they are due.
        await page.evaluate(`Date.now = () => ${START}`);
        await set(view);
        await page.evaluate(ALL_DRAWN);
        const picture = (await page.screenshot()).toString("base64");
        assert.deepEqual(await axe(page), []);
        const zoom = options?.zoom ?? 1;
        const small = await smaller(page, picture, PART / zoom);
        const kept = join(PICTURES, `${name}.${theme}.png`);
        if (TAKE) {
          mkdirSync(PICTURES, { recursive: true });
          writeFileSync(kept, Buffer.from(small, "base64"));
        }
        assert.ok(existsSync(kept), `${kept} is there; FAULTLINE_SCENES=1 takes it`);
        const share = await difference(page, small, readFileSync(kept).toString("base64"));
        if (share > MOST_DIFFERENT) {
          mkdirSync(OUTPUT, { recursive: true });
          writeFileSync(join(OUTPUT, `${name}.${theme}.png`), Buffer.from(picture, "base64"));
        }
        assert.ok(
          share <= MOST_DIFFERENT,
          `${(share * 100).toFixed(1)} % of the picture differ; what it looks like now is in ${OUTPUT}`,
        );
        assert.deepEqual(troubles, [], "errors in the page, or something that its policy blocked");
      });
    }
  }

  it("tells scenes apart that differ in one instance", async () => {
    view = await host.open();
    const { page } = view;
    const kept = (name: string): string => readFileSync(join(PICTURES, `${name}.dark.png`)).toString("base64");
    for (const [one, another] of [
      ["rest", "recovered"],
      ["scope", "rest"],
      ["compare", "recovered"],
      ["narrow", "rest"],
    ] as const)
      assert.ok((await difference(page, kept(one), kept(another))) > MOST_DIFFERENT, `${one} and ${another}`);
  });
});
