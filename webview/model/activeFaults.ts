/** Faults that were injected and still act. */
import { FAULT_CATALOGUE } from "../../simulator/faults/catalogue";
import type { Injection, RunFacts } from "../../simulator/observe/runFacts";

/** A fault that cannot be healed ends with what it did. */
function passesByItself(fault: string): boolean {
  const known = FAULT_CATALOGUE.find((one) => one.name === fault);
  return known !== undefined && known.heal === undefined;
}

export function activeFaults(facts: RunFacts, at: number): readonly Injection[] {
  if (facts.ended !== undefined && facts.ended.at <= at) return [];
  return [...facts.injections.values()].filter(
    (one) =>
      one.at <= at &&
      !passesByItself(one.fault) &&
      one.failed === undefined &&
      (one.healed === undefined || one.healed.at > at),
  );
}
