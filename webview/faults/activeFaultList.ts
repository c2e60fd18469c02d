/** Faults that still act, on top of the picture: what, where, for how much longer, and a button that heals them. */
import type { Injection } from "../../simulator/observe/runFacts";
import { button } from "../controls";
import { timeLeft } from "../model/activeFaults";
import { duration } from "../model/numberWords";

export class ActiveFaultList {
  readonly element = document.createElement("section");
  readonly #list = document.createElement("ul");
  readonly #heal: HTMLElement;

  constructor(heal: () => void) {
    this.element.className = "active-faults";
    this.element.setAttribute("aria-label", "Active faults");
    this.element.hidden = true;
    this.#heal = button({ label: "Heal All", press: heal }).element;
    this.element.append(this.#list, this.#heal);
  }

  show(faults: readonly Injection[], at: number, canHeal: boolean): void {
    this.element.hidden = faults.length === 0;
    this.#heal.hidden = !canHeal;
    while (this.#list.children.length > faults.length) this.#list.lastChild?.remove();
    faults.forEach((fault, i) => {
      const item = this.#list.children[i] ?? this.#list.appendChild(document.createElement("li"));
      const words = faultWords(fault, at);
      if (item.textContent !== words) item.textContent = words;
    });
  }
}

function faultWords(injection: Injection, at: number): string {
  const left = timeLeft(injection, at);
  const time = left === undefined ? `for ${duration(Math.max(0, at - injection.at))}` : `${duration(left)} left`;
  return `${injection.fault} on ${injection.target}, ${time}`;
}
