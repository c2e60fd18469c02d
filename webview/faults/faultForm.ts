/** Which fault, where, and with which parameters: one dialog, made from the catalogue. */
import { button } from "../controls";
import type { FaultOffer } from "./faultPlaces";
import { parameterField, type ParameterField } from "./faultParameterField";

export interface ChosenFault {
  readonly fault: string;
  readonly target: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export class FaultForm {
  readonly element = document.createElement("dialog");
  readonly #title = document.createElement("h2");
  readonly #list = document.createElement("div");
  readonly #about = document.createElement("p");
  readonly #where = document.createElement("p");
  readonly #fields = document.createElement("div");
  #offers: readonly FaultOffer[] = [];
  #chosen: FaultOffer | undefined;
  #parameters: readonly ParameterField[] = [];
  /** Chosen last; offered first the next time. */
  #last: string | undefined;

  constructor(private readonly inject: (chosen: ChosenFault) => void) {
    this.element.className = "sheet-dialog fault-form";
    this.#title.id = "fault-form-title";
    this.element.setAttribute("aria-labelledby", this.#title.id);
    this.#list.className = "fault-list";
    this.#list.setAttribute("role", "radiogroup");
    this.#list.setAttribute("aria-label", "Fault");
    this.#about.className = "fault-about";
    this.#where.className = "detail-caption";
    const act = button({ label: "Inject", look: "primary", press: () => this.#submit() });
    const cancel = button({ label: "Cancel", press: () => this.element.close() });
    const acts = document.createElement("div");
    acts.className = "fault-acts";
    acts.append(act.element, cancel.element);
    const right = document.createElement("div");
    right.className = "fault-right";
    right.append(this.#about, this.#where, this.#fields, acts);
    const columns = document.createElement("div");
    columns.className = "fault-columns";
    columns.append(this.#list, right);
    this.element.append(this.#title, columns);
    this.element.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !(event.target instanceof Element && event.target.closest("vscode-button"))) {
        event.preventDefault();
        this.#submit();
      }
    });
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.element.close();
    });
  }

  /** @param name of what was pointed at; @param wanted the fault to begin with. */
  open(name: string, offers: readonly FaultOffer[], wanted?: string): void {
    this.#offers = offers;
    this.#title.textContent = `Inject a failure into ${name}`;
    const first =
      offers.find(({ choice }) => choice.fault === wanted) ??
      offers.find(({ choice }) => choice.fault === this.#last) ??
      offers[0];
    this.#drawList();
    this.#choose(first);
    if (!this.element.open) this.element.showModal();
    this.#list.querySelector<HTMLElement>('[aria-checked="true"]')?.focus();
  }

  #drawList(): void {
    this.#list.replaceChildren();
    const groups = new Map<string, FaultOffer[]>();
    for (const offer of this.#offers)
      groups.set(offer.choice.group, [...(groups.get(offer.choice.group) ?? []), offer]);
    for (const [name, offers] of groups) {
      const heading = document.createElement("div");
      heading.className = "fault-group";
      heading.setAttribute("aria-hidden", "true");
      heading.textContent = name;
      this.#list.append(heading);
      for (const offer of offers) {
        const item = document.createElement("button");
        item.type = "button";
        item.className = "fault-item";
        item.dataset.fault = offer.choice.fault;
        item.setAttribute("role", "radio");
        item.textContent = offer.choice.label;
        item.addEventListener("click", () => this.#choose(offer));
        item.addEventListener("dblclick", () => this.#submit());
        this.#list.append(item);
      }
    }
    this.#list.onkeydown = (event) => {
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (step === 0) return;
      event.preventDefault();
      const items = [...this.#list.querySelectorAll<HTMLElement>(".fault-item")];
      const at = items.indexOf(document.activeElement as HTMLElement);
      const next = items[(at + step + items.length) % items.length];
      next.click();
      next.focus();
    };
  }

  #choose(offer: FaultOffer | undefined): void {
    this.#chosen = offer;
    for (const item of this.#list.querySelectorAll<HTMLElement>(".fault-item")) {
      const own = item.dataset.fault === offer?.choice.fault;
      item.setAttribute("aria-checked", String(own));
      item.tabIndex = own ? 0 : -1;
    }
    this.#about.textContent = offer?.choice.description ?? "No fault of the catalogue can act here.";
    this.#where.textContent = offer === undefined ? "" : `Acts on ${offer.place.words}.`;
    this.#parameters = (offer?.choice.parameters ?? []).map(parameterField);
    this.#fields.replaceChildren(...this.#parameters.map(({ element }) => element));
  }

  #submit(): void {
    const offer = this.#chosen;
    if (offer === undefined) return;
    const wrong = this.#parameters.filter((field) => field.check() !== undefined);
    if (wrong.length > 0) {
      wrong[0].focus();
      return;
    }
    const given = this.#parameters.filter(({ value }) => value !== "");
    this.#last = offer.choice.fault;
    this.element.close();
    this.inject({
      fault: offer.choice.fault,
      target: offer.place.target,
      parameters: Object.fromEntries(given.map(({ name, value }) => [name, value])),
    });
  }
}
