/** `npm run bench [NAME…]`: runs the benchmarks one after the other, each in a process of its own, and prints their tables. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { COLLECTOR_FLAGS } from "../../simulator/cluster/workerProcesses";

// Benchmarks that load ONNX Runtime by themselves must not report to its maker either.
process.env.ORT_DISABLE_TELEMETRY = "1";
const wanted = process.argv.slice(2);
const names = readdirSync(__dirname)
  .filter((file) => file.endsWith(".bench.ts"))
  .map((file) => file.slice(0, -".bench.ts".length))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();

if (names.length === 0) {
  process.stderr.write(`No benchmark is called ${wanted.join(" or ")}.\n`);
  process.exit(2);
}
process.stdout.write(`${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? "unknown processor"} × ${cpus().length}, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB, Node ${process.version}\n`);
let failed = false;
for (const name of names) {
  process.stdout.write(`\n## ${name}\n`);
  const { status } = spawnSync(process.execPath, ["--expose-gc", ...flagsOf(name), "--require", "tsx/cjs", join(__dirname, `${name}.bench.ts`)], {
    stdio: "inherit",
    cwd: join(__dirname, "..", ".."),
  });
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;

/** Where this process stands for a worker of a run, it collects garbage as one. */
function flagsOf(name: string): readonly string[] {
  return ["exchange", "inference"].includes(name) ? COLLECTOR_FLAGS : [];
}
