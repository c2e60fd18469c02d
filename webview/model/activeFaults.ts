/** Faults that were injected and still act. */
import { FAULT_CATALOGUE } from "../../simulator/faults/catalogue";
import type { Injection, RunFacts } from "../../simulator/observe/runFacts";

/** A fault that cannot be healed ends with what it did. */
function passesByItself(fault: string): boolean {
  const known = FAULT_CATALOGUE.find((one) => one.name === fault);
  return known !== undefined && known.heal === undefined;
}

/** Milliseconds until a fault ends by itself; undefined for one that stays until it is healed. */
export function timeLeft({ at: since, parameters }: Injection, at: number): number | undefined {
  const lasts = parameters["durationMs"] ?? parameters["duration"];
  const ms = typeof lasts === "number" ? lasts : typeof lasts === "string" ? durationMs(lasts) : undefined;
  return ms === undefined || ms <= 0 ? undefined : Math.max(0, since + ms - at);
}

function durationMs(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit];
  return factor === undefined ? undefined : Number(number) * factor;
}

/** What a fault acts on: its target, or the service at the end of a connection, else both of its ends. */
export function ends({ target }: Injection): readonly string[] {
  if (!target.startsWith("link:")) return [target];
  const both = target.slice("link:".length).split("->");
  const services = both.filter((one) => one.startsWith("service:"));
  return services.length > 0 ? services : both;
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
