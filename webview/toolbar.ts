/** The row of controls above the picture. */
import { button, choice, textField, type Button, type TextField } from "./controls";
import { keyOf, type Command } from "./keymap";
import type { PictureLevel } from "./protocol";

const SIGN = {
  run: "M-4.5-6.2L6 0-4.5 6.2Z",
  stop: "M-5-5H5V5H-5Z",
  fit: "M-6.5-6.5H-2V-5H-5V-2H-6.5ZM6.5-6.5H2V-5H5V-2H6.5ZM-6.5 6.5H-2V5H-5V2H-6.5ZM6.5 6.5H2V5H5V2H6.5Z",
  turn: "M-6.5-5.5H-1.5V-.5H-6.5ZM1.5 .5H6.5V5.5H1.5ZM-4.8 1H-3.2V2.8H-.6V4.4H-4.8Z",
  legend:
    "M-6.5-5H-3.5V-2.5H-6.5ZM-1.5-4.6H6.5V-3H-1.5ZM-6.5-1.2H-3.5V1.2H-6.5ZM-1.5-.8H6.5V.8H-1.5ZM-6.5 2.5H-3.5V5H-6.5ZM-1.5 3H6.5V4.6H-1.5Z",
  more: "M-5-1.3A1.3 1.3 0 1 1-5 1.3A1.3 1.3 0 1 1-5-1.3ZM0-1.3A1.3 1.3 0 1 1 0 1.3A1.3 1.3 0 1 1 0-1.3ZM5-1.3A1.3 1.3 0 1 1 5 1.3A1.3 1.3 0 1 1 5-1.3Z",
} as const;

export interface ToolbarState {
  readonly title: string;
  readonly level: PictureLevel;
  readonly runnable: boolean;
  readonly runBlocked: string | undefined;
  readonly running: boolean;
  readonly starting: boolean;
  readonly legend: boolean;
}

export class Toolbar {
  readonly element = document.createElement("div");
  readonly search: TextField;
  readonly #title = document.createElement("h1");
  readonly #run: Button;
  readonly #stop: Button;
  readonly #legend: Button;
  readonly #level: { readonly element: HTMLElement; set(value: PictureLevel): void };
  readonly more: Button;

  constructor(
    does: (command: Command) => void,
    events: {
      readonly searched: (text: string) => void;
      readonly level: (level: PictureLevel) => void;
      readonly more: () => void;
    },
  ) {
    this.element.className = "toolbar";
    this.element.setAttribute("role", "toolbar");
    this.element.setAttribute("aria-label", "Job graph");
    this.#run = button({ label: "Run", sign: SIGN.run, look: "primary", key: keyOf("run"), press: () => does("run") });
    this.#stop = button({ label: "Stop", sign: SIGN.stop, key: keyOf("stop"), press: () => does("stop") });
    this.#level = choice<PictureLevel>({
      label: "Level of detail",
      values: [
        {
          value: "operator",
          label: "Operators",
          hint: `Every vertex with its chained operators (${keyOf("levelOperator")})`,
        },
        { value: "vertex", label: "Vertices", hint: `One card for each vertex (${keyOf("levelVertex")})` },
        { value: "subtask", label: "Subtasks", hint: `Every subtask as a cell (${keyOf("levelSubtask")})` },
      ],
      chosen: events.level,
    });
    this.search = textField({
      label: "Search operators, vertices and subtasks",
      placeholder: `Search (${keyOf("search")})`,
      typed: events.searched,
    });
    this.search.element.classList.add("search");
    const fit = button({
      label: "Fit into view",
      sign: SIGN.fit,
      look: "icon",
      key: keyOf("fit"),
      press: () => does("fit"),
    });
    const turn = button({
      label: "Turn the flow",
      sign: SIGN.turn,
      look: "icon",
      key: keyOf("orientation"),
      press: () => does("orientation"),
    });
    this.#legend = button({
      label: "Legend",
      sign: SIGN.legend,
      look: "icon",
      key: keyOf("legend"),
      toggles: true,
      press: () => does("legend"),
    });
    this.more = button({ label: "More", sign: SIGN.more, look: "icon", press: events.more });
    const space = document.createElement("span");
    space.className = "space";
    this.element.append(
      this.#title,
      this.#run.element,
      this.#stop.element,
      this.#level.element,
      space,
      this.search.element,
      fit.element,
      turn.element,
      this.#legend.element,
      this.more.element,
    );
  }

  show(state: ToolbarState): void {
    this.#title.textContent = state.title;
    this.#title.title = state.title;
    this.#level.set(state.level);
    const blocked = state.starting ? "The run is starting." : state.running ? "It is running." : state.runBlocked;
    this.#run.set({
      disabled: !state.runnable || state.running || state.starting,
      hint: blocked ?? "Run the job on this machine",
    });
    this.#stop.set({ disabled: !state.running && !state.starting, hint: "Stop the run" });
    this.#legend.set({ pressed: state.legend });
  }
}
