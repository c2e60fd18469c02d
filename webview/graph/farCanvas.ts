/**
 * The picture from far away, on a canvas: what is too small to be read card by card is drawn as blocks with their state, so that a thousand
 * vertices or twenty thousand subtasks stay smooth. The minimap is drawn by the same code.
 */
import type { LayoutResult, Rectangle } from "../layout/layoutRequest";
import type { LivePicture } from "../model/livePicture";
import type { Picture } from "../model/picture";
import { groupTitle, REGION_COLORS } from "../model/regionGroups";
import type { Look } from "../model/subtaskLook";
import type { Shade } from "../model/subtaskShade";
import { lineStyle, trace, type LineStyle } from "./edgeLine";
import { LOOK_SIGN } from "./icons";
import type { Card } from "./vertexCard";

export interface FarColors {
  readonly ink: string;
  readonly quiet: string;
  readonly paper: string;
  readonly card: string;
  readonly border: string;
  readonly edge: string;
  readonly call: string;
  readonly focus: string;
  readonly regions: readonly string[];
  readonly looks: Readonly<Record<Shade, string>>;
  readonly font: string;
}

/** The theme's colours, as the style sheet mixes them. Read again when the theme changes. */
export function readColors(): FarColors {
  const probe = document.createElement("span");
  document.body.append(probe);
  const mixed = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const look = (name: string): string => mixed(name);
  const colors: FarColors = {
    ink: mixed("--ink"),
    quiet: mixed("--quiet"),
    paper: mixed("--paper"),
    card: mixed("--card"),
    border: mixed("--faint"),
    edge: mixed("--edge"),
    call: mixed("--call"),
    focus: mixed("--focus"),
    regions: Array.from({ length: REGION_COLORS }, (_, i) => mixed(`--region-${i}`)),
    looks: {
      idle: look("--faint"),
      waiting: look("--faint"),
      starting: look("--starting"),
      running: look("--running"),
      failing: look("--bad"),
      restarting: look("--restarting"),
      draining: look("--restarting"),
      stopping: look("--quiet"),
      stopped: look("--quiet"),
      finished: look("--running"),
      "load-0": look("--load-0"),
      "load-1": look("--load-1"),
      "load-2": look("--load-2"),
      "load-3": look("--load-3"),
      "load-4": look("--load-4"),
      pressed: look("--pressed"),
    },
    font: getComputedStyle(document.body).fontFamily,
  };
  probe.remove();
  return colors;
}

/** What is drawn: what lies beneath the cards (frames, lines), the cards with all words, or both. */
export type FarParts = "ground" | "cards" | "all";

export interface CanvasTransform {
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

const DASHES: Readonly<Record<LineStyle | "call", readonly number[]>> = {
  pipelined: [],
  blocking: [],
  hybrid: [11, 4],
  approximate: [3, 4],
  undefined: [1, 6],
  call: [2, 4],
};

/** What does not change while a graph stays the same. */
export class FarScene {
  readonly #lines: { readonly path: Path2D; readonly style: LineStyle | "call" }[] = [];
  readonly #signs = new Map<Look, Path2D>();
  readonly #grids = new Map<string, { readonly looks: string; readonly image: OffscreenCanvas }>();

  constructor(
    readonly picture: Picture,
    readonly layout: LayoutResult,
  ) {
    const paths = new Map<LineStyle | "call", Path2D>();
    const into = (style: LineStyle | "call"): Path2D => {
      let path = paths.get(style);
      if (path === undefined) paths.set(style, (path = new Path2D()));
      return path;
    };
    for (const { id, edge } of picture.edges) {
      const place = layout.edges.get(id);
      if (place !== undefined) trace(into(lineStyle(edge)), place.points, picture.orientation);
    }
    for (const { id } of picture.calls) {
      const place = layout.edges.get(id);
      if (place !== undefined) trace(into("call"), place.points, picture.services === "below" ? "down" : "right");
    }
    for (const [style, path] of paths) this.#lines.push({ path, style });
    for (const [look, shape] of Object.entries(LOOK_SIGN)) this.#signs.set(look as Look, new Path2D(shape));
  }

