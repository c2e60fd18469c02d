/** Which runs are compared: asks the host for them, keeps them, and opens and closes the view of them. */
import { recoveryReport } from "../../simulator/observe/recoveryReport";
import { showMenu, type MenuItem } from "../contextMenu";
import type { RunModel } from "../model/runModel";
import type { HostMessageOf, RunHandle, ViewMessage } from "../protocol";
import { comparedRun, runName, type ComparedRun } from "./comparedRun";
import { CompareView } from "./compareView";

export interface ComparisonHost {
  readonly send: (message: ViewMessage) => void;
  /** The run that the picture shows. */
  readonly shown: () => RunModel | undefined;
  /** Kept over a reload: ids of the runs beside the one that is shown; empty while the view is closed. */
  readonly keep: (runs: readonly string[]) => void;
  readonly note: (words: string) => void;
  /** The view was opened or closed. */
  readonly opened: (open: boolean) => void;
}

/** Runs to choose from in one menu, newest first. */
const MOST_CHOICES = 24;
/** The run that is shown goes on: its figures are made anew this often. */
const REFRESH_MS = 1000;

export class RunComparison {
  readonly #view: CompareView;
  #others: readonly ComparedRun[] = [];
  /** Asked for and not come yet. */
  readonly #awaited = new Set<string>();
  #menuAt: { readonly x: number; readonly y: number } | undefined;
  #shown: ComparedRun | undefined;
  #shownNext = -1;
  #refreshedAt = 0;

  constructor(
    section: HTMLElement,
    private readonly host: ComparisonHost,
  ) {
    this.#view = new CompareView(section, {
      more: (at) => this.pick(at),
      removed: (run) => {
        this.#others = this.#others.filter((one) => one.run.handle.id !== run);
        this.#changed();
      },
      closed: () => this.close(),
    });
  }

  get isOpen(): boolean {
    return this.#view.isOpen;
  }

  /** Opens the view, or asks which run to add when nothing is compared yet. */
  toggle(at: { readonly x: number; readonly y: number }): void {
    if (this.close()) return;
    if (this.host.shown() === undefined) this.host.note("There is no run to compare.");
    else if (this.#others.length === 0) this.pick(at);
    else this.#open();
  }

  /** Asks the host which runs there are; they are offered in a menu at this place. */
  pick(at: { readonly x: number; readonly y: number }): void {
    this.#menuAt = at;
    this.host.send({ kind: "listRuns" });
  }

  /** After a reload: what was compared before. */
  restore(runs: readonly string[]): void {
    for (const run of runs) this.#ask(run);
  }

  close(): boolean {
    if (!this.#view.close()) return false;
    this.host.keep([]);
    this.host.opened(false);
    return true;
  }

  listed({ runs }: HostMessageOf<"runs">): void {
    const at = this.#menuAt;
    this.#menuAt = undefined;
    if (at === undefined) return;
    const known = new Set([this.host.shown()?.handle.id, ...this.#others.map(({ run }) => run.handle.id)]);
    const choices = runs.filter(({ id }) => !known.has(id)).sort((a, b) => b.startedAt - a.startedAt);
    if (choices.length === 0) {
      this.host.note(this.#others.length === 0 ? "There is no other run of this job." : "All runs are compared.");
      return;
    }
    const items = choices.slice(0, MOST_CHOICES).map((run): MenuItem => this.#choice(run));
    showMenu([{ kind: "title", label: "Compare with" }, ...items], at, "Compare with");
  }

  compared({ run, events }: HostMessageOf<"compared">): void {
    this.#awaited.delete(run.id);
    this.#others = [...this.#others.filter((one) => one.run.handle.id !== run.id), comparedRun(run, events)];
    this.#open();
  }

  /** The run that is shown has more in it, or is another one. */
  refresh(): void {
    const run = this.host.shown();
    if (!this.isOpen || run === undefined || (run === this.#shown?.run && run.next === this.#shownNext)) return;
    if (performance.now() - this.#refreshedAt < REFRESH_MS && run === this.#shown?.run) return;
    this.#draw();
  }

  #choice(run: RunHandle): MenuItem {
    const day = run.startedAt === 0 ? "" : ` · ${new Date(run.startedAt).toLocaleDateString("en-CA")}`;
    return { kind: "action", label: `${runName(run)}${day}`, act: () => this.#ask(run.id) };
  }

  #ask(run: string): void {
    if (this.#awaited.has(run)) return;
    this.#awaited.add(run);
    this.host.send({ kind: "compareWith", run });
  }

  #open(): void {
    const wasOpen = this.isOpen;
    if (!wasOpen) this.#view.open();
    this.#changed();
    if (!wasOpen) this.host.opened(true);
  }

  #changed(): void {
    this.#draw();
    this.host.keep(this.#others.map(({ run }) => run.handle.id));
  }

  #draw(): void {
    const run = this.host.shown();
    this.#shown = run === undefined ? undefined : { run, report: recoveryReport(run.facts) };
    this.#shownNext = run?.next ?? -1;
    this.#refreshedAt = performance.now();
    this.#view.show([...(this.#shown === undefined ? [] : [this.#shown]), ...this.#others]);
  }
}
