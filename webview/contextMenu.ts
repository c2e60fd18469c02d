/** A menu at a place, for the mouse and for the keyboard alike; the focus goes back to where it came from. */

export type MenuItem =
  | {
      readonly kind: "action";
      readonly label: string;
      readonly key?: string;
      readonly disabled?: string;
      readonly act: () => void;
    }
  | { readonly kind: "line" }
  | { readonly kind: "title"; readonly label: string };

let open: { readonly close: (giveBack: boolean) => void } | undefined;

export function closeMenu(): boolean {
  const was = open !== undefined;
  open?.close(true);
  return was;
}

export function showMenu(
  items: readonly MenuItem[],
  at: { readonly x: number; readonly y: number },
  label: string,
): void {
  open?.close(false);
  const before = document.activeElement;
  const menu = document.createElement("div");
  menu.className = "menu";
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", label);
  const entries: HTMLElement[] = [];
  for (const item of items) {
    const element = document.createElement("div");
    if (item.kind === "line") {
      element.className = "menu-line";
      element.setAttribute("role", "separator");
    } else if (item.kind === "title") {
      element.className = "menu-title";
      element.setAttribute("role", "presentation");
      element.textContent = item.label;
    } else {
      element.className = "menu-item";
      element.setAttribute("role", "menuitem");
      element.tabIndex = -1;
      const words = document.createElement("span");
      words.textContent = item.label;
      element.append(words);
      if (item.key !== undefined) {
        const key = document.createElement("span");
        key.className = "menu-key";
        key.setAttribute("aria-hidden", "true");
        key.textContent = item.key;
        element.append(key);
      }
      if (item.disabled !== undefined) {
        element.setAttribute("aria-disabled", "true");
        element.title = item.disabled;
      } else {
        element.addEventListener("click", () => {
          close(true);
          item.act();
        });
      }
      element.addEventListener("pointermove", () => element.focus());
      entries.push(element);
    }
    menu.append(element);
  }
  (document.querySelector("main") ?? document.body).append(menu);
  menu.style.left = `${Math.max(4, Math.min(at.x, innerWidth - menu.offsetWidth - 4))}px`;
  menu.style.top = `${Math.max(4, Math.min(at.y, innerHeight - menu.offsetHeight - 4))}px`;

  const outside = (event: Event): void => {
    if (!menu.contains(event.target as Node)) close(false);
  };
  const lost = (): void => close(false);
  const close = (giveBack: boolean): void => {
    if (open?.close !== close) return;
    open = undefined;
    menu.remove();
    removeEventListener("pointerdown", outside, true);
    removeEventListener("blur", lost);
    if (giveBack && (before instanceof HTMLElement || before instanceof SVGElement))
      before.focus({ preventScroll: true });
  };
  open = { close };
  addEventListener("pointerdown", outside, true);
  addEventListener("blur", lost);
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  menu.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const now = entries.indexOf(document.activeElement as HTMLElement);
    const go = (index: number): void => entries[(index + entries.length) % entries.length]?.focus();
    if (event.key === "ArrowDown") go(now + 1);
    else if (event.key === "ArrowUp") go(now - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(-1);
    else if (event.key === "Enter" || event.key === " ") entries[now]?.click();
    else if (event.key === "Escape" || event.key === "Tab") close(true);
    else {
      const letter = event.key.toLowerCase();
      const found = entries.findIndex((entry, i) => i > now && entry.textContent.toLowerCase().startsWith(letter));
      if (found >= 0) go(found);
      return;
    }
    event.preventDefault();
  });
  (entries.find((entry) => entry.getAttribute("aria-disabled") !== "true") ?? entries[0])?.focus();
}
