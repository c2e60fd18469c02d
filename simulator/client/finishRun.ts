/** The report of a run, from its journal and from what its sinks committed, as JSON and as a page. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { decodeRunConfig, runPaths } from "../cluster/runDirectory";
import type { JournalEvent } from "../observe/journalEvent";
import { readJournal } from "../observe/journalReader";
import { reportHtml } from "../observe/reportHtml";
import { reportOf } from "../observe/recoveryReport";
import type { RunReport } from "../observe/runReport";
import { verifyOutput } from "../observe/verifyOutput";

export interface FinishedRun {
  readonly report: RunReport;
  /** Path of the page. */
  readonly html: string;
}

/** Reads the journal, counts the sinks against the sources, and writes `report.json` and `report.html` into the run's folder. */
export async function finishRun(directory: string): Promise<FinishedRun> {
  const events: JournalEvent[] = [];
  for await (const event of readJournal(runPaths.journal(directory))) events.push(event);
  const config = decodeRunConfig(await readFile(runPaths.config(directory), "utf8"));
  const verification = await verifyOutput(config.job, directory, events);
  const report = reportOf(events, { verification });
  const html = runPaths.reportHtml(directory);
  await writeAside(runPaths.reportJson(directory), `${JSON.stringify(report, undefined, 2)}\n`);
  await writeAside(html, reportHtml(events, report));
  return { report, html };
}

async function writeAside(file: string, text: string): Promise<void> {
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
}
