/** Starting a run from the editor: where it takes long, a notification says how far it is until the job runs, with a way to call it off. */
import * as vscode from "vscode";
import type { RunSession } from "./runSession";
import type { RunStore } from "./runStore";
import { jobName } from "./runSummary";
import type { RunView } from "./runView";

/** A start that is over by then shows in the status bar alone. */
const PATIENCE_MS = 1_000;

/**
 * Resolves when the job runs, has ended, or was called off; nothing of the run is left then.
 * @throws FaultlineError as `RunStore.start`
 */
export async function startWithProgress(runs: RunStore, jobFile: string): Promise<void> {
  const started = runs.start(jobFile);
  const running = started.then(untilRunning);
  if (await isDoneWithin(PATIENCE_MS, running)) return;
  const title = `Starting ${jobName(jobFile)}`;
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  await vscode.window.withProgress(options, async (progress, token) => {
    const canceled = new Promise<boolean>((resolve) => token.onCancellationRequested(() => resolve(true)));
    const session = await started;
    const say = (view: RunView): void => progress.report({ message: howFar(view) });
    say(session.view);
    const listener = session.onDidChangeView(say);
    try {
      if (await Promise.race([canceled, running.then(() => false)])) await session.callOff();
    } finally {
      listener.dispose();
    }
  });
}

async function untilRunning(session: RunSession): Promise<void> {
  let listener: vscode.Disposable | undefined;
  const running = new Promise<void>((resolve) => {
    const look = ({ jobState }: RunView): void => {
      if (jobState === "RUNNING") resolve();
    };
    listener = session.onDidChangeView(look);
    look(session.view);
  });
  await Promise.race([running, session.ended]);
  listener?.dispose();
}

async function isDoneWithin(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), limitMs)));
  try {
    return await Promise.race([work.then(() => true), limit]);
  } finally {
    clearTimeout(timer);
  }
}

function howFar({ graph, tasks }: RunView): string {
  const all = (graph?.vertices ?? []).reduce((sum, { parallelism }) => sum + parallelism, 0);
  const running = [...tasks.values()].filter(({ state }) => state === "RUNNING").length;
  return all === 0 ? "its processes" : `${running} of ${all} subtasks run`;
}
