import type { RunMeasures } from "../faults/verdict";
import type { Problem } from "../graph/errors";

/** A run that came to its end, and what was measured of it. */
export interface MeasuredRun extends RunMeasures {
  /** Path of the report's page. */
  readonly html: string;
  /** Faults that could not be injected. */
  readonly problems: readonly Problem[];
}
