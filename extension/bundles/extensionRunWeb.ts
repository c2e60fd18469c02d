/** What the web extension has of `extensionRun.ts`: reports and traces of journals that were opened. There are no runs of a machine. */
import { FaultlineError } from "../../simulator/graph/errors";
import type { RunSummary } from "../../simulator/client/run";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { reportHtml } from "../../simulator/observe/reportHtml";
import { traceExport } from "../../simulator/observe/traceExport";
import type { RunSession } from "../runs/runSession";

export function listRuns(): Promise<readonly RunSummary[]> {
  return Promise.resolve([]);
}

export function openRun(name: string): Promise<never> {
  const hint = "Open its journal: Faultline: Open Journal.";
  return Promise.reject(FaultlineError.of("FL1040", `There is no run "${name}" in this window.`, hint));
}

export function renderReport(session: RunSession): Promise<string> {
  const { events } = session.snapshot();
  return Promise.resolve(reportHtml(events, reportOf(events)));
}

export function renderTrace(session: RunSession): Promise<string> {
  return Promise.resolve(JSON.stringify(traceExport(session.snapshot().events)));
}

export function wholeRunPage(): Promise<never> {
  const hint = "Save the trace, or the report, instead.";
  return Promise.reject(
    FaultlineError.of("FL4001", "The page with the whole run is made by VS Code on a computer.", hint),
  );
}
