/**
 * The picture of a job: frames of regions, the services' area, lines, cards. It is given a {@link Picture} with its layout and then live
 * looks and figures; it never lays anything out itself. Only cards in sight are in the document.
 */
import { select } from "d3";
import type { LayoutResult, Point, Rectangle } from "../layout/layoutRequest";
import type { LivePicture } from "../model/livePicture";
import type { Picture } from "../model/picture";
import type { PictureElement } from "../protocol";
import { Camera } from "./camera";
import { callRateWords, drawEdges, edgeRateWords, type RateTexts } from "./edgeLayer";
import { drawFrames, drawTitles, showFrames } from "./regionFrame";
import { drawCell, showCell, showGrid } from "./subtaskCells";
import { add, translate, type SvgGroup } from "./svgElements";
import { cellAt, type Card } from "./vertexCard";
import { drawVertex, showFigures } from "./vertexNode";

export interface GraphViewEvents {
  readonly selected: (element: PictureElement | undefined) => void;
  readonly hovered: (element: PictureElement | undefined) => void;
  readonly menu: (element: PictureElement, at: Point) => void;
  readonly opened: (element: PictureElement) => void;
  /** Undefined while the picture follows "fit". */
  readonly zoomed: (zoom: { readonly x: number; readonly y: number; readonly scale: number } | undefined) => void;
}

const LAYERS = ["frames", "edges", "titles", "vertices", "overlay"] as const;
/** Cards this near the border of what is in sight are kept, CSS pixels. */
const AROUND = 100;

export class GraphView {
  readonly svg: SVGSVGElement;
  readonly camera: Camera;
  readonly #root: SvgGroup;
  readonly #layers: Readonly<Record<(typeof LAYERS)[number], SvgGroup>>;
  readonly #shown = new Map<string, SvgGroup>();
  #rates: RateTexts = new Map();
  #picture: Picture | undefined;
  #layout: LayoutResult | undefined;
  #live: LivePicture | undefined;
  #selection: PictureElement | undefined;
  #focus: PictureElement | undefined;

