/** What the signs, lines and frames of this picture mean: only what is in it. */
import { LINE_WORDS, lineStyle, type LineStyle } from "./graph/edgeLine";
import { LOOK_SIGN, PATTERN_SIGN } from "./graph/icons";
import type { Picture } from "./model/picture";
import { groupTitle } from "./model/regionGroups";
import type { Look } from "./model/subtaskLook";
import type { CellColouring, LoadShade } from "./model/subtaskShade";

const NS = "http://www.w3.org/2000/svg";
const LOOK_WORDS: readonly (readonly [Look, string])[] = [
  ["running", "running"],
  ["failing", "failed"],
  ["restarting", "restarting"],
  ["starting", "starting"],
  ["waiting", "waiting"],
  ["finished", "finished"],
  ["stopped", "canceled"],
];

const LOAD_WORDS: readonly (readonly [LoadShade, string])[] = [
  ["load-0", "busy less than 20 % of the time"],
  ["load-2", "busy half of the time"],
  ["load-4", "busy 80 % of the time and more"],
  ["pressed", "back-pressured: waits for what comes after it"],
];

export function drawLegend(host: HTMLElement, picture: Picture, colouring: CellColouring): void {
  host.replaceChildren();
  if (colouring === "load")
    host.append(heading("Load"), list(LOAD_WORDS.map(([shade, words]) => row(loadSign(shade), words))));
  host.append(heading("States"), list(LOOK_WORDS.map(([look, words]) => row(lookSign(look), words))));
  const styles = new Set(picture.edges.map(({ edge }) => lineStyle(edge)));
  const lines = [...styles].map((style) => row(lineSign(style), LINE_WORDS[style].name, LINE_WORDS[style].meaning));
  if (picture.calls.length > 0)
    lines.push(row(lineSign("call"), "Call", "request and reply; nothing restarts across it"));
  if (picture.edges.some(({ edge }) => edge.pattern === "POINTWISE"))
    lines.push(row(patternSign("POINTWISE"), "Pointwise", "subtask by subtask"));
  if (picture.edges.some(({ edge }) => edge.pattern === "ALL_TO_ALL"))
    lines.push(row(patternSign("ALL_TO_ALL"), "All to all", "every subtask to every subtask"));
  host.append(heading("Lines"), list(lines));
  const frames = picture.regions.groups.slice(0, 8).map((group) => {
    const { name, detail } = groupTitle(group);
    return row(frameSign(group.color), name, detail);
  });
  if (picture.regions.groups.length > 8)
    frames.push(row(document.createElement("span"), `and ${picture.regions.groups.length - 8} more`));
  if (picture.graph.vertices.some((vertex) => vertex.kind === "service"))
    frames.push(row(frameSign(undefined), "Service instance", "a region of its own: it fails and restarts alone"));
  host.append(heading("Pipelined regions"), list(frames));
}

function heading(text: string): HTMLElement {
  const element = document.createElement("h2");
  element.textContent = text;
  return element;
}

function list(rows: readonly HTMLElement[]): HTMLElement {
  const element = document.createElement("ul");
  element.append(...rows);
  return element;
}

function row(sign: Element, name: string, meaning?: string): HTMLElement {
  const element = document.createElement("li");
  const words = document.createElement("span");
  const strong = document.createElement("span");
  strong.className = "legend-name";
  strong.textContent = name;
  words.append(strong);
  if (meaning !== undefined && meaning !== "") words.append(` ${meaning}`);
  element.append(sign, words);
  return element;
}

function svg(width: number, ...children: Element[]): SVGSVGElement {
  const element = document.createElementNS(NS, "svg");
  element.setAttribute("viewBox", `${-width / 2} -8 ${width} 16`);
  element.setAttribute("width", String(width));
  element.setAttribute("height", "16");
  element.setAttribute("aria-hidden", "true");
  element.append(...children);
  return element;
}

function shape(d: string, className: string): SVGPathElement {
  const element = document.createElementNS(NS, "path");
  element.setAttribute("d", d);
  element.setAttribute("class", className);
  return element;
}

function lookSign(look: Look): SVGSVGElement {
  const group = document.createElementNS(NS, "g");
  group.setAttribute("class", "cell");
  group.setAttribute("data-look", look);
  group.append(shape(LOOK_SIGN[look], "sign"));
  return svg(34, group);
}

function loadSign(shade: LoadShade): SVGSVGElement {
  const cell = shape("M-6-6H6V6H-6Z", "mass");
  cell.dataset.look = shade;
  return svg(34, cell);
}

function lineSign(style: LineStyle | "call"): SVGSVGElement {
  const group = document.createElementNS(NS, "g");
  group.setAttribute("class", style === "call" ? "call" : `edge ${style}`);
  group.append(shape("M-16 0H16", "line"));
  if (style === "blocking") group.append(shape("M-16 0H16", "line-core"));
  return svg(34, group);
}

function patternSign(pattern: keyof typeof PATTERN_SIGN): SVGSVGElement {
  return svg(34, shape(PATTERN_SIGN[pattern], "pattern"));
}

function frameSign(color: number | undefined): SVGSVGElement {
  const group = document.createElementNS(NS, "g");
  group.setAttribute("class", color === undefined ? "cell instance region-1" : `region region-${color}`);
  group.append(shape("M-12-6H12V6H-12Z", color === undefined ? "cell-box" : "frame"));
  return svg(34, group);
}
