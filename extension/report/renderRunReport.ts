/** The report's page: the one that the command line writes. It brings its own content security policy, with a nonce, and no other content. */
import { readFile } from "node:fs/promises";
import { finishRun } from "../../simulator/client/finishRun";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { readJournal } from "../../simulator/observe/journalReader";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { reportHtml } from "../../simulator/observe/reportHtml";
import { traceExport } from "../../simulator/observe/traceExport";
import type { RunReport } from "../../simulator/observe/runReport";
import type { RunSession } from "../runs/runSession";

/**
 * Of a run that is over, it counts the sinks against the sources and leaves the report in the run's folder too. Of one that goes on, or of a
 * journal that lies by itself, it says what the journal says.
 */
export async function renderReport(session: RunSession): Promise<string> {
  if (!countsOutput(session)) return reportOfEvents(session);
  const { html } = await finishRun(session.directory);
  return readFile(html, "utf8");
}

/** Chrome trace JSON of the whole journal, for Perfetto and `chrome://tracing`. */
export async function renderTrace(session: RunSession): Promise<string> {
  return JSON.stringify(traceExport(await wholeJournal(session)));
}

/** The report as data. */
export async function recoveryReport(session: RunSession): Promise<RunReport> {
  if (countsOutput(session)) return (await finishRun(session.directory)).report;
  return reportOf(await wholeJournal(session));
}

function countsOutput(session: RunSession): boolean {
  return !session.active && session.journalFile === undefined;
}

function reportOfEvents(session: RunSession): string {
  const { events } = session.snapshot();
  return reportHtml(events, reportOf(events));
}

async function wholeJournal(session: RunSession): Promise<readonly JournalEvent[]> {
  const events: JournalEvent[] = [];
  for await (const event of readJournal(session.journal.fsPath)) events.push(event);
  return events;
}
