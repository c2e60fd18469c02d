/**
 * Tells when a file may have changed: from the operating system's notices, with a slow poll as the safety net, since notices get lost on
 * some file systems.
 */
import { watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";

export class FileChanges {
  readonly #pollMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #wake = (): void => this.#resolve?.();
  #watcher: FSWatcher | undefined;
  #resolve: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string, pollMs: number, signal?: AbortSignal) {
    this.#pollMs = pollMs;
    this.#signal = signal;
    const name = basename(file);
    try {
      // The folder and not the file: the file may not be there yet.
      this.#watcher = watch(dirname(file), { persistent: false }, (_event, changed) => {
        if (changed === null || changed === name) this.#wake();
      });
      this.#watcher.on("error", () => this.#stopWatching());
    } catch {
      this.#watcher = undefined; // No notices to be had (limit of watches reached): the poll does it.
    }
    signal?.addEventListener("abort", this.#wake, { once: true });
  }

  /** Resolves at the first change after this call, after the poll interval, or when the signal aborts. One call at a time. */
  next(): Promise<void> {
    this.#settle();
    return new Promise((resolve) => {
      this.#resolve = () => {
        this.#settle();
        resolve();
      };
      if (this.#signal?.aborted === true) this.#resolve();
      else this.#timer = setTimeout(this.#wake, this.#pollMs);
    });
  }

  dispose(): void {
    this.#settle();
    this.#stopWatching();
    this.#signal?.removeEventListener("abort", this.#wake);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#resolve = undefined;
  }

  #stopWatching(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
