/** How long something takes, as data: given by a person, or measured in a real run. */
import type { Chance } from "./chance";

export type Distribution =
  | { readonly kind: "constant"; readonly ms: number }
  /** Half of the values are below the median; `spread` is the standard deviation of their logarithm. */
  | { readonly kind: "lognormal"; readonly medianMs: number; readonly spread: number }
  /** Values of a run, each as likely as the others. */
  | { readonly kind: "measured"; readonly valuesMs: readonly number[] };

export function constant(ms: number): Distribution {
  return { kind: "constant", ms };
}

export function lognormal(medianMs: number, spread = 0.25): Distribution {
  return { kind: "lognormal", medianMs, spread };
}

/** The next value, ms. */
export function draw(distribution: Distribution, chance: Chance): number {
  switch (distribution.kind) {
    case "constant":
      return distribution.ms;
    case "lognormal":
      return distribution.medianMs === 0 ? 0 : distribution.medianMs * Math.exp(distribution.spread * chance.normal());
    case "measured":
      return chance.pick(distribution.valuesMs);
  }
}

/** The middle value, ms. */
export function medianOf(distribution: Distribution): number {
  switch (distribution.kind) {
    case "constant":
      return distribution.ms;
    case "lognormal":
      return distribution.medianMs;
    case "measured": {
      const sorted = [...distribution.valuesMs].sort((a, b) => a - b);
      return sorted[Math.floor(sorted.length / 2)];
    }
  }
}

/** Every value so many times as long. */
export function scaled(distribution: Distribution, factor: number): Distribution {
  switch (distribution.kind) {
    case "constant":
      return constant(distribution.ms * factor);
    case "lognormal":
      return { ...distribution, medianMs: distribution.medianMs * factor };
    case "measured":
      return { kind: "measured", valuesMs: distribution.valuesMs.map((ms) => ms * factor) };
  }
}