  constructor(
    host: HTMLElement,
    private readonly events: GraphViewEvents,
  ) {
    const svg = select(host).append("svg").attr("class", "graph").attr("role", "tree").attr("aria-label", "Job graph");
    this.svg = svg.node() as SVGSVGElement;
    this.#root = add(svg, "g", { class: "world" });
    const layer = (name: string): SvgGroup =>
      add(this.#root, "g", { class: name, "aria-hidden": name === "vertices" ? undefined : "true" });
    this.#layers = Object.fromEntries(LAYERS.map((name) => [name, layer(name)])) as Record<
      (typeof LAYERS)[number],
      SvgGroup
    >;
    this.camera = new Camera(this.svg, {
      moved: ({ x, y, k }, byHand) => {
        this.#root.attr("transform", `translate(${x},${y}) scale(${k})`);
        this.#cull();
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

  setPicture(picture: Picture, layout: LayoutResult): void {
    this.#picture = picture;
    this.#layout = layout;
    this.svg.setAttribute("aria-label", `Job graph ${picture.graph.name}`.slice(0, 200));
    for (const node of this.#shown.values()) node.remove();
    this.#shown.clear();
    drawFrames(this.#layers.frames, picture, layout);
    drawTitles(this.#layers.titles, picture, layout);
    this.#rates = drawEdges(this.#layers.edges, picture, layout);
    if (this.#focus === undefined || !this.#exists(this.#focus)) {
      const first = picture.graph.vertices[0];
      this.#focus = first === undefined ? undefined : { kind: "vertex", vertex: first.id };
    }
    this.camera.setBounds(layout.bounds);
    this.#cull();
    this.#markFocus();
    this.#markSelection();
    this.showAll();
  }

  setLive(live: LivePicture): void {
    this.#live = live;
  }

  /** Everything in sight anew. */
  showAll(): void {
    for (const vertex of this.#shown.keys()) this.#show(vertex);
    this.showFlow();
  }

  showVertices(vertices: Iterable<string>): void {
    for (const vertex of vertices) if (this.#shown.has(vertex)) this.#show(vertex);
  }

  /** Rates on lines and cards. */
  showFlow(): void {
    const picture = this.#picture;
    const live = this.#live;
    if (picture === undefined || live === undefined) return;
    for (const [vertex, group] of this.#shown)
      showFigures(group, picture.cards.get(vertex) as Card, live.vertex(vertex));
    showFrames(this.#layers.titles, live.frame);
    for (const { id } of picture.edges) this.#setRate(id, edgeRateWords(live.edgeRate(id)));
    for (const { id } of picture.calls) this.#setRate(id, callRateWords(live.call(id), picture.services === "right"));
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

  #setRate(id: string, words: string): void {
    const text = this.#rates.get(id);
    if (text !== undefined && text.textContent !== words) text.textContent = words;
  }

  /** Adds the cards that came into sight and takes away those that left it. */
  #cull(): void {
    const picture = this.#picture;
    const layout = this.#layout;
    if (picture === undefined || layout === undefined) return;
    const { left, top, right, bottom } = this.camera.sight(AROUND);
    const focused = this.#focus !== undefined && "vertex" in this.#focus ? this.#focus.vertex : undefined;
    for (const vertex of picture.graph.vertices) {
      const place = layout.nodes.get(vertex.id);
      if (place === undefined) continue;
      const inSight =
        place.x < right && place.x + place.width > left && place.y < bottom && place.y + place.height > top;
      const wanted = inSight || vertex.id === focused;
      const shown = this.#shown.get(vertex.id);
      if (wanted && shown === undefined) this.#add(picture, vertex.id, place);
      else if (!wanted && shown !== undefined) {
        shown.remove();
        this.#shown.delete(vertex.id);
      }
    }
  }

  #add(picture: Picture, vertex: string, place: Rectangle): void {
    const group = add(this.#layers.vertices, "g", {
      class: "vertex",
      "data-vertex": vertex,
      transform: translate(place.x, place.y),
    });
    drawVertex(group, picture.cards.get(vertex) as Card, picture.regions);
    this.#shown.set(vertex, group);
    this.#show(vertex);
    this.#markSelection();
  }

  #show(vertex: string): void {
    const group = this.#shown.get(vertex);
    const live = this.#live;
    const card = this.#picture?.cards.get(vertex);
    const node = group?.node();
    if (group === undefined || !node || live === undefined || card === undefined) return;
    group.classed("live", live.live);
    const label = live.vertexName(vertex);
    const item = node.querySelector(":scope > g.item");
    if (item !== null && item.getAttribute("aria-label") !== label) item.setAttribute("aria-label", label);
    const grid = card.cells;
    if (grid.mode === "grid" || grid.mode === "bar") {
      showGrid(
        group,
        card,
        Array.from({ length: grid.count }, (_, index) => live.look(vertex, index).look),
      );
    }
    for (const cell of node.querySelectorAll<SVGGElement>("g.cell")) {
      const index = Number(cell.dataset.index);
      const words = live.subtaskName(vertex, index);
      showCell(
        group.select<SVGGElement>(() => cell),
        live.look(vertex, index),
        live.cell(vertex, index),
        words,
      );
    }
    node.dataset.look = worstLook(live, vertex, grid.count);
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
    const vertex = target?.closest<SVGGElement>("g.vertex")?.dataset.vertex;
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

  #listen(): void {
    const { svg, events } = this;
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
      const element = this.elementAt(event);
      if (element === undefined) return;
      this.#focus = element;
      this.#markFocus();
      events.hovered(element);
    });
  }
}

function worstLook(live: LivePicture, vertex: string, count: number): string {
  let worst = "";
  for (let index = 0; index < count; index++) {
    const { look } = live.look(vertex, index);
    if (look === "failing") return look;
    if (look === "restarting") worst = look;
  }
  return worst;
}
