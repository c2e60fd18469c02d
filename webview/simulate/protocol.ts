/**
 * What the extension and the view `Simulate at Scale` say to each other. The rules are those of `webview/protocol.ts`: the view says `ready`
 * first, and again after every reload, and is answered with `job`; all of it is plain JSON.
 */
import type { Problem } from "../../simulator/graph/errors";
import type { Deployment } from "../../simulator/graph/jobFile";
import type { SimulationResult, SweepRow } from "../../simulator/observe/simulationResult";

/** What the person set. Words are as on the command line: `40s`, `1000h`. `undefined`: what the job file or the program says. */
export interface SimulationSettings {
  readonly parallelism: number | undefined;
  readonly instances: number | undefined;
  readonly gpus: number | undefined;
  readonly rate: number | undefined;
  readonly loadTime: string | undefined;
  readonly duration: string;
  readonly seeds: number;
  readonly deployments: readonly Deployment[];
  readonly strategies: readonly ("region" | "full")[];
  /** Mean time between failures of one unit. A kind that is not named does not fail. */
  readonly mtbf: Readonly<Partial<Record<FailureName, string>>>;
  /** One parameter from a sixteenth of what is set to what is set, doubled each time. */
  readonly sweep: SweptSetting | undefined;
  /** Times are taken from this run. */
  readonly calibrate: string | undefined;
}

export type FailureName = "device" | "node" | "taskmanager" | "model" | "task" | "coordinator";
export type SweptSetting = "parallelism" | "instances" | "gpus" | "rate";

export interface KeptJournal {
  readonly run: string;
  readonly deployment: string;
  readonly failoverStrategy: string;
}

export type SimulateHostMessage =
  | {
      readonly kind: "job";
      readonly job: string;
      /** Path of the job file, which the view keeps. */
      readonly jobFile: string;
      /** What the job file says. */
      readonly parallelism: number;
      readonly instances: number;
      readonly hasServices: boolean;
      /** Runs that times can be taken from, the newest first. */
      readonly runs: readonly { readonly id: string; readonly startedAt: number }[];
    }
  | { readonly kind: "progress"; readonly share: number; readonly what: string }
  | {
      readonly kind: "results";
      readonly results: readonly SimulationResult[];
      readonly journals: readonly KeptJournal[];
      readonly seconds: number;
    }
  | {
      readonly kind: "sweep";
      readonly parameter: string;
      readonly points: readonly SweepRow[];
      readonly seconds: number;
    }
  | { readonly kind: "failed"; readonly problem: Problem }
  | { readonly kind: "cancelled" };

export type SimulateViewMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "simulate"; readonly settings: SimulationSettings }
  | { readonly kind: "cancel" }
  /** The graph view with the journal of a simulated run. */
  | { readonly kind: "openJournal"; readonly run: string }
  | { readonly kind: "openReport"; readonly run: string }
  | { readonly kind: "viewError"; readonly message: string };

/** What the view keeps over a reload of the window. */
export interface SimulateViewState {
  readonly jobFile?: string;
  readonly settings?: SimulationSettings;
}
