/**
 * `npm run fuzz -- [--seeds N] [--from SEED] [--workers N] | --seed SEED [--journal] | --replay FILE [--journal] | --mutations [--keep]`
 *
 * Runs random jobs under random faults in virtual time and checks what must hold at every step. A seed that breaks a rule is shrunk, and the
 * shortest case found is kept in `.test-output/` with the command that plays it again. `--mutations` breaks the rules of `core` one by one and
 * prints which seed notices; `--keep` writes the shortest schedules that do to `test/fixtures/schedules`, where the test command plays them.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeFault } from "../simulator/virtual/faultSchedule";
import { formatFuzzCase, parseFuzzCase } from "../simulator/virtual/fuzzCaseText";
import type { FuzzCase } from "../simulator/virtual/fuzzSeed";
import { fuzzCase, runFuzzCase } from "../simulator/virtual/fuzzSeed";
import { shrinkCase } from "../simulator/virtual/shrinkCase";
import { CORE_MUTATIONS } from "../test/fuzz/coreMutations";
import { catchMutation, mutationLine } from "../test/fuzz/mutationTable";

const OUTPUT = join(__dirname, "..", ".test-output");
const MOST_FAILURES = 5;
/** Seeds within which a broken rule has to be noticed. */
const MUTATION_SEEDS = 2_000;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    replay: { type: "string" },
    workers: { type: "string" },
    journal: { type: "boolean", default: false },
    mutations: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

function wholeNumber(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    process.stderr.write(`FL1000: --${name} has to be a whole number, not "${text}".\n`);
    process.exit(2);
  }
  return value;
}

function main(): void {
  if (values.mutations) void mutations();
  else if (values.replay !== undefined) one(parseFuzzCase(readFileSync(values.replay, "utf8")));
  else if (values.seed !== undefined) one(fuzzCase(wholeNumber(values.seed, "seed")));
  else {
    const [from, count] = [wholeNumber(values.from, "from"), wholeNumber(values.seeds, "seeds")];
    const workers = Math.max(1, values.workers === undefined ? cpus().length : wholeNumber(values.workers, "workers"));
    if (workers > 1 && count >= 100) share(from, count, workers);
    else many(from, count);
  }
}

async function mutations(): Promise<void> {
  let missed = 0;
  for (const mutation of CORE_MUTATIONS) {
    const outcome = await catchMutation(mutation, MUTATION_SEEDS, values.keep);
    if (outcome.seed === undefined) missed++;
    process.stdout.write(`${mutationLine(outcome)}\n`);
  }
  process.stdout.write(`${CORE_MUTATIONS.length - missed} of ${CORE_MUTATIONS.length} broken rules noticed within ${MUTATION_SEEDS} seeds\n`);
  process.exitCode = missed === 0 ? 0 : 1;
}

/** One case, told in full. */
function one(found: FuzzCase): void {
  process.stdout.write(`${found.schedule.map((fault) => `  ${describeFault(fault)}\n`).join("")}`);
  const result = runFuzzCase(found);
  if (values.journal) for (const event of result.world.journal.events) process.stdout.write(`${JSON.stringify(event)}\n`);
  process.stdout.write(`seed ${found.seed}: ${result.state}, ${result.events} events, ${Math.round(result.virtualMs)} virtual ms, ${result.faults} faults\n`);
  if (result.violation === undefined) return;
  process.stdout.write(`${result.violation.message}\n`);
  process.exitCode = 1;
}

function many(from: number, count: number): void {
  const states = new Map<string, number>();
  const totals = { events: 0, faults: 0, virtualMs: 0, failures: 0 };
  const startedAt = Date.now();
  for (let seed = from; seed < from + count && totals.failures < MOST_FAILURES; seed++) {
    const found = fuzzCase(seed);
    const result = runFuzzCase(found);
    totals.events += result.events;
    totals.faults += result.faults;
    totals.virtualMs += result.virtualMs;
    states.set(result.state, (states.get(result.state) ?? 0) + 1);
    if (result.violation === undefined) continue;
    totals.failures++;
    tell(found, result.violation.message);
  }
  const seconds = (Date.now() - startedAt) / 1000;
  const ended = [...states].map(([state, times]) => `${times} ${state}`).join(", ");
  process.stdout.write(
    `seeds ${from} to ${from + count - 1}: ${ended}; ${totals.faults} faults, ${totals.events} events, ` +
      `${Math.round(totals.virtualMs / 1000)} virtual s in ${seconds.toFixed(1)} s; ${totals.failures} failed\n`,
  );
  process.exitCode = totals.failures === 0 ? 0 : 1;
}

function tell(found: FuzzCase, message: string): void {
  const shortest = shrinkCase(found, (candidate) => runFuzzCase(candidate).violation?.rule);
  mkdirSync(OUTPUT, { recursive: true });
  const file = join(OUTPUT, `fuzz-${found.seed}.json`);
  writeFileSync(file, formatFuzzCase(shortest));
  const schedule = shortest.schedule.map((fault) => `    ${describeFault(fault)}\n`).join("");
  process.stdout.write(
    `seed ${found.seed}: ${message}\n  shortest schedule (${shortest.schedule.length} of ${found.schedule.length} faults, ` +
      `${shortest.job.operators.length} of ${found.job.operators.length} operators):\n${schedule}` +
      `  again: npm run fuzz -- --replay ${file}\n`,
  );
}

/** Ranges of seeds to as many processes as there are cores. */
function share(from: number, count: number, workers: number): void {
  const each = Math.ceil(count / workers);
  for (let worker = 0; worker < workers; worker++) {
    const first = from + worker * each;
    const seeds = Math.min(each, from + count - first);
    if (seeds <= 0) continue;
    const args = [...process.execArgv, __filename, "--from", String(first), "--seeds", String(seeds), "--workers", "1"];
    spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] }).once("exit", (code) => {
      if (code !== 0) process.exitCode = 1;
    });
  }
}

main();
