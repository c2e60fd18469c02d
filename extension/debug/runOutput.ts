/** What the debug console says of a run: what a person who debugs wants to know of it, a line each. Knows nothing of the editor. */
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import type { OutputCategory } from "./debugProtocol";

export interface OutputLine {
  readonly category: OutputCategory;
  readonly text: string;
}

export function outputOf(event: JournalEvent): OutputLine | undefined {
  switch (event.kind) {
    case "job.state":
      return {
        category: "console",
        text: `Job ${event.to}${event.cause === undefined ? "" : `: ${event.cause.message}`}`,
      };
    case "process.inspectable":
      return {
        category: "console",
        text: `${event.process} (process ${event.pid}) waits for the debugger on port ${event.port}`,
      };
    case "fault.effective":
      return { category: "console", text: `Fault ${event.injection} took effect: ${event.evidence}` };
    case "failure": {
      const { message, detail } = event.cause;
      return {
        category: "stderr",
        text: `${event.task} failed: ${message}${detail === undefined ? "" : ` (${detail})`}`,
      };
    }
    case "failover": {
      const restarting = [...event.tasks, ...event.instances];
      const who = restarting.length > 6 ? `${restarting.length} tasks` : restarting.join(", ");
      const from = event.restoredCheckpoint === undefined ? "" : ` from checkpoint ${event.restoredCheckpoint}`;
      return { category: "console", text: `Restarting ${who}${from}; ${event.untouched} untouched` };
    }
    case "log":
      return { category: event.level === "error" ? "stderr" : "console", text: `${event.process}: ${event.message}` };
    case "run.ended":
      return {
        category: "important",
        text: `Run ${event.state}${event.cause === undefined ? "" : `: ${event.cause.message}`}`,
      };
    default:
      return undefined;
  }
}
