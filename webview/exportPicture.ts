/**
 * The picture as it is seen, as a file: SVG with every colour written into it, so that it looks the same without the theme, and PNG made
 * from that.
 */
import type { Rectangle } from "./layout/layoutRequest";

const NS = "http://www.w3.org/2000/svg";
const MARGIN = 24;
/** Of a PNG, on either side; larger ones are made smaller. */
const MOST_PIXELS = 8000;

/** What the style sheet says of SVG elements; all else is in attributes already. */
const WRITTEN = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linecap",
  "stroke-linejoin",
  "opacity",
  "paint-order",
  "font-size",
  "font-weight",
  "font-family",
  "text-anchor",
  "fill-rule",
  "display",
] as const;

/** @param bounds of the whole picture, in its own coordinates. */
export function exportSvg(svg: SVGSVGElement, bounds: Rectangle, title: string): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  writeStyles(svg, copy);
  for (const unwanted of copy.querySelectorAll(".focus-ring, .touch, .overlay, title")) unwanted.remove();
  for (const element of [copy, ...copy.querySelectorAll("*")]) clean(element);
  const width = bounds.width + 2 * MARGIN;
  const height = bounds.height + 2 * MARGIN;
  copy.querySelector("g")?.removeAttribute("transform");
  copy.setAttribute("xmlns", NS);
  copy.setAttribute("viewBox", `${bounds.x - MARGIN} ${bounds.y - MARGIN} ${width} ${height}`);
  copy.setAttribute("width", String(Math.round(width)));
  copy.setAttribute("height", String(Math.round(height)));
  const name = document.createElementNS(NS, "title");
  name.textContent = title;
  const paper = document.createElementNS(NS, "rect");
  paper.setAttribute("x", String(bounds.x - MARGIN));
  paper.setAttribute("y", String(bounds.y - MARGIN));
  paper.setAttribute("width", String(width));
  paper.setAttribute("height", String(height));
  paper.setAttribute("fill", getComputedStyle(document.body).backgroundColor);
  copy.prepend(name, paper);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

/** Base64 of a PNG. Rejects when the browser cannot draw the SVG. */
export async function exportPng(svg: string, scale = 2): Promise<string> {
  const image = new Image();
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    image.src = url;
    await image.decode();
    const factor = Math.min(scale, MOST_PIXELS / Math.max(image.width, image.height, 1));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.width * factor));
    canvas.height = Math.max(1, Math.round(image.height * factor));
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/png").slice("data:image/png;base64,".length);
  } finally {
    URL.revokeObjectURL(url);
  }
}

function writeStyles(from: Element, to: Element): void {
  if (to instanceof SVGElement) {
    const style = getComputedStyle(from);
    for (const property of WRITTEN) {
      const value = style.getPropertyValue(property);
      if (value === "" || value === DEFAULTS[property]) continue;
      to.setAttribute(property, value);
    }
  }
  for (let i = 0; i < from.children.length; i++) writeStyles(from.children[i], to.children[i]);
}

const DEFAULTS: Readonly<Partial<Record<(typeof WRITTEN)[number], string>>> = {
  opacity: "1",
  display: "inline",
  "stroke-dasharray": "none",
  "stroke-linecap": "butt",
  "stroke-linejoin": "miter",
  "paint-order": "normal",
  "fill-rule": "nonzero",
  "text-anchor": "start",
};

/** What only the page needs. */
function clean(element: Element): void {
  for (const { name } of [...element.attributes]) {
    if (
      name === "class" ||
      name === "tabindex" ||
      name === "role" ||
      name === "style" ||
      name.startsWith("data-") ||
      name.startsWith("aria-")
    ) {
      element.removeAttribute(name);
    }
  }
}
