/** The controls of the view. The only module that knows the toolkit they come from, so that it can be changed for another. */
import { provideVSCodeDesignSystem, vsCodeButton, vsCodeTextField } from "@vscode/webview-ui-toolkit";

let registered = false;

function register(): void {
  if (registered) return;
  registered = true;
  provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeTextField());
}

export interface ButtonOptions {
  readonly label: string;
  /** Path of a sign in a box of 16 × 16 about the origin. */
  readonly sign?: string;
  readonly look?: "primary" | "secondary" | "icon";
  /** Key that does the same, for the tooltip. */
  readonly key?: string;
  /** A button that stays pressed. */
  readonly toggles?: boolean;
  readonly press: () => void;
}

export interface Button {
  readonly element: HTMLElement;
  set(state: {
    readonly disabled?: boolean;
    readonly pressed?: boolean;
    readonly label?: string;
    readonly hint?: string;
  }): void;
}

export function button(options: ButtonOptions): Button {
  register();
  const element = document.createElement("vscode-button");
  const look = options.look ?? "secondary";
  element.setAttribute("appearance", look);
  element.classList.add("control");
  // Not a span: the toolkit makes every span in a button as small as a sign.
  const text = document.createElement("bdi");
  text.className = "control-label";
  if (options.sign !== undefined) {
    const shape = sign(options.sign);
    if (look !== "icon") shape.setAttribute("slot", "start");
    element.append(shape);
  }
  if (look !== "icon") element.append(text);
  const name = (label: string, hint?: string): void => {
    text.textContent = label;
    element.setAttribute("aria-label", label);
    element.title = [hint ?? label, options.key === undefined ? "" : `(${options.key})`].filter(Boolean).join(" ");
  };
  name(options.label);
  if (options.toggles === true) element.setAttribute("aria-pressed", "false");
  element.addEventListener("click", () => {
    if (!element.hasAttribute("disabled")) options.press();
  });
  return {
    element,
    set({ disabled, pressed, label, hint }) {
      if (disabled !== undefined) element.toggleAttribute("disabled", disabled);
      if (pressed !== undefined) element.setAttribute("aria-pressed", String(pressed));
      if (label !== undefined || hint !== undefined) name(label ?? element.getAttribute("aria-label") ?? "", hint);
    },
  };
}

/** One of several, like a row of radio buttons: arrow keys move, one tab stop. */
export function choice<T extends string>(options: {
  readonly label: string;
  readonly values: readonly { readonly value: T; readonly label: string; readonly hint: string }[];
  readonly chosen: (value: T) => void;
}): { readonly element: HTMLElement; set(value: T): void } {
  const element = document.createElement("div");
  element.className = "choice";
  element.setAttribute("role", "radiogroup");
  element.setAttribute("aria-label", options.label);
  const buttons = options.values.map(({ value, label, hint }) => {
    const one = document.createElement("button");
    one.type = "button";
    one.setAttribute("role", "radio");
    one.textContent = label;
    one.title = hint;
    one.addEventListener("click", () => options.chosen(value));
    element.append(one);
    return { value, one };
  });
  element.addEventListener("keydown", (event) => {
    const step =
      event.key === "ArrowRight" || event.key === "ArrowDown"
        ? 1
        : event.key === "ArrowLeft" || event.key === "ArrowUp"
          ? -1
          : 0;
    if (step === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = buttons.findIndex(({ one }) => one === document.activeElement);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next.one.focus();
    options.chosen(next.value);
  });
  return {
    element,
    set(value) {
      for (const { value: own, one } of buttons) {
        one.setAttribute("aria-checked", String(own === value));
        one.tabIndex = own === value ? 0 : -1;
      }
    },
  };
}

export interface TextField {
  readonly element: HTMLElement;
  value: string;
  focus(): void;
}

export function textField(options: {
  readonly label: string;
  readonly placeholder: string;
  readonly typed: (text: string) => void;
}): TextField {
  register();
  const element = document.createElement("vscode-text-field") as HTMLElement & { value: string };
  element.setAttribute("placeholder", options.placeholder);
  element.setAttribute("aria-label", options.label);
  element.classList.add("control");
  element.addEventListener("input", () => options.typed(element.value));
  return {
    element,
    get value() {
      return element.value;
    },
    set value(text: string) {
      element.value = text;
    },
    focus: () => element.focus(),
  };
}

export function sign(shape: string, size = 16): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-8 -8 16 16");
  svg.setAttribute("width", String(size));
  svg.setAttribute("height", String(size));
  svg.setAttribute("class", "control-sign");
  svg.setAttribute("aria-hidden", "true");
  const shapeElement = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shapeElement.setAttribute("d", shape);
  svg.append(shapeElement);
  return svg;
}