  /** @param transform from the picture to the canvas's own pixels. @param sight what is in sight, in the picture's coordinates. */
  draw(
    context: CanvasRenderingContext2D,
    live: LivePicture,
    colors: FarColors,
    { x, y, k }: CanvasTransform,
    sight: Rectangle,
    words: boolean,
    parts: FarParts = "all",
  ): void {
    context.setTransform(k, 0, 0, k, x, y);
    if (parts !== "cards") {
      this.#drawFrames(context, colors, k);
      this.#drawLines(context, colors, k);
    }
    if (parts !== "ground") {
      for (const [vertex, card] of this.picture.cards) {
        const place = this.layout.nodes.get(vertex);
        if (place !== undefined && touches(place, sight)) this.#drawCard(context, live, colors, card, place, k, words);
      }
      if (words) this.#drawTitles(context, colors, k, sight);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  #drawFrames(context: CanvasRenderingContext2D, colors: FarColors, k: number): void {
    for (const group of this.picture.regions.groups) {
      const place = this.layout.groups.get(group.id);
      if (place === undefined) continue;
      const color = colors.regions[group.color] ?? colors.border;
      context.globalAlpha = 0.13;
      context.fillStyle = color;
      context.fillRect(place.x, place.y, place.width, place.height);
      context.globalAlpha = 1;
      context.strokeStyle = color;
      context.lineWidth = 1.2 / k;
      context.strokeRect(place.x, place.y, place.width, place.height);
    }
    const { band } = this.layout;
    if (band === undefined) return;
    context.strokeStyle = colors.border;
    context.setLineDash([4 / k, 4 / k]);
    context.lineWidth = 1 / k;
    context.strokeRect(band.x, band.y, band.width, band.height);
    context.setLineDash([]);
  }

  #drawLines(context: CanvasRenderingContext2D, colors: FarColors, k: number): void {
    const many = this.picture.edges.length > 300;
    for (const { path, style } of this.#lines) {
      context.strokeStyle = style === "call" ? colors.call : colors.edge;
      context.globalAlpha = many && style !== "call" ? 0.55 : 1;
      context.lineWidth = Math.max(style === "blocking" ? 2.4 : 1.5, 0.75 / k);
      // Dashes finer than a pixel are only slow.
      context.setLineDash(k > 0.2 ? DASHES[style].slice() : []);
      context.stroke(path);
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
  }

  #drawCard(
    context: CanvasRenderingContext2D,
    live: LivePicture,
    colors: FarColors,
    card: Card,
    place: Rectangle,
    k: number,
    words: boolean,
  ): void {
    const { vertex } = card;
    const worst = worstOf(live, vertex.id, vertex.parallelism);
    context.fillStyle = colors.card;
    context.strokeStyle = worst === "failing" || worst === "restarting" ? colors.looks[worst] : colors.border;
    context.lineWidth = (worst === "failing" || worst === "restarting" ? 2.5 : 1) / k;
    context.beginPath();
    if (k > 0.12) context.roundRect(place.x, place.y, place.width, place.height, 7);
    else context.rect(place.x, place.y, place.width, place.height);
    context.fill();
    context.stroke();
    if (card.cells.mode === "grid") this.#drawGrid(context, live, colors, card, place);
    else {
      context.fillStyle = colors.looks[worst];
      const height = Math.max(card.cells.cellHeight, 5 / k);
      context.fillRect(
        place.x + card.cells.x,
        place.y + place.height - height - 6,
        place.width - 2 * card.cells.x,
        Math.min(height, place.height / 2),
      );
    }
    if ((worst === "failing" || worst === "restarting") && k < 0.5) {
      const size = Math.min(place.height, 14 / k);
      context.save();
      context.translate(place.x + place.width / 2, place.y + place.height / 2);
      context.scale(size / 12, size / 12);
      context.fillStyle = colors.paper;
      context.beginPath();
      context.arc(0, 0, 8.5, 0, 2 * Math.PI);
      context.fill();
      context.fillStyle = colors.looks[worst];
      const sign = this.#signs.get(worst);
      if (sign !== undefined) context.fill(sign);
      context.restore();
    }
    if (!words || place.width * k < 44) return;
    const size = Math.min(13, 11 / k);
    context.font = `600 ${size}px ${colors.font}`;
    context.fillStyle = colors.ink;
    context.save();
    context.beginPath();
    context.rect(place.x + 6, place.y, place.width - 12, place.height);
    context.clip();
    context.fillText(card.title, place.x + 8, place.y + size * 1.35);
    context.restore();
  }

