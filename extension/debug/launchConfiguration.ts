/** A launch configuration of type `faultline`. */
import type * as vscode from "vscode";
import type { Deployment } from "../../simulator/graph/jobFile";
import { DEBUG_TYPE } from "../manifest/viewTypes";
import { jobName } from "../runs/runSummary";

/** As in launch.json; the manifest's schema says the same. */
export interface JobDebugConfiguration extends vscode.DebugConfiguration {
  /** Job file: absolute after it was resolved. */
  readonly job: string;
  readonly deployment?: Deployment;
  /** Id of a run of this window that was started for debugging, by an experiment; absent: one is started. */
  readonly run?: string;
  /** As of VS Code's JavaScript debugger, on top of Faultline's own code and Node's. */
  readonly skipFiles?: readonly string[];
}

export function jobDebugConfiguration(job: string): JobDebugConfiguration {
  return { type: DEBUG_TYPE, request: "launch", name: `Debug ${jobName(job)}`, job };
}
