/** `npm start`: builds, runs the example for about 20 s, and kills one service instance half-way. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { buildAll } from "./build";

const ROOT = join(__dirname, "..");

async function main(): Promise<void> {
  await buildAll({ minify: false });
  const { status } = spawnSync(
    process.execPath,
    [
      join(ROOT, "dist/cli.js"),
      "run",
      join(ROOT, "examples/language-detection/language-detection.faultline.json"),
      ...["--fault", "crash", "--target", "service:langid#1", "--after", "9s"],
    ],
    { stdio: "inherit" },
  );
  process.exitCode = status ?? 1;
}

void main();
