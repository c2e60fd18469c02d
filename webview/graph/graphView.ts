/**
 * The picture of a job: frames of regions, the services' area, lines, cards. It is given a {@link Picture} with its layout and then live
 * looks and figures; it never lays anything out itself. Only cards in sight are in the document.
 */
import { select } from "d3";
import type { LayoutResult, Point, Rectangle } from "../layout/layoutRequest";
import { moveVertices, type Moves } from "../layout/movedVertices";
import type { LivePicture } from "../model/livePicture";
import type { Picture } from "../model/picture";
import type { PictureElement } from "../protocol";
import { Camera } from "./camera";
import { EdgeLayer } from "./edgeLayer";
import {
  FarScene,
  readColors,
  touches,
  worstOf,
  type CanvasTransform,
  type FarColors,
  type FarParts,
} from "./farCanvas";
import { drawFrames, drawTitles, showFrames } from "./regionFrame";
import { drawCell, showCell, showGrid } from "./subtaskCells";
import { add, make, ringAround, translate, type SvgGroup } from "./svgElements";
import { anotherTask } from "./taskSlices";
import { cellAt, type Card, type Measure } from "./vertexCard";
import { listenForDrags } from "./vertexDrag";
import { drawVertex, showFigures } from "./vertexNode";

export interface GraphViewEvents {
  readonly selected: (element: PictureElement | undefined) => void;
  readonly hovered: (element: PictureElement | undefined) => void;
  readonly menu: (element: PictureElement, at: Point) => void;
  readonly opened: (element: PictureElement) => void;
  /** A card was dragged, so far; `dropped` when it was let go. In the picture's coordinates. */
  readonly dragged: (vertex: string, dx: number, dy: number, dropped: boolean) => void;
  /** Undefined while the picture follows "fit". */
  readonly zoomed: (zoom: { readonly x: number; readonly y: number; readonly scale: number } | undefined) => void;
}

const LAYERS = ["frames", "edges", "titles", "vertices", "overlay"] as const;
/** More cards than this in sight are not read one by one. */
const MOST_CARDS = 60;
/** Below this scale labels cannot be read and are left out. */
const SMALL = 0.4;
/** The first picture of more vertices than this is made in several tasks and drawn in two frames. */
export const LARGE = 400;
const EVERYWHERE: Rectangle = { x: -1e7, y: -1e7, width: 2e7, height: 2e7 };
/** Time for new cards in one frame while the picture moves. */
const WHILE_MOVING_MS = 6;
/** Cards this near the border of what is in sight are kept, CSS pixels. */
const AROUND = 100;

export class GraphView {
  readonly svg: SVGSVGElement;
  readonly camera: Camera;
  readonly #root: SvgGroup;
  readonly #layers: Readonly<Record<(typeof LAYERS)[number], SvgGroup>>;
  readonly #shown = new Map<string, SvgGroup>();
  readonly #edges: EdgeLayer;
  readonly #canvas = document.createElement("canvas");
  #colors: FarColors | undefined;
  #far: FarScene | undefined;
  /** A large picture is drawn first in two frames: what lies beneath the cards, then the cards over it. Where it lay when that was begun. */
  #split: CanvasTransform | "due" | undefined;
  /** Between those two frames nothing is drawn. */
  #pausing = false;
  #isFar = false;
  #canvasDue = false;
  /** A picture is being taken over: what is far is drawn when all of it is there. */
  #settling = false;
  #cullDue = false;
  #picture: Picture | undefined;
  /** As it was laid out, and with what was moved by hand. */
  #base: LayoutResult | undefined;
  #layout: LayoutResult | undefined;
  #traced: ReadonlySet<string> | undefined;
  /** Something is marked as traced. */
  #tracing = false;
  #wholly = false;
  #live: LivePicture | undefined;
  #selection: PictureElement | undefined;
  #focus: PictureElement | undefined;

