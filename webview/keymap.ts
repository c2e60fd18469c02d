/** Every key of the view, once: what it is bound to is handled from this table and the shortcut sheet is made from it. */

export type Command =
  | "right"
  | "left"
  | "down"
  | "up"
  | "enter"
  | "leave"
  | "first"
  | "last"
  | "select"
  | "menu"
  | "inject"
  | "palette"
  | "collapse"
  | "colouring"
  | "definition"
  | "fit"
  | "zoomIn"
  | "zoomOut"
  | "levelOperator"
  | "levelVertex"
  | "levelSubtask"
  | "orientation"
  | "search"
  | "legend"
  | "timeline"
  | "trace"
  | "compare"
  | "present"
  | "earlier"
  | "later"
  | "run"
  | "stop"
  | "shortcuts";

export interface KeyBinding {
  readonly command: Command;
  /** As in `KeyboardEvent.key`; letters in lower case. */
  readonly keys: readonly string[];
  readonly shift?: boolean;
  /** In the sheet. */
  readonly words: string;
  readonly group: "Move" | "Look" | "Act";
  /** Only while the graph has the focus; others act everywhere but in a text field. */
  readonly inGraph?: boolean;
}

export const KEYMAP: readonly KeyBinding[] = [
  {
    command: "right",
    keys: ["ArrowRight"],
    words: "Along the flow: to what this vertex feeds or calls",
    group: "Move",
    inGraph: true,
  },
  {
    command: "left",
    keys: ["ArrowLeft"],
    words: "Against the flow: to where its records come from",
    group: "Move",
    inGraph: true,
  },
  { command: "down", keys: ["ArrowDown"], words: "To the one below", group: "Move", inGraph: true },
  { command: "up", keys: ["ArrowUp"], words: "To the one above", group: "Move", inGraph: true },
  { command: "enter", keys: ["Enter"], words: "Into the subtasks of a vertex", group: "Move", inGraph: true },
  { command: "leave", keys: ["Escape"], words: "Back out; close; clear the selection", group: "Move" },
  { command: "first", keys: ["Home"], words: "To the first vertex", group: "Move", inGraph: true },
  { command: "last", keys: ["End"], words: "To the last vertex", group: "Move", inGraph: true },
  { command: "select", keys: [" "], words: "Show details", group: "Act", inGraph: true },
  {
    command: "menu",
    keys: ["ContextMenu", "m"],
    words: "Menu of what has the focus (Shift+F10 too)",
    group: "Act",
    inGraph: true,
  },
  { command: "menu", keys: ["F10"], shift: true, words: "", group: "Act", inGraph: true },
  { command: "inject", keys: ["i"], words: "Inject a failure into what has the focus", group: "Act", inGraph: true },
  { command: "palette", keys: ["p"], words: "Palette of faults, to drag onto the picture", group: "Act" },
  { command: "definition", keys: ["g"], words: "Go to its definition in the job file", group: "Act", inGraph: true },
  { command: "run", keys: ["r"], shift: true, words: "Run the job", group: "Act" },
  { command: "stop", keys: ["s"], shift: true, words: "Stop the run", group: "Act" },
  { command: "fit", keys: ["f", "0"], words: "Fit the picture into the view", group: "Look" },
  { command: "zoomIn", keys: ["+", "="], words: "Closer", group: "Look" },
  { command: "zoomOut", keys: ["-"], words: "Further away", group: "Look" },
  { command: "levelOperator", keys: ["1"], words: "Show operators", group: "Look" },
  { command: "levelVertex", keys: ["2"], words: "Show vertices", group: "Look" },
  { command: "levelSubtask", keys: ["3"], words: "Show subtasks", group: "Look" },
  {
    command: "colouring",
    keys: ["b"],
    words: "Colour subtasks by their state, or by how busy they are",
    group: "Look",
  },
  { command: "collapse", keys: ["x"], words: "Show the region as one card, or as its vertices again", group: "Look" },
  { command: "orientation", keys: ["o"], words: "Flow to the right or down", group: "Look" },
  { command: "search", keys: ["/"], words: "Search", group: "Look" },
  { command: "legend", keys: ["l"], words: "Legend", group: "Look" },
  { command: "trace", keys: ["u"], words: "Only what is upstream and downstream of the selection", group: "Look" },
  { command: "timeline", keys: ["t"], words: "Recovery timeline", group: "Look" },
  { command: "compare", keys: ["c"], words: "Compare this run with others", group: "Look" },
  { command: "earlier", keys: [","], words: "Back in time", group: "Look" },
  { command: "later", keys: ["."], words: "Forward in time", group: "Look" },
  { command: "present", keys: ["n"], words: "Back to now", group: "Look" },
  { command: "shortcuts", keys: ["?"], words: "This sheet", group: "Look" },
];

export function commandOf(event: KeyboardEvent, inGraph: boolean): Command | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const binding = KEYMAP.find((one) => {
    if (!one.keys.includes(key) || (one.inGraph === true && !inGraph)) return false;
    // Shift matters for letters and function keys; for signs it is part of the key itself.
    return one.shift === true ? event.shiftKey : !event.shiftKey || !/^([a-z]|F\d+)$/.test(key);
  });
  return binding?.command;
}

/** `Shift+R`, `→`, `Space`. */
export function keyWords(binding: KeyBinding): string {
  const names: Readonly<Record<string, string>> = {
    ArrowRight: "→",
    ArrowLeft: "←",
    ArrowDown: "↓",
    ArrowUp: "↑",
    " ": "Space",
    Escape: "Esc",
    ContextMenu: "Menu key",
  };
  return binding.keys
    .map(
      (key) => `${binding.shift === true ? "Shift+" : ""}${names[key] ?? (key.length === 1 ? key.toUpperCase() : key)}`,
    )
    .join(" or ");
}

export function keyOf(command: Command): string {
  const binding = KEYMAP.find((one) => one.command === command);
  return binding === undefined ? "" : keyWords({ ...binding, keys: binding.keys.slice(0, 1) });
}
