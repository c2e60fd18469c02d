/** The report of a run, from its journal and from what its sinks committed, as JSON and as a page. */
import { randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { RunRecord } from "../cluster/runDirectory";
import { decodeRunConfig, runPaths } from "../cluster/runDirectory";
import { readJournal } from "../observe/journalReader";
import { recoveryReport } from "../observe/recoveryReport";
import { reportHtml } from "../observe/reportHtml";
import { RunFacts } from "../observe/runFacts";
import type { OutputVerification, RunReport } from "../observe/runReport";
import { verifyOutput } from "../observe/verifyOutput";
import { isAlive } from "./processAlive";

export interface FinishedRun {
  readonly report: RunReport;
  /** Path of the page. */
  readonly html: string;
  readonly facts: RunFacts;
}

/**
 * Reads the journal, counts the sinks against the sources, and writes `report.json` and `report.html` into the run's folder. For a run that
 * goes on, the report so far.
 */
export async function finishRun(directory: string): Promise<FinishedRun> {
  const facts = new RunFacts();
  for await (const event of readJournal(runPaths.journal(directory))) facts.add(event);
  const record = JSON.parse(await readFile(runPaths.record(directory), "utf8")) as RunRecord;
  const alive = isAlive(record.ownerPid);
  // What a job of a real Flink reads and writes is not ours to count, and a simulated one writes nothing.
  const counted =
    facts.started?.run.engine !== "local" && facts.started !== undefined
      ? {}
      : { verification: await verify(directory, facts) };
  const report = recoveryReport(facts, { ...counted, alive });
  const html = runPaths.reportHtml(directory);
  await writeAside(runPaths.reportJson(directory), `${JSON.stringify(report, undefined, 2)}\n`);
  await writeAside(html, reportHtml(facts, report));
  return { report, html, facts };
}

async function verify(directory: string, facts: RunFacts): Promise<OutputVerification> {
  const config = decodeRunConfig(await readFile(runPaths.config(directory), "utf8"));
  return verifyOutput(config.job, directory, facts, { earlier: config.restored });
}

/** The editor and the command line may write the same report at the same time: each writes a file of its own, and the last name wins. */
async function writeAside(file: string, text: string): Promise<void> {
  const aside = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(aside, text);
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
