/** A journal that lies by itself, anywhere that the editor can read: on a disk, on another machine, in a folder of a web page. */
import * as vscode from "vscode";
import type { Run } from "../../simulator/client/run";
import { FaultlineError } from "../../simulator/graph/errors";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { JournalOrder, damaged, parseJournalLine } from "../../simulator/observe/journalLine";

/** It is held in memory as a whole, and the editor hands files over as a whole. */
const MOST_BYTES = 256 * 2 ** 20;

export interface JournalFileRun {
  readonly run: Run;
  readonly job: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/**
 * @param uri the journal, or the folder of a run
 * @throws FaultlineError FL1001 when there is none, FL1004 when it is over 256 MiB, FL2011 when it is damaged, FL1003 when a newer program wrote it
 */
export async function readJournalFile(uri: vscode.Uri): Promise<JournalFileRun> {
  const file = await journalIn(uri);
  const name = vscode.workspace.asRelativePath(file);
  const { size } = await vscode.workspace.fs.stat(file);
  if (size > MOST_BYTES) {
    const limit = `The editor reads journals of up to ${MOST_BYTES / 2 ** 20} MiB.`;
    throw FaultlineError.of("FL1004", `The journal has ${(size / 2 ** 20).toFixed(0)} MiB.`, limit, { file: name });
  }
  const events = parseJournal(new TextDecoder().decode(await vscode.workspace.fs.readFile(file)), name);
  const started = events.find((event) => event.kind === "run.started");
  if (started === undefined) throw damaged(name, 1, "it does not say which run it is of");
  return {
    run: readOnlyRun(started.run.id, vscode.Uri.joinPath(file, "..").fsPath, events),
    job: started.run.job,
    startedAt: started.at,
  };
}

/** A torn last line is left out. @throws FaultlineError FL2011 */
export function parseJournal(text: string, file: string): readonly JournalEvent[] {
  const order = new JournalOrder(file);
  const lines = text.split("\n");
  const events: JournalEvent[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === "" && index === lines.length - 1) break;
    const event = parseJournalLine(line);
    if (event === undefined) {
      if (index === lines.length - 1) break;
      throw damaged(file, index + 1, "it is not an event");
    }
    order.accept(event, index + 1);
    events.push(event);
  }
  return events;
}

async function journalIn(uri: vscode.Uri): Promise<vscode.Uri> {
  try {
    const { type } = await vscode.workspace.fs.stat(uri);
    if ((type & vscode.FileType.Directory) === 0) return uri;
    const inside = vscode.Uri.joinPath(uri, "journal.ndjson");
    await vscode.workspace.fs.stat(inside);
    return inside;
  } catch (error) {
    throw FaultlineError.of(
      "FL1001",
      "There is no journal here.",
      "Choose a journal (journal.ndjson), or the folder of a run.",
      { file: uri.fsPath },
      error,
    );
  }
}

function readOnlyRun(id: string, directory: string, events: readonly JournalEvent[]): Run {
  const over = (): Promise<never> =>
    Promise.reject(FaultlineError.of("FL1040", "This run is over.", "Run the job again to act on it."));
  return {
    id,
    directory,
    owned: false,
    events: async function* () {
      yield* events;
    },
    inject: over,
    heal: over,
    stop: over,
    scale: over,
    checkpoint: over,
    savepoint: over,
    ended: Promise.resolve({ state: "UNKNOWN", exitCode: 0 }),
    dispose: () => Promise.resolve(),
  };
}
