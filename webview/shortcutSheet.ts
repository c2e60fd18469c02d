/** All keys, from the table that they are handled from. */
import { KEYMAP, keyWords } from "./keymap";

export class ShortcutSheet {
  readonly element = document.createElement("dialog");

  constructor() {
    this.element.className = "sheet-dialog";
    this.element.setAttribute("aria-label", "Keyboard shortcuts");
    const title = document.createElement("h2");
    title.textContent = "Keyboard shortcuts";
    this.element.append(title);
    const columns = document.createElement("div");
    columns.className = "sheet-columns";
    for (const group of ["Move", "Act", "Look"] as const) {
      const part = document.createElement("section");
      const heading = document.createElement("h3");
      heading.textContent = group;
      const list = document.createElement("dl");
      for (const binding of KEYMAP) {
        if (binding.group !== group || binding.words === "") continue;
        const key = document.createElement("dt");
        key.textContent = keyWords(binding);
        const words = document.createElement("dd");
        words.textContent = binding.words;
        list.append(key, words);
      }
      part.append(heading, list);
      columns.append(part);
    }
    this.element.append(columns);
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.close();
    });
  }

  toggle(): void {
    if (!this.close()) this.element.showModal();
  }

  close(): boolean {
    const was = this.element.open;
    if (was) this.element.close();
    return was;
  }
}
