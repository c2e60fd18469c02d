/** The newest run of a server's person: its folder and its journal, read from outside the editor. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { JournalEvent, JournalEventOf } from "../../simulator/observe/journalEvent";
import type { VscodeServer } from "./harness/vscodeServer";

const JOURNAL = "journal.ndjson";

export interface RunJournal {
  readonly directory: string;
  readonly events: readonly JournalEvent[];
}

export function newestJournal(server: VscodeServer): RunJournal {
  const newest = runFolders(server).at(-1);
  assert.ok(newest, "there is a run");
  return journalIn(newest);
}

/** Oldest first. The order of those that began in the same second is not known. */
export function journals(server: VscodeServer): readonly RunJournal[] {
  return runFolders(server).map(journalIn);
}

/** A run's folder is there a moment before its journal. */
function runFolders(server: VscodeServer): readonly string[] {
  const runs = join(server.home, ".local", "state", "faultline", "runs");
  return readdirSync(runs)
    .sort()
    .map((name) => join(runs, name))
    .filter((folder) => existsSync(join(folder, JOURNAL)));
}

function journalIn(directory: string): RunJournal {
  const lines = readFileSync(join(directory, JOURNAL), "utf8").split("\n").slice(0, -1);
  return { directory, events: lines.map((line) => JSON.parse(line) as JournalEvent) };
}

export function eventsOf<K extends JournalEvent["kind"]>(
  events: readonly JournalEvent[],
  kind: K,
): readonly JournalEventOf<K>[] {
  return events.filter((event): event is JournalEventOf<K> => event.kind === kind);
}

/** Of the processes that the run started, and of the one that owns it. */
export function pidsOf({ directory, events }: RunJournal): readonly number[] {
  const { ownerPid } = JSON.parse(readFileSync(join(directory, "run.json"), "utf8")) as { readonly ownerPid: number };
  return [...new Set([ownerPid, ...eventsOf(events, "process.started").map(({ pid }) => pid)])].sort((a, b) => a - b);
}