  constructor(
    host: HTMLElement,
    private readonly measure: Measure,
    private readonly events: GraphViewEvents,
  ) {
    const svg = select(host).append("svg").attr("class", "graph").attr("role", "tree").attr("aria-label", "Job graph");
    this.svg = svg.node() as SVGSVGElement;
    this.#root = add(svg, "g", { class: "world" });
    this.#canvas.className = "far";
    this.#canvas.setAttribute("aria-hidden", "true");
    host.prepend(this.#canvas);
    const layer = (name: string): SvgGroup =>
      add(this.#root, "g", { class: name, "aria-hidden": name === "vertices" ? undefined : "true" });
    this.#layers = Object.fromEntries(LAYERS.map((name) => [name, layer(name)])) as Record<
      (typeof LAYERS)[number],
      SvgGroup
    >;
    this.#edges = new EdgeLayer(this.#layers.edges);
    this.camera = new Camera(this.svg, {
      moved: ({ x, y, k }, byHand) => {
        this.#root.attr("transform", `translate(${x},${y}) scale(${k})`);
        this.#cull(WHILE_MOVING_MS);
        events.zoomed(byHand ? { x, y, scale: k } : undefined);
      },
      resized: () => this.#cull(),
    });
    this.#listen();
  }

  get layout(): LayoutResult | undefined {
    return this.#layout;
  }
  get focus(): PictureElement | undefined {
    return this.#focus;
  }
  get overlay(): SvgGroup {
    return this.#layers.overlay;
  }

  /** Cards are made at once; figures of lines and frames, and the canvas, come with the next {@link showRest} or {@link showAll}. */
  setPicture(picture: Picture, base: LayoutResult, moves: Moves = {}): void {
    const steps = this.pictureSteps(picture, base, moves);
    while (steps.next().done !== true);
  }

  /** {@link setPicture} in steps of a few milliseconds, for a large picture. Steps that are not taken to their end are followed by another picture's. */
  *pictureSteps(picture: Picture, base: LayoutResult, moves: Moves = {}): Generator<void, void> {
    this.#settling = true;
    this.#split = picture.cards.size > LARGE ? "due" : undefined;
    const layout = moveVertices(picture.request, base, moves);
    this.#picture = picture;
    this.#base = base;
    this.#layout = layout;
    this.svg.setAttribute("aria-label", `Job graph ${picture.graph.name}`.slice(0, 200));
    for (const node of this.#shown.values()) node.remove();
    this.#shown.clear();
    this.#edges.setPicture(picture, layout);
    yield;
    // Before frames and titles: what is too far away to be read is not laid out by the browser either.
    if (this.#focus === undefined || !this.#exists(this.#focus)) {
      const first = picture.graph.vertices[0];
      this.#focus = first === undefined ? undefined : { kind: "vertex", vertex: first.id };
    }
    this.camera.setBounds(layout.bounds);
    this.#cull();
    yield;
    drawFrames(this.#layers.frames, picture, layout);
    yield;
    drawTitles(this.#layers.titles, picture, layout, this.measure);
    yield;
    this.#far = new FarScene(picture, layout);
    yield;
    this.#markFocus();
    this.#markSelection();
    this.#settling = false;
  }

  setLive(live: LivePicture): void {
    this.#live = live;
  }

  /** Everything in sight anew. */
  showAll(): void {
    for (const vertex of this.#shown.keys()) this.#show(vertex);
    this.showFlow();
    this.#drawFarNow();
  }

  /** What {@link setPicture} left: figures of lines and frames, and the canvas. */
  showRest(): void {
    this.showFlow();
    this.#drawFarNow();
  }

  showVertices(vertices: Iterable<string>): void {
    let any = false;
    for (const vertex of vertices) {
      any = true;
      if (this.#shown.has(vertex)) this.#show(vertex);
    }
    if (any) this.#drawFar();
  }

  /** Rates on lines and cards. */
  showFlow(): void {
    const picture = this.#picture;
    const live = this.#live;
    if (picture === undefined || live === undefined) return;
    for (const [vertex, group] of this.#shown)
      showFigures(group, picture.cards.get(vertex) as Card, live.vertex(vertex));
    if (this.#isFar) return;
    showFrames(this.#layers.titles, live.frame);
    this.#edges.showRates(live);
  }

  /** The whole picture on another canvas, scaled and moved there. */
  drawOverview(context: CanvasRenderingContext2D, k: number, x: number, y: number): void {
    if (this.#live === undefined || this.#far === undefined || this.#layout === undefined) return;
    this.#colors ??= readColors();
    this.#far.draw(context, this.#live, this.#colors, { x, y, k }, this.#layout.bounds, false);
  }

  /** Everything in the document, as an export needs it, while `work` runs; then what is in sight again. */
  withEverything<T>(work: () => T): T {
    this.#wholly = true;
    this.#cull();
    this.showAll();
    try {
      return work();
    } finally {
      this.#wholly = false;
      this.#cull();
    }
  }

  /** Only these vertices and the lines between them stand out; undefined ends that. */
  trace(vertices: ReadonlySet<string> | undefined): void {
    this.#traced = vertices;
    this.#markTraced();
  }

  /** Puts vertices elsewhere than the layout did. */
  setMoves(moves: Moves): void {
    const picture = this.#picture;
    const base = this.#base;
    if (picture === undefined || base === undefined) return;
    const layout = moveVertices(picture.request, base, moves);
    // While a picture is taken over, its own moves count.
    if (layout === this.#layout || this.#settling) return;
    this.#split = undefined;
    this.#layout = layout;
    drawFrames(this.#layers.frames, picture, layout);
    drawTitles(this.#layers.titles, picture, layout, this.measure);
    this.#edges.setPicture(picture, layout);
    this.#far = new FarScene(picture, layout);
    for (const [vertex, group] of this.#shown) {
      const place = layout.nodes.get(vertex);
      if (place !== undefined) group.attr("transform", translate(place.x, place.y));
    }
    this.#cull();
    this.showFlow();
  }

  /** The theme's colours changed. */
  recolor(): void {
    this.#colors = undefined;
    this.#split = undefined;
    this.#far?.forgetImages();
    this.#drawFar();
  }

  select(element: PictureElement | undefined): void {
    this.#selection = element;
    this.#markSelection();
  }

  /** Gives an element the keyboard focus (its DOM node too, when `take`), bringing it into sight. */
  setFocus(element: PictureElement, take = true): void {
    this.#focus = element;
    const place = "vertex" in element ? this.#layout?.nodes.get(element.vertex) : undefined;
    if (place !== undefined) this.camera.bringIntoSight(place);
    this.#cull();
    this.#markFocus();
    if (take) this.#nodeOf(this.#focus)?.focus({ preventScroll: true });
  }

  /** The element's rectangle in the window, for menus. */
  screenRectangle(element: PictureElement): Rectangle | undefined {
    return this.#nodeOf(element)?.getBoundingClientRect();
  }

  /**
   * Adds what came into sight and takes away what left it. Too much of it is drawn on the canvas instead. Cards that do not get ready within
   * the time follow in the next frames; what was on the canvas stays there until they have.
   */
  #cull(withinMs = Infinity): void {
    const picture = this.#picture;
    const layout = this.#layout;
    if (picture === undefined || layout === undefined) return;
    const sight = this.camera.sight(AROUND);
    const inSight = picture.graph.vertices.filter(({ id }) => {
      const place = layout.nodes.get(id);
      return place !== undefined && touches(place, sight);
    });
    if (this.#wholly) inSight.splice(0, inSight.length, ...picture.graph.vertices);
    const crowded = inSight.length > MOST_CARDS && !this.#wholly;
    this.svg.classList.toggle("small", this.camera.transform.k < SMALL);
    const wanted = new Set(crowded ? [] : inSight.map(({ id }) => id));
    const focus = this.#focus;
    if (focus !== undefined && "vertex" in focus && layout.nodes.has(focus.vertex)) wanted.add(focus.vertex);
    for (const [vertex, group] of this.#shown) {
      if (wanted.has(vertex)) continue;
      group.remove();
      this.#shown.delete(vertex);
    }
    const end = performance.now() + withinMs;
    let complete = true;
    for (const vertex of wanted) {
      if (this.#shown.has(vertex)) continue;
      if (performance.now() > end) complete = false;
      else this.#add(picture, vertex, layout.nodes.get(vertex) as Rectangle);
    }
    if (!crowded) complete = this.#edges.cull(this.#wholly ? EVERYWHERE : sight, end) && complete;
    if (!complete) this.#cullAgain();
    const isFar = crowded || (this.#isFar && !complete);
    if (isFar !== this.#isFar) this.#setFar(isFar);
    if (crowded) this.#edges.clear();
    this.#markTraced();
    this.#drawFar();
  }

  /** Out of the document and not merely hidden: browsers lay out what is in a hidden group of an SVG all the same. */
  #setFar(isFar: boolean): void {
    this.#isFar = isFar;
    this.svg.classList.toggle("is-far", isFar);
    const { frames, edges, titles, vertices } = this.#layers;
    const drawnOnCanvas = [frames, edges, titles].map((layer) => layer.node() as SVGGElement);
    if (isFar) for (const layer of drawnOnCanvas) layer.remove();
    else vertices.node()?.before(...drawnOnCanvas);
  }

  #cullAgain(): void {
    if (this.#cullDue) return;
    this.#cullDue = true;
    requestAnimationFrame(() => {
      this.#cullDue = false;
      this.#cull(WHILE_MOVING_MS);
    });
  }

  #markTraced(): void {
    const traced = this.#traced;
    if (traced === undefined && !this.#tracing) return;
    this.#tracing = traced !== undefined;
    this.svg.classList.toggle("tracing", traced !== undefined);
    for (const [vertex, group] of this.#shown) group.classed("traced", traced?.has(vertex) === true);
    this.#edges.trace(traced);
  }

  /** At most once a frame. */
  #drawFar(): void {
    if (this.#canvasDue || this.#settling || this.#pausing) return;
    this.#canvasDue = true;
    requestAnimationFrame(() => {
      this.#canvasDue = false;
      this.#drawFarNow();
    });
  }

  #drawFarNow(): void {
    const context = this.#canvas.getContext("2d");
    const { width, height } = this.camera.size;
    if (context === null || this.#live === undefined || this.#far === undefined) return;
    this.#canvas.hidden = !this.#isFar;
    if (!this.#isFar || this.#settling) return;
    const ratio = Math.min(2, devicePixelRatio);
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      this.#canvas.width = Math.round(width * ratio);
      this.#canvas.height = Math.round(height * ratio);
      if (this.#split !== "due") this.#split = undefined;
    }
    this.#colors ??= readColors();
    const { x, y, k } = this.camera.transform;
    const transform = { x: x * ratio, y: y * ratio, k: k * ratio };
    const parts = this.#partsToDraw(transform);
    if (parts !== "cards") context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#far.draw(context, this.#live, this.#colors, transform, this.camera.sight(0), true, parts);
  }

  #partsToDraw(at: CanvasTransform): FarParts {
    const split = this.#split;
    if (split === "due") {
      this.#split = at;
      this.#pausing = true;
      void anotherTask().then(() => {
        this.#pausing = false;
        this.#drawFar();
      });
      return "ground";
    }
    this.#split = undefined;
    return split !== undefined && split.x === at.x && split.y === at.y && split.k === at.k ? "cards" : "all";
  }

  #add(picture: Picture, vertex: string, place: Rectangle): void {
    const group: SvgGroup = make("g", {
      class: "vertex",
      "data-vertex": vertex,
      transform: translate(place.x, place.y),
    });
    drawVertex(group, picture.cards.get(vertex) as Card, picture.regions);
    this.#shown.set(vertex, group);
    this.#show(vertex);
    this.#layers.vertices.node()?.append(group.node() as SVGGElement);
    const selected = this.#selection;
    if (selected !== undefined && "vertex" in selected && selected.vertex === vertex) this.#markSelection();
  }

  #show(vertex: string): void {
    const group = this.#shown.get(vertex);
    const live = this.#live;
    const card = this.#picture?.cards.get(vertex);
    const node = group?.node();
    if (group === undefined || !node || live === undefined || card === undefined) return;
    const label = live.vertexName(vertex);
    const item = node.querySelector(":scope > g.item");
    if (item !== null && item.getAttribute("aria-label") !== label) item.setAttribute("aria-label", label);
    const grid = card.cells;
    if (grid.mode === "grid" || grid.mode === "bar") {
      showGrid(
        group,
        card,
        Array.from({ length: grid.count }, (_, index) => live.shade(vertex, index)),
      );
    }
    for (const cell of node.querySelectorAll<SVGGElement>("g.cell")) {
      const index = Number(cell.dataset.index);
      const words = live.subtaskName(vertex, index);
      showCell(
        group.select<SVGGElement>(() => cell),
        live.look(vertex, index),
        live.shade(vertex, index),
        live.cell(vertex, index),
        words,
      );
    }
    const worst = worstOf(live, vertex, grid.count);
    node.dataset.look = worst === "failing" || worst === "restarting" ? worst : "";
    showFigures(group, card, live.vertex(vertex));
  }

  #exists(element: PictureElement): boolean {
    if (!("vertex" in element)) return false;
    const vertex = this.#picture?.vertices.get(element.vertex);
    return vertex !== undefined && (element.kind !== "subtask" || element.index < vertex.parallelism);
  }

  #nodeOf(element: PictureElement | undefined): SVGGElement | undefined {
    if (element === undefined || !("vertex" in element)) return undefined;
    const group = this.#shown.get(element.vertex)?.node() ?? undefined;
    const item = group?.querySelector<SVGGElement>(":scope > g.item") ?? undefined;
    if (element.kind !== "subtask" || group === undefined) return item;
    return group.querySelector<SVGGElement>(`g.cell[data-index="${element.index}"] > g.item`) ?? item;
  }

  /** One tab stop for the whole picture: the element that has the focus, or had it last. */
  #markFocus(): void {
    const focus = this.#focus;
    for (const node of this.svg.querySelectorAll('[tabindex="0"]')) node.setAttribute("tabindex", "-1");
    for (const node of this.svg.querySelectorAll("g.cell.borrowed"))
      if (!node.contains(document.activeElement)) node.remove();
    if (focus?.kind === "subtask") this.#borrowCell(focus.vertex, focus.index);
    this.#nodeOf(focus)?.setAttribute("tabindex", "0");
  }

  /** A cell of a large grid is an element of its own only while it has the focus. */
  #borrowCell(vertex: string, index: number): void {
    const group = this.#shown.get(vertex);
    const card = this.#picture?.cards.get(vertex);
    if (group === undefined || card?.cells.mode !== "grid" || this.#picture === undefined) return;
    if (!group.select(`g.cell[data-index="${index}"]`).empty()) return;
    drawCell(group.select<SVGGElement>("g.cells"), card, index, this.#picture.regions).classed("borrowed", true);
    this.#show(vertex);
  }

  #markSelection(): void {
    for (const node of this.svg.querySelectorAll(".selected")) {
      node.classList.remove("selected");
      node.removeAttribute("aria-selected");
    }
    const node = this.#nodeOf(this.#selection);
    node?.classList.add("selected");
    node?.setAttribute("aria-selected", "true");
  }

  /** What is at an event's place: the deepest of operator, subtask, vertex. */
  elementAt(event: Event): PictureElement | undefined {
    const target = event.target as Element | null;
    const vertex = target?.closest<SVGGElement>("g.vertex")?.dataset.vertex ?? this.#vertexAt(event);
    if (vertex === undefined) return undefined;
    const cell = target?.closest<SVGGElement>("g.cell");
    if (cell) return { kind: "subtask", vertex, index: Number(cell.dataset.index) };
    const operator = target?.closest<SVGGElement>("g.operator")?.dataset.operator;
    if (operator !== undefined) return { kind: "operator", vertex, operator };
    const card = this.#picture?.cards.get(vertex);
    const place = this.#layout?.nodes.get(vertex);
    if (card?.cells.mode === "grid" && place !== undefined && event instanceof MouseEvent) {
      const [x, y] = this.camera.toWorld(event.clientX, event.clientY);
      const index = cellAt(card.cells, x - place.x, y - place.y);
      if (index !== undefined) return { kind: "subtask", vertex, index };
    }
    return { kind: "vertex", vertex };
  }

  /** On the canvas there are no elements to ask. */
  #vertexAt(event: Event): string | undefined {
    if (!this.#isFar || !(event instanceof MouseEvent)) return undefined;
    const [x, y] = this.camera.toWorld(event.clientX, event.clientY);
    for (const [vertex, place] of this.#layout?.nodes ?? []) {
      if (x >= place.x && x <= place.x + place.width && y >= place.y && y <= place.y + place.height) return vertex;
    }
    return undefined;
  }

  #listen(): void {
    const { svg, events } = this;
    const drag = (dropped: boolean) => (vertex: string, dx: number, dy: number) => {
      const { k } = this.camera.transform;
      events.dragged(vertex, dx / k, dy / k, dropped);
    };
    listenForDrags(svg, { moved: drag(false), dropped: drag(true) });
    svg.addEventListener("click", (event) => {
      const element = this.elementAt(event);
      if (element !== undefined)
        this.setFocus(element.kind === "operator" ? { kind: "vertex", vertex: element.vertex } : element);
      events.selected(element);
    });
    svg.addEventListener("dblclick", (event) => {
      const element = this.elementAt(event);
      if (element !== undefined) events.opened(element);
      else this.camera.fit();
    });
    svg.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      const element = this.elementAt(event);
      if (element === undefined) return;
      if (element.kind !== "operator") this.setFocus(element);
      events.menu(element, { x: event.clientX, y: event.clientY });
    });
    let last = "";
    const hover = (element: PictureElement | undefined): void => {
      const key = JSON.stringify(element ?? null);
      if (key === last) return;
      last = key;
      events.hovered(element);
    };
    svg.addEventListener("pointermove", (event) => hover(event.buttons === 0 ? this.elementAt(event) : undefined));
    svg.addEventListener("pointerleave", () => hover(undefined));
    svg.addEventListener("focusin", (event) => {
      const item = (event.target as Element).closest("g.item");
      if (item !== null) ringAround(item);
      const element = this.elementAt(event);
      if (element === undefined) return;
      this.#focus = element;
      this.#markFocus();
      events.hovered(element);
    });
  }
}
