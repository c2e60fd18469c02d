/** A graph as an SVG picture, for documents: no script, no style sheet, nothing loaded from elsewhere; all text escaped. */
import type { AnalyzedGraph } from "./describeGraph";
import { layeredLayout, type PlacedNode } from "./layeredLayout";
import { mustBePipelined } from "./partitionType";
import { escapeXml, shorten } from "./plainText";
import { checkPictureSize, regionGroups } from "./regionSummary";

const FONT = 13;
const SMALL = 11;
const LINE = 18;
const PADDING = 12;
/** Mean width of a character, as a share of the font size; generous, so that no text leaves its box. */
const CHARACTER = 0.62;
const LONGEST_LINE = 42;
const MOST_OPERATORS = 6;
/** Fills for regions, light enough for dark text (contrast over 12:1 with #1f2328). */
const FILLS = ["#dbeafe", "#dcfce7", "#fef3c7", "#fce7f3", "#ede9fe", "#ccfbf1", "#ffedd5", "#e2e8f0"];
const STROKES = ["#1d4ed8", "#15803d", "#b45309", "#be185d", "#6d28d9", "#0f766e", "#c2410c", "#475569"];

interface Box {
  readonly lines: readonly string[];
  readonly width: number;
  readonly height: number;
}

/** Throws FL1004 for a graph that is too large for a picture. */
export function graphSvg(analyzed: AnalyzedGraph): string {
  checkPictureSize(analyzed);
  const { vertices, edges, calls } = analyzed;
  const groups = regionGroups(analyzed);
  const groupOf = new Int32Array(vertices.length);
  groups.forEach((group, i) => group.vertices.forEach((vertex) => (groupOf[vertex] = i)));
  const boxes = vertices.map((vertex, i) => boxOf(vertex, groups[groupOf[i]].label));
  const position = new Map(vertices.map((vertex, i) => [vertex.id, i]));
  const arrows = edges.map((edge, i) => ({
    source: position.get(edge.source)!,
    target: position.get(edge.target)!,
    label: mustBePipelined(analyzed.graph.edges[i].partitionType)
      ? edge.shipStrategy
      : `${edge.shipStrategy} ${edge.partitionType}`,
    dash: mustBePipelined(analyzed.graph.edges[i].partitionType) ? "" : ' stroke-dasharray="7 4"',
  }));
  const callArrows = calls.map((call) => ({
    source: position.get(call.source)!,
    target: position.get(call.target)!,
    label: "calls",
    dash: ' stroke-dasharray="2 3"',
  }));
  // A call between two services may close a cycle; only calls into a later vertex help to place it.
  const placing = [...arrows, ...callArrows].filter(({ source, target }) => source < target);
  const labelWidth = [...arrows, ...callArrows].reduce((most, { label }) => Math.max(most, textWidth(label, SMALL)), 0);
  const layout = layeredLayout(boxes, placing, { x: Math.max(56, labelWidth + 36), y: 28, margin: 24 });
  const width = Math.ceil(Math.max(layout.width, textWidth(analyzed.name, 16) + 48));
  const height = Math.ceil(layout.height + 32);
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="${FONT}">`,
    `<title>${escapeXml(`Job graph of ${shorten(analyzed.name, 200)}: ${vertices.length} vertices, ${analyzed.regions.count} pipelined regions`)}</title>`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="#57606a"/></marker></defs>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="24" y="28" font-size="16" font-weight="600" fill="#1f2328">${escapeXml(shorten(analyzed.name, 120))}</text>`,
    `<g transform="translate(0 32)">`,
  ];
  const parallel = new Map<string, number>();
  for (const arrow of [...arrows, ...callArrows]) {
    const key = `${arrow.source} ${arrow.target}`;
    const nth = parallel.get(key) ?? 0;
    parallel.set(key, nth + 1);
    out.push(arrowSvg(layout.nodes[arrow.source], layout.nodes[arrow.target], arrow.label, arrow.dash, nth));
  }
  layout.nodes.forEach((node, i) => out.push(boxSvg(node, boxes[i], groupOf[i], vertices[i].kind === "service")));
  out.push("</g>", "</svg>");
  return `${out.join("\n")}\n`;
}

function boxOf(vertex: AnalyzedGraph["vertices"][number], regions: string): Box {
  const names = vertex.operators.length > 1 ? vertex.operators.map((operator) => operator.name) : [vertex.name];
  const lines = names.slice(0, MOST_OPERATORS).map((name, i) => shorten(i === 0 ? name : `↳ ${name}`, LONGEST_LINE));
  if (names.length > MOST_OPERATORS) lines.push(`and ${names.length - MOST_OPERATORS} more`);
  const parallelism = vertex.parallelism < 0 ? "parallelism not decided" : `parallelism ${vertex.parallelism}`;
  lines.push(`${vertex.kind === "service" ? "service, " : ""}${parallelism}`, regions);
  const width =
    lines.reduce((most, line, i) => Math.max(most, textWidth(line, i < lines.length - 2 ? FONT : SMALL)), 120) +
    2 * PADDING;
  return { lines, width, height: lines.length * LINE + 2 * PADDING - 4 };
}

function textWidth(text: string, size: number): number {
  return Array.from(text).length * size * CHARACTER;
}

function boxSvg(node: PlacedNode, box: Box, group: number, isService: boolean): string {
  const fill = FILLS[group % FILLS.length];
  const stroke = STROKES[group % STROKES.length];
  const text = box.lines.map((line, i) => {
    const small = i >= box.lines.length - 2;
    const y = round(node.y + PADDING + 11 + i * LINE);
    const look = small ? ` font-size="${SMALL}" fill="#424a53"` : ` fill="#1f2328"`;
    return `<text x="${round(node.x + PADDING)}" y="${y}"${look}>${escapeXml(line)}</text>`;
  });
  const rect = `<rect x="${round(node.x)}" y="${round(node.y)}" width="${round(node.width)}" height="${round(node.height)}" rx="${isService ? 16 : 4}" fill="${fill}" stroke="${stroke}" stroke-width="1.5"/>`;
  return `<g>${rect}${text.join("")}</g>`;
}

function arrowSvg(from: PlacedNode, to: PlacedNode, label: string, dash: string, nth: number): string {
  const forward = to.x > from.x;
  const [x1, y1] = [
    forward ? from.x + from.width : from.x + from.width / 2,
    from.y + from.height / 2 + (forward ? nth * 12 : from.height / 2),
  ];
  const [x2, y2] = [forward ? to.x : to.x + to.width / 2, to.y + to.height / 2 + (forward ? nth * 12 : to.height / 2)];
  const bend = forward ? Math.max(24, (x2 - x1) / 2) : 0;
  const drop = forward ? 0 : 48 + nth * 14;
  const d = `M${round(x1)} ${round(y1)}C${round(x1 + bend)} ${round(y1 + drop)} ${round(x2 - bend)} ${round(y2 + drop)} ${round(x2)} ${round(y2)}`;
  const path = `<path d="${d}" fill="none" stroke="#57606a" stroke-width="1.2" marker-end="url(#arrow)"${dash}/>`;
  const [labelX, labelY] = [(x1 + x2) / 2, (y1 + y2) / 2 + drop * 0.75 - 5];
  return `${path}<text x="${round(labelX)}" y="${round(labelY)}" font-size="${SMALL}" text-anchor="middle" fill="#424a53" stroke="#ffffff" stroke-width="3" paint-order="stroke">${escapeXml(shorten(label, 40))}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
