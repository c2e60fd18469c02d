/** Holds the fuzzer against rules of `core` that were broken on purpose: which schedule notices each, and by which check. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatFuzzCase, parseFuzzCase } from "../../simulator/virtual/fuzzCaseText";
import type { FuzzCase } from "../../simulator/virtual/fuzzSeed";
import { shrinkCase } from "../../simulator/virtual/shrinkCase";
import type { CoreMutation } from "./coreMutations";
import { buildMutant } from "./mutantBundle";

/** The shortest schedules found that notice each broken rule; what ships passes all of them. */
export const SCHEDULES = join(__dirname, "..", "fixtures", "schedules");

export interface MutationOutcome {
  readonly mutation: CoreMutation;
  /** The first seed that notices; undefined when none of those tried does. */
  readonly seed: number | undefined;
  /** The rule that the seed found broken. */
  readonly rule: string | undefined;
  readonly seconds: number;
}

/** Tries seeds 1, 2, … until one notices, `seeds` at most. @param keep write the shortest schedule that notices to {@link SCHEDULES}. */
export async function catchMutation(mutation: CoreMutation, seeds: number, keep = false): Promise<MutationOutcome> {
  const startedAt = Date.now();
  const { fuzzCase, runFuzzCase } = await buildMutant(mutation, scheduleName(mutation));
  for (let seed = 1; seed <= seeds; seed++) {
    const found = fuzzCase(seed);
    const { violation } = runFuzzCase(found);
    if (violation === undefined) continue;
    const seconds = (Date.now() - startedAt) / 1000;
    if (keep)
      keepSchedule(
        mutation,
        shrinkCase(found, (candidate) => runFuzzCase(candidate).violation?.rule),
      );
    return { mutation, seed, rule: violation.rule, seconds };
  }
  return { mutation, seed: undefined, rule: undefined, seconds: (Date.now() - startedAt) / 1000 };
}

/** The kept schedule that notices the broken rule; undefined when none was kept. */
export function keptSchedule(mutation: CoreMutation): FuzzCase | undefined {
  const file = join(SCHEDULES, `${scheduleName(mutation)}.json`);
  return existsSync(file) ? parseFuzzCase(readFileSync(file, "utf8")) : undefined;
}

/** Whether the schedule makes the core with the broken rule break one of the fuzzer's. */
export async function notices(schedule: FuzzCase, mutation: CoreMutation): Promise<boolean> {
  const { runFuzzCase } = await buildMutant(mutation, scheduleName(mutation));
  return runFuzzCase(schedule).violation !== undefined;
}

export function mutationLine({ mutation, seed, rule, seconds }: MutationOutcome): string {
  const found = seed === undefined ? "NOT FOUND" : `seed ${seed}`;
  return `${mutation.name.padEnd(76)} ${found.padStart(10)}  ${(rule ?? "").padEnd(22)}${seconds.toFixed(1).padStart(6)} s`;
}

function keepSchedule(mutation: CoreMutation, schedule: FuzzCase): void {
  mkdirSync(SCHEDULES, { recursive: true });
  writeFileSync(join(SCHEDULES, `${scheduleName(mutation)}.json`), formatFuzzCase(schedule));
}

function scheduleName({ name }: CoreMutation): string {
  return name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase();
}
