/** The catalogue beside the picture: a fault is dragged onto what shall fail, or pressed to act on what has the focus. */
import type { FaultChoice, PictureElement } from "../protocol";
import { button } from "../controls";

export interface PaletteEvents {
  /** What lies at an event's place in the picture, if anything. */
  readonly elementAt: (event: DragEvent) => PictureElement | undefined;
  readonly accepts: (fault: string, element: PictureElement) => boolean;
  /** A fault is held over an element that it can act on; undefined when it is not, any more. */
  readonly held: (element: PictureElement | undefined) => void;
  readonly dropped: (fault: string, element: PictureElement) => void;
  readonly pressed: (fault: string) => void;
  readonly closed: () => void;
}

const TYPE = "application/x-faultline-fault";

export class FaultPalette {
  readonly element = document.createElement("section");
  readonly #list = document.createElement("div");
  readonly #hint = document.createElement("p");
  #dragged: string | undefined;

  constructor(
    private readonly stage: HTMLElement,
    private readonly events: PaletteEvents,
  ) {
    this.element.className = "palette";
    this.element.setAttribute("aria-label", "Faults");
    this.element.hidden = true;
    const head = document.createElement("div");
    head.className = "detail-head";
    const title = document.createElement("h2");
    title.textContent = "Faults";
    const close = button({
      label: "Close faults",
      sign: "M-5-3.6L-3.6-5 0-1.4 3.6-5 5-3.6 1.4 0 5 3.6 3.6 5 0 1.4-3.6 5-5 3.6-1.4 0Z",
      look: "icon",
      press: events.closed,
    });
    head.append(title, close.element);
    this.#hint.className = "detail-caption";
    this.element.append(head, this.#hint, this.#list);
    this.#listen();
  }

  show(faults: readonly FaultChoice[], live: boolean): void {
    this.#hint.textContent = live
      ? "Drag one onto what shall fail, or select that first and press one."
      : "Faults can be injected while the job runs.";
    const groups = new Map<string, FaultChoice[]>();
    for (const fault of faults) groups.set(fault.group, [...(groups.get(fault.group) ?? []), fault]);
    this.#list.replaceChildren();
    for (const [name, own] of groups) {
      const heading = document.createElement("h3");
      heading.textContent = name;
      this.#list.append(heading);
      for (const fault of own) this.#list.append(this.#item(fault, live));
    }
  }

  #item(fault: FaultChoice, live: boolean): HTMLElement {
    const item = document.createElement("button");
    item.type = "button";
    item.className = "palette-item";
    item.textContent = fault.label;
    item.title = fault.description;
    item.disabled = !live;
    item.draggable = live;
    item.addEventListener("click", () => this.events.pressed(fault.fault));
    item.addEventListener("dragstart", (event) => {
      this.#dragged = fault.fault;
      event.dataTransfer?.setData(TYPE, fault.fault);
      if (event.dataTransfer !== null) event.dataTransfer.effectAllowed = "copy";
    });
    item.addEventListener("dragend", () => {
      this.#dragged = undefined;
      this.events.held(undefined);
    });
    return item;
  }

  #listen(): void {
    const target = (event: DragEvent): PictureElement | undefined => {
      const fault = this.#dragged;
      const element = fault === undefined ? undefined : this.events.elementAt(event);
      return fault !== undefined && element !== undefined && this.events.accepts(fault, element) ? element : undefined;
    };
    this.stage.addEventListener("dragover", (event) => {
      const element = target(event);
      this.events.held(element);
      if (element !== undefined) event.preventDefault();
    });
    this.stage.addEventListener("dragleave", () => this.events.held(undefined));
    this.stage.addEventListener("drop", (event) => {
      const element = target(event);
      const fault = this.#dragged;
      this.#dragged = undefined;
      this.events.held(undefined);
      if (element === undefined || fault === undefined) return;
      event.preventDefault();
      this.events.dropped(fault, element);
    });
  }
}
