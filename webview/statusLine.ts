/** One line that says what just happened. What is announced to a screen reader changes only with what is worth saying. */
import type { Status } from "./model/statusWords";

const BETWEEN_ANNOUNCEMENTS_MS = 1200;

export class StatusLine {
  readonly element = document.createElement("div");
  readonly #headline = document.createElement("strong");
  readonly #detail = document.createElement("span");
  readonly #right = document.createElement("span");
  readonly #spoken = document.createElement("div");
  #said = "";
  #waiting: ReturnType<typeof setTimeout> | undefined;
  #last = 0;

  constructor() {
    this.element.className = "status";
    const mark = document.createElement("span");
    mark.className = "status-mark";
    mark.setAttribute("aria-hidden", "true");
    this.#headline.className = "status-headline";
    this.#detail.className = "status-detail";
    this.#right.className = "status-right";
    this.#spoken.className = "unseen";
    this.#spoken.setAttribute("role", "status");
    this.#spoken.setAttribute("aria-live", "polite");
    this.element.append(mark, this.#headline, this.#detail, this.#right, this.#spoken);
  }

  show(status: Status, right = ""): void {
    this.element.dataset.tone = status.tone;
    set(this.#headline, status.headline);
    set(this.#detail, status.detail);
    set(this.#right, right);
    this.element.title = `${status.headline} ${status.detail}`;
    if (status.spoken !== this.#said) this.say(status.spoken);
  }

  /** Says it aloud; of several in quick succession only the last. */
  say(words: string): void {
    this.#said = words;
    clearTimeout(this.#waiting);
    const wait = Math.max(0, this.#last + BETWEEN_ANNOUNCEMENTS_MS - performance.now());
    this.#waiting = setTimeout(() => {
      this.#last = performance.now();
      this.#spoken.textContent = words;
    }, wait);
  }
}

function set(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