  /** One pixel for each cell, enlarged without smoothing: a drawing call for thousands of cells. */
  #drawGrid(
    context: CanvasRenderingContext2D,
    live: LivePicture,
    colors: FarColors,
    card: Card,
    place: Rectangle,
  ): void {
    const { cells, vertex } = card;
    let looks = "";
    for (let index = 0; index < cells.count; index++) looks += SHADE_LETTER[live.shade(vertex.id, index)];
    let grid = this.#grids.get(vertex.id);
    if (grid === undefined || grid.looks !== looks) {
      const image = new OffscreenCanvas(cells.columns, cells.rows);
      const pixels = image.getContext("2d");
      if (pixels === null) return;
      for (let index = 0; index < cells.count; index++) {
        pixels.fillStyle = colors.looks[live.shade(vertex.id, index)];
        pixels.fillRect(index % cells.columns, Math.floor(index / cells.columns), 1, 1);
      }
      grid = { looks, image };
      this.#grids.set(vertex.id, grid);
    }
    context.imageSmoothingEnabled = false;
    const width = cells.columns * (cells.cellWidth + cells.gap);
    const height = cells.rows * (cells.cellHeight + cells.gap);
    context.drawImage(grid.image, place.x + cells.x, place.y + cells.y, width, height);
  }

  #drawTitles(context: CanvasRenderingContext2D, colors: FarColors, k: number, sight: Rectangle): void {
    const size = Math.max(13, 11 / k);
    context.font = `600 ${size}px ${colors.font}`;
    context.lineJoin = "round";
    for (const group of this.picture.regions.groups) {
      const place = this.layout.groups.get(group.id);
      if (place === undefined || !touches(place, sight)) continue;
      const { name } = groupTitle(group);
      if (place.width * k < name.length * 7) continue;
      context.strokeStyle = colors.paper;
      context.lineWidth = 4 / k;
      context.strokeText(name, place.x + 6, place.y - 4 / k);
      context.fillStyle = colors.regions[group.color] ?? colors.ink;
      context.fillText(name, place.x + 6, place.y - 4 / k);
    }
  }

  /** Colours changed: pixels are made anew. */
  forgetImages(): void {
    this.#grids.clear();
  }
}

const SHADE_LETTER: Readonly<Record<Shade, string>> = {
  "load-0": "0",
  "load-1": "1",
  "load-2": "2",
  "load-3": "3",
  "load-4": "4",
  pressed: "b",
  idle: "i",
  waiting: "w",
  starting: "s",
  running: "r",
  failing: "f",
  restarting: "R",
  draining: "d",
  stopping: "p",
  stopped: "P",
  finished: "F",
};

const BADNESS: readonly Look[] = [
  "failing",
  "restarting",
  "starting",
  "waiting",
  "stopping",
  "stopped",
  "draining",
  "running",
  "finished",
];

export function worstOf(live: LivePicture, vertex: string, count: number): Look {
  let worst = BADNESS.length;
  for (let index = 0; index < count && worst > 0; index++) {
    const badness = BADNESS.indexOf(live.look(vertex, index).look);
    if (badness >= 0 && badness < worst) worst = badness;
  }
  return BADNESS[worst] ?? "idle";
}

export function touches(place: Rectangle, sight: Rectangle): boolean {
  return (
    place.x < sight.x + sight.width &&
    place.x + place.width > sight.x &&
    place.y < sight.y + sight.height &&
    place.y + place.height > sight.y
  );
}
