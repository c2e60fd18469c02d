/**
 * The sessions of VS Code's JavaScript debugger under a debug session of ours: one for each TaskManager process, begun when the journal says
 * that the process waits for a debugger, also for one that was started again a moment ago.
 */
import { join } from "node:path";
import * as vscode from "vscode";
import type { ProcessName } from "../../simulator/observe/journalEvent";
import { DisposableList } from "../disposableList";

export interface TaskManagerSessionOptions {
  /** Folder of the run: its `functions` are the compiled modules, with their source maps. */
  readonly directory: string;
  /** Faultline's own code, which stepping passes over. */
  readonly ownCode: string;
  readonly skipFiles: readonly string[];
}

export class TaskManagerSessions implements vscode.Disposable {
  private readonly disposables = new DisposableList();
  private readonly children = new Set<vscode.DebugSession>();

  constructor(
    private readonly parent: vscode.DebugSession,
    private readonly options: TaskManagerSessionOptions,
  ) {
    this.disposables.push(
      vscode.debug.onDidStartDebugSession((session) => {
        if (session.parentSession?.id === parent.id) this.children.add(session);
      }),
    );
    this.disposables.push(vscode.debug.onDidTerminateDebugSession((session) => this.children.delete(session)));
  }

  /** @returns false when the debugger did not attach: the process waits on. */
  async attach(process: ProcessName, port: number): Promise<boolean> {
    const { directory, ownCode, skipFiles } = this.options;
    const functions = join(directory, "functions", "**");
    return vscode.debug.startDebugging(
      this.parent.workspaceFolder,
      {
        type: "pwa-node",
        request: "attach",
        name: process,
        address: "127.0.0.1",
        port,
        continueOnAttach: true,
        sourceMaps: true,
        outFiles: [functions],
        resolveSourceMapLocations: [functions],
        skipFiles: ["<node_internals>/**", join(ownCode, "**"), ...skipFiles],
        // A process that is started again has another port, and we are told.
        restart: false,
      },
      {
        parentSession: this.parent,
        lifecycleManagedByParent: true,
        consoleMode: vscode.DebugConsoleMode.MergeWithParent,
      },
    );
  }

  /** Lets go of every process; those that stand at a breakpoint go on. */
  async detachAll(): Promise<void> {
    // Not by the workbench's stop: with a session that lives by its parent it stops the parent.
    await Promise.allSettled(
      [...this.children].map((session) => session.customRequest("disconnect", { terminateDebuggee: false })),
    );
  }

  dispose(): void {
    this.disposables.dispose();
  }
}
