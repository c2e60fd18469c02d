/** `npm run pictures`: takes the README's pictures anew, from the running program, while its main story is told. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { buildAll } from "./build";

const ROOT = join(__dirname, "..");

async function main(): Promise<void> {
  await buildAll({ minify: true });
  const mocha = [join(ROOT, "node_modules/mocha/bin/mocha.js"), "--require", "tsx/cjs", "--exit"];
  const { status } = spawnSync(
    process.execPath,
    [...mocha, "--grep", "isolated recovery", join(ROOT, "test/e2e/isolatedRecovery.story.e2e.test.ts")],
    { stdio: "inherit", cwd: ROOT, env: { ...process.env, FAULTLINE_PICTURES: "1" } },
  );
  process.exitCode = status ?? 1;
}

void main();
