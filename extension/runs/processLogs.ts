/**
 * What a process of a run says, in a log channel of its own: the journal's log events with their levels, and what the process wrote
 * by itself (a person's own functions print there). A channel is made when it is asked for, and goes with the run's session.
 */
import { createReadStream, type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import type { JournalEvent, ProcessName } from "../../simulator/observe/journalEvent";
import { DisposableList } from "../disposableList";
import type { RunSession } from "./runSession";

/** Of a log that is longer, its end is shown. */
const MOST_BYTES = 1024 * 1024;

export class ProcessLogs implements vscode.Disposable {
  private readonly channels = new Map<string, DisposableList & { show?: () => void }>();

  show(session: RunSession, process: ProcessName): void {
    const key = `${session.id} ${process}`;
    const known = this.channels.get(key);
    if (known?.show !== undefined) {
      known.show();
      return;
    }
    const list: DisposableList & { show?: () => void } = new DisposableList();
    this.channels.set(key, list);
    const channel = list.push(vscode.window.createOutputChannel(`Faultline: ${session.job} ${process}`, { log: true }));
    list.show = () => channel.show(true);
    const write = (events: readonly JournalEvent[]): void => {
      for (const event of events)
        if (event.kind === "log" && event.process === process) channel[event.level](event.message);
    };
    write(session.snapshot().events);
    list.push(session.onDidAddEvents(({ events }) => write(events)));
    const tail = list.push(new LogFileTail(join(session.directory, "logs", `${fileName(process)}.log`), channel));
    list.push(session.onDidEnd(() => tail.stop()));
    channel.show(true);
  }

  dispose(): void {
    for (const list of this.channels.values()) list.dispose();
    this.channels.clear();
  }
}

/** `service:langid#1` → `service-langid-1`. */
function fileName(process: ProcessName): string {
  return process.replace(/[^\w.-]+/g, "-");
}

/** Reads what was added to a file whenever the system says that it changed. */
class LogFileTail implements vscode.Disposable {
  private watcher: FSWatcher | undefined;
  private from = 0;
  private reading = Promise.resolve();
  private rest = "";

  constructor(
    private readonly file: string,
    private readonly channel: vscode.LogOutputChannel,
  ) {
    this.more();
    try {
      // The folder, because the file may not be there yet.
      this.watcher = watch(dirname(file), () => this.more());
    } catch (error) {
      channel.debug(`The log's folder cannot be watched: ${String(error)}`);
    }
  }

  stop(): void {
    this.watcher?.close();
    this.watcher = undefined;
    this.more();
  }

  dispose(): void {
    this.watcher?.close();
  }

  private more(): void {
    this.reading = this.reading.then(() => this.read()).catch(() => undefined);
  }

  private async read(): Promise<void> {
    const { size } = await stat(this.file);
    if (this.from === 0 && size > MOST_BYTES) {
      this.channel.info(`The first ${size - MOST_BYTES} bytes of ${this.file} are not shown.`);
      this.from = size - MOST_BYTES;
    }
    if (size <= this.from) return;
    for await (const chunk of createReadStream(this.file, { encoding: "utf8", start: this.from, end: size - 1 })) {
      this.rest += String(chunk);
    }
    this.from = size;
    const lines = this.rest.split(/\r?\n/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") this.channel.appendLine(line);
  }
}
