/** Draws `extension/icon.png` from `extension/icons/icon.svg`: the marketplace takes no SVG. Run it when the drawing changes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { ensureChromium } from "./setupChromium";

const FOLDER = join(__dirname, "..", "extension");
const SIZE = 256;

async function main(): Promise<void> {
  const browser = await chromium.launch({
    executablePath: await ensureChromium(),
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const page = await browser.newPage({ viewport: { width: SIZE, height: SIZE } });
    await page.setContent(`<body style="margin:0">${readFileSync(join(FOLDER, "icons", "icon.svg"), "utf8")}</body>`);
    writeFileSync(join(FOLDER, "icon.png"), await page.screenshot({ omitBackground: true }));
  } finally {
    await browser.close();
  }
}

void main();
