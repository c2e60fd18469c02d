/** What a run's keeper and the editor window that owns it say to each other: one JSON document a line, on one socket. */
import type { RunRecord } from "../cluster/runDirectory";
import type { Problem } from "../graph/errors";
import type { StartRunOptions } from "./run";

export type OwnerMessage =
  | { readonly kind: "start"; readonly options: StartRunOptions; readonly handOverLimitMs: number }
  /** The first message of a new owner. */
  | { readonly kind: "takeOver"; readonly token: string }
  /** The owner goes, and another may come within the limit. Whoever goes without this word takes the run along. */
  | { readonly kind: "handOver" }
  /** Ends every process of the run at once. */
  | { readonly kind: "end" };

export type KeeperMessage =
  | { readonly kind: "started"; readonly record: RunRecord }
  | { readonly kind: "notStarted"; readonly problems: readonly Problem[] }
  | { readonly kind: "takenOver" }
  | { readonly kind: "handingOver" }
  | { readonly kind: "ended"; readonly state: string; readonly exitCode: number };
