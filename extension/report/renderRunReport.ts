/** The report's page: the one that the command line writes. It brings its own content security policy, with a nonce, and no other content. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { finishRun } from "../../simulator/client/finishRun";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { readJournal } from "../../simulator/observe/journalReader";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { reportHtml } from "../../simulator/observe/reportHtml";
import { traceExport } from "../../simulator/observe/traceExport";
import type { RunReport } from "../../simulator/observe/runReport";

/** Of a run that is over: counts the sinks against the sources, and leaves the report in the run's folder too. */
export async function renderFinishedRun(directory: string): Promise<string> {
  const { html } = await finishRun(directory);
  return readFile(html, "utf8");
}

/** Of a run that goes on, as far as its journal goes; what was lost or duplicated is counted when it is over. */
export function renderLiveRun(events: readonly JournalEvent[]): string {
  return reportHtml(events, reportOf(events));
}

/** Chrome trace JSON of the whole journal, for Perfetto and `chrome://tracing`. */
export async function renderTrace(directory: string): Promise<string> {
  const events: JournalEvent[] = [];
  for await (const event of readJournal(join(directory, "journal.ndjson"))) events.push(event);
  return JSON.stringify(traceExport(events));
}

/** The same as data. */
export async function recoveryReport(directory: string, active: boolean): Promise<RunReport> {
  if (!active) return (await finishRun(directory)).report;
  const events: JournalEvent[] = [];
  for await (const event of readJournal(join(directory, "journal.ndjson"))) events.push(event);
  return reportOf(events);
}
