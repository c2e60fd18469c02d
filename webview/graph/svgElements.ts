/** Making and changing SVG elements with few words. Texts are always text nodes. */
import { select, type Selection } from "d3";

export type SvgSelection<E extends SVGElement> = Selection<E, unknown, null, undefined>;
export type SvgGroup = SvgSelection<SVGGElement>;

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Appends an element with these attributes (undefined leaves one out) and this text. */
export function add<K extends keyof SVGElementTagNameMap>(
  parent: SvgGroup | SvgSelection<SVGSVGElement> | SvgSelection<SVGTextElement>,
  name: K,
  attributes: Attributes = {},
  text?: string,
): SvgSelection<SVGElementTagNameMap[K]> {
  const made = make(name, attributes, text);
  parent.node()?.append(made.node() as SVGElementTagNameMap[K]);
  return made;
}

/** An element that is not in the document yet: what is filled first and appended then costs half of what is filled in place. */
export function make<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  text?: string,
): SvgSelection<SVGElementTagNameMap[K]> {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) element.setAttribute(key, String(value));
  }
  if (text !== undefined) element.textContent = text;
  return select<SVGElementTagNameMap[K], unknown>(element);
}

/** A ring around an item, which has one from when it first has the focus: its rectangle, a few pixels larger. */
export function ringAround(item: Element): void {
  const box = item.querySelector("rect");
  if (box === null || item.querySelector(".focus-ring") !== null) return;
  const size = (name: string): number => Number(box.getAttribute(name));
  const away = item.closest("g.cell") === null ? 4 : 3;
  const ring = make("rect", {
    class: "focus-ring",
    x: -away,
    y: -away,
    width: size("width") + 2 * away,
    height: size("height") + 2 * away,
    rx: away === 4 ? 10 : 7,
  });
  item.prepend(ring.node() as SVGRectElement);
}

/** Sets the text of the first match, if it is another one. */
export function setText(group: SvgGroup, selector: string, text: string): void {
  const node = group.node()?.querySelector(selector);
  if (node !== null && node !== undefined && node.textContent !== text) node.textContent = text;
}

export function translate(x: number, y: number): string {
  return `translate(${x},${y})`;
}
