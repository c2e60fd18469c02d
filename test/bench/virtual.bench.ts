/**
 * Virtual time: events a second, a job of ten thousand subtasks and a thousand instances for an hour, and what an event costs as jobs grow. Each job is
 * simulated in a process of its own, built as what ships and with the young generation that the threads of `faultline simulate` have for a job of its
 * size. Times are processor time of that process, since the machine may be busy with other things. The yardstick is the bare event loop, in the same
 * process.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { NODE_BUILD } from "../../scripts/build";
import { youngGenerationMib } from "../../simulator/client/simulationThreads";

const SIZES = [[33, 10, 60], [333, 100, 60], [3_334, 1_000, 20], [32_768, 1_000, 5]] as const;

const print = (cells: readonly (string | number)[]): void => void process.stdout.write(`| ${cells.join(" | ")} |\n`);

function inProcess(program: string, subtasks: number, ...what: readonly (string | number)[]): void {
  const { status } = spawnSync(process.execPath, [`--max-semi-space-size=${youngGenerationMib(subtasks) / 3}`, program, ...what.map(String)], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}

function all(program: string): void {
  print(["job", "events", "processor time", "elapsed", "events/s", "bare loop, 10,000 waiting: events/s", "memory", "faults", "tasks restarted", "records/s"]);
  print(["---", "---", "---", "---", "---", "---", "---", "---", "---", "---"]);
  for (const ship of ["FORWARD", "HASH"]) inProcess(program, 10_002, "hour", ship);
  process.stdout.write("\n");
  print(["subtasks", "instances", "events", "events/s", "ns an event", "÷ log2(subtasks)", "bare loop, as many waiting: ns", "÷ log2(subtasks)", "memory"]);
  print(["---", "---", "---", "---", "---", "---", "---", "---", "---"]);
  for (const size of SIZES) inProcess(program, 3 * size[0], "growth", ...size);
}

const folder = mkdtempSync(join(tmpdir(), "faultline-bench-"));
try {
  const program = join(folder, "virtualRow.js");
  buildSync({ ...NODE_BUILD, entryPoints: [join(__dirname, "virtualRow.ts")], outfile: program });
  all(program);
} finally {
  rmSync(folder, { recursive: true });
}
