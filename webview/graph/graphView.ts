/**
 * The picture of a job: frames of regions, the services' area, lines, cards. It is given a {@link Picture} with its layout and then live
 * looks and figures; it never lays anything out itself. Only cards in sight are in the document.
 */
import { select, zoom as d3zoom, zoomIdentity, type D3ZoomEvent, type ZoomTransform } from "d3";
import type { LayoutResult, Point, Rectangle } from "../layout/layoutRequest";
import type { CallFigures, VertexFigures } from "../model/figures";
import type { Picture } from "../model/picture";
import type { SubtaskLook } from "../model/subtaskLook";
import type { PictureElement } from "../protocol";
import { callRateWords, drawEdges, edgeRateWords, type RateTexts } from "./edgeLayer";
import { drawFrames, drawTitles, showFrames } from "./regionFrame";
import { cellAt, type Card } from "./vertexCard";
import {
  drawCell,
  drawVertex,
  selectGroup,
  showCell,
  showFigures,
  showGrid,
  type CellFigures,
  type SvgGroup,
} from "./vertexNode";

/** What the picture shows of the run at a moment. */
export interface LivePicture {
  readonly look: (vertex: string, index: number) => SubtaskLook;
  readonly cell: (vertex: string, index: number) => CellFigures;
  readonly vertex: (vertex: string) => VertexFigures | undefined;
  readonly edgeRate: (edge: string) => number | undefined;
  readonly call: (call: string) => CallFigures | undefined;
  /** Spoken name of a subtask or a vertex. */
  readonly subtaskName: (vertex: string, index: number) => string;
  readonly vertexName: (vertex: string) => string;
  /** There is a run to speak of. */
  readonly live: boolean;
  /** Words for a region's frame while something restarts, and whether it is concerned. */
  readonly frame: (group: string) => { readonly words: string; readonly hit: boolean } | undefined;
}

export interface GraphViewEvents {
  readonly selected: (element: PictureElement | undefined) => void;
  readonly hovered: (element: PictureElement | undefined) => void;
  readonly menu: (element: PictureElement, at: Point) => void;
  readonly opened: (element: PictureElement) => void;
  readonly zoomed: (transform: ZoomTransform, byHand: boolean) => void;
}

const MARGIN = 18;

export class GraphView {
  readonly svg: SVGSVGElement;
  readonly #root: SvgGroup;
  readonly #layers: Record<"frames" | "edges" | "titles" | "vertices" | "overlay", SvgGroup>;
  readonly #zoom = d3zoom<SVGSVGElement, unknown>();
  readonly #shown = new Map<string, SvgGroup>();
  #rates: RateTexts = new Map();
  #picture: Picture | undefined;
  #layout: LayoutResult | undefined;
  #live: LivePicture | undefined;
  #transform: ZoomTransform = zoomIdentity;
  #selection: PictureElement | undefined;
  #focus: PictureElement | undefined;
  #followsFit = true;
  #insets = { left: 0, right: 0 };

  constructor(
    host: HTMLElement,
    private readonly events: GraphViewEvents,
  ) {
    const svg = select(host).append("svg").attr("class", "graph").attr("role", "tree").attr("aria-label", "Job graph");
    this.svg = svg.node() as SVGSVGElement;
    this.#root = svg.append("g").attr("class", "world");
    const layer = (name: string): SvgGroup => this.#root.append("g").attr("class", name);
    this.#layers = {
      frames: layer("frames"),
      edges: layer("edges"),
      titles: layer("titles"),
      vertices: layer("vertices"),
      overlay: layer("overlay"),
    };
    for (const name of ["frames", "edges", "titles", "overlay"] as const)
      this.#layers[name].attr("aria-hidden", "true");
    this.#zoom
      .scaleExtent([0.02, 3])
      .clickDistance(4)
      .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => this.#zoomed(event));
    svg.call(this.#zoom).on("dblclick.zoom", null);
    this.#listen();
    new ResizeObserver(() => this.#resized()).observe(host);
  }

  get picture(): Picture | undefined {
    return this.#picture;
  }
  get layout(): LayoutResult | undefined {
    return this.#layout;
  }
  get transform(): ZoomTransform {
    return this.#transform;
  }
  /** Width and height that a picture can fill. */
  get room(): { readonly width: number; readonly height: number } {
    const { width, height } = this.#size();
    return { width: width - 2 * MARGIN, height: height - 2 * MARGIN };
  }
  get focus(): PictureElement | undefined {
    return this.#focus;
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
    this.#cull();
    if (this.#focus === undefined || !this.#exists(this.#focus)) {
      const first = picture.graph.vertices[0];
      this.#focus = first === undefined ? undefined : { kind: "vertex", vertex: first.id };
    }
    if (this.#followsFit) this.fit(false);
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

  #setRate(id: string, words: string): void {
    const text = this.#rates.get(id);
    if (text !== undefined && text.textContent !== words) text.textContent = words;
  }

  /** Room at the left and right that panels cover. */
  setInsets(left: number, right: number): void {
    if (this.#insets.left === left && this.#insets.right === right) return;
    this.#insets = { left, right };
    if (this.#followsFit) this.fit();
  }

  fit(animate = true): void {
    const bounds = this.#layout?.bounds;
    const { width: all, height } = this.#size();
    const { left, right } = this.#insets;
    // Panels that leave too little room are simply over the picture.
    const inset = all - left - right > 360 ? left : 0;
    const width = inset === left ? all - left - right : all;
    this.#followsFit = true;
    if (bounds === undefined || bounds.width === 0 || width === 0) return;
    const scale = Math.min(1.15, (width - 2 * MARGIN) / bounds.width, (height - 2 * MARGIN) / bounds.height);
    const x = inset + (width - bounds.width * scale) / 2 - bounds.x * scale;
    const y = (height - bounds.height * scale) / 2 - bounds.y * scale;
    this.#move(zoomIdentity.translate(x, y).scale(Math.max(0.02, scale)), animate);
    this.#followsFit = true;
  }

  setZoom(zoom: { readonly x: number; readonly y: number; readonly scale: number }): void {
    this.#followsFit = false;
    this.#move(zoomIdentity.translate(zoom.x, zoom.y).scale(zoom.scale), false);
  }

  zoomBy(factor: number): void {
    this.#followsFit = false;
    const { width, height } = this.#size();
    const at = this.#transform.invert([width / 2, height / 2]);
    const scale = Math.max(0.02, Math.min(3, this.#transform.k * factor));
    this.#move(zoomIdentity.translate(width / 2 - at[0] * scale, height / 2 - at[1] * scale).scale(scale), true);
  }

  pan(dx: number, dy: number): void {
    this.#followsFit = false;
    this.#move(zoomIdentity.translate(this.#transform.x + dx, this.#transform.y + dy).scale(this.#transform.k), false);
  }

  select(element: PictureElement | undefined): void {
    this.#selection = element;
    this.#markSelection();
  }

  /** Gives an element the keyboard focus (its DOM node too, when `take`), bringing it into sight. */
  setFocus(element: PictureElement, take = true): void {
    this.#focus = element;
    this.#bringIntoSight(element);
    this.#cull();
    this.#markFocus();
    if (take) this.#focusedNode()?.focus({ preventScroll: true });
  }

  /** The element's rectangle in the coordinates of the window, for menus. */
  screenRectangle(element: PictureElement): Rectangle | undefined {
    const node = this.#nodeOf(element);
    return node?.getBoundingClientRect();
  }

  worldRectangle(vertex: string): Rectangle | undefined {
    return this.#layout?.nodes.get(vertex);
  }

  get overlay(): SvgGroup {
    return this.#layers.overlay;
  }

  #move(transform: ZoomTransform, animate: boolean): void {
    const svg = select(this.svg);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    svg.interrupt();
    if (animate && !still) svg.transition().duration(220).call((moving) => this.#zoom.transform(moving, transform));
    else this.#zoom.transform(svg, transform);
  }

  #zoomed(event: D3ZoomEvent<SVGSVGElement, unknown>): void {
    this.#transform = event.transform;
    this.#root.attr("transform", event.transform.toString());
    this.svg.classList.toggle("far", event.transform.k < 0.42);
    const byHand = event.sourceEvent !== null && event.sourceEvent !== undefined;
    if (byHand) this.#followsFit = false;
    this.#cull();
    this.events.zoomed(event.transform, byHand || !this.#followsFit);
  }

  #resized(): void {
    if (this.#followsFit) this.fit(false);
    else this.#cull();
  }

  #size(): { width: number; height: number } {
    return { width: this.svg.clientWidth, height: this.svg.clientHeight };
  }

  /** Adds the cards that came into sight and takes away those that left it. */
  #cull(): void {
    const picture = this.#picture;
    const layout = this.#layout;
    if (picture === undefined || layout === undefined) return;
    const { width, height } = this.#size();
    const [left, top] = this.#transform.invert([-100, -100]);
    const [right, bottom] = this.#transform.invert([width + 100, height + 100]);
    const focused = this.#focus !== undefined && "vertex" in this.#focus ? this.#focus.vertex : undefined;
    for (const vertex of picture.graph.vertices) {
      const place = layout.nodes.get(vertex.id);
      if (place === undefined) continue;
      const inSight =
        place.x < right && place.x + place.width > left && place.y < bottom && place.y + place.height > top;
      const wanted = inSight || vertex.id === focused;
      const shown = this.#shown.get(vertex.id);
      if (wanted && shown === undefined) this.#add(vertex.id, place);
      else if (!wanted && shown !== undefined) {
        shown.remove();
        this.#shown.delete(vertex.id);
      }
    }
  }

  #add(vertex: string, place: Rectangle): void {
    const picture = this.#picture as Picture;
    const group = this.#layers.vertices
      .append("g")
      .attr("class", "vertex")
      .attr("role", "treeitem")
      .attr("tabindex", -1)
      .attr("aria-level", 1)
      .attr("data-vertex", vertex);
    group.attr("transform", `translate(${place.x},${place.y})`);
    drawVertex(group, picture.cards.get(vertex) as Card, picture.regions);
    this.#shown.set(vertex, group);
    this.#show(vertex);
    this.#markSelection();
  }

  #show(vertex: string): void {
    const group = this.#shown.get(vertex);
    const live = this.#live;
    const card = this.#picture?.cards.get(vertex);
    if (group === undefined || live === undefined || card === undefined) return;
    group.classed("live", live.live);
    const label = live.vertexName(vertex);
    if (group.attr("aria-label") !== label) group.attr("aria-label", label);
    const grid = card.cells;
    if (grid.mode === "grid" || grid.mode === "bar") {
      showGrid(
        group,
        card,
        Array.from({ length: grid.count }, (_, index) => live.look(vertex, index).look),
      );
    }
    group.selectAll<SVGGElement, unknown>("g.cell").each(function () {
      const index = Number(this.dataset.index);
      showCell(selectGroup(this), live.look(vertex, index), live.cell(vertex, index), live.subtaskName(vertex, index));
    });
    let worst = "";
    for (let index = 0; index < grid.count && worst !== "failing"; index++) {
      const { look } = live.look(vertex, index);
      if (look === "failing" || (look === "restarting" && worst === "")) worst = look;
    }
    (group.node() as SVGGElement).dataset.look = worst;
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
    if (element.kind !== "subtask" || group === undefined) return group;
    return group.querySelector<SVGGElement>(`g.cell[data-index="${element.index}"]`) ?? group;
  }

  #focusedNode(): SVGGElement | undefined {
    return this.#nodeOf(this.#focus);
  }

  /** One tab stop for the whole picture: the element that has the focus, or had it last. */
  #markFocus(): void {
    const focus = this.#focus;
    for (const node of this.svg.querySelectorAll('[tabindex="0"]')) node.setAttribute("tabindex", "-1");
    for (const node of this.svg.querySelectorAll("g.cell.borrowed")) if (node !== document.activeElement) node.remove();
    if (focus?.kind === "subtask") {
      const group = this.#shown.get(focus.vertex);
      const card = this.#picture?.cards.get(focus.vertex);
      if (
        group !== undefined &&
        card?.cells.mode === "grid" &&
        group.select(`g.cell[data-index="${focus.index}"]`).empty()
      ) {
        drawCell(group.select<SVGGElement>("g.cells"), card, focus.index, (this.#picture as Picture).regions).classed(
          "borrowed",
          true,
        );
        this.#show(focus.vertex);
      }
    }
    this.#focusedNode()?.setAttribute("tabindex", "0");
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

  #bringIntoSight(element: PictureElement): void {
    if (!("vertex" in element)) return;
    const place = this.#layout?.nodes.get(element.vertex);
    if (place === undefined) return;
    const { width, height } = this.#size();
    const [x, y] = this.#transform.apply([place.x, place.y]);
    const right = x + place.width * this.#transform.k;
    const bottom = y + place.height * this.#transform.k;
    const limit = width - 16 - this.#insets.right;
    const dx = x < 16 ? 16 - x : right > limit ? Math.max(limit - right, 16 - x) : 0;
    const dy = y < 16 ? 16 - y : bottom > height - 16 ? Math.max(height - 16 - bottom, 16 - y) : 0;
    if (dx !== 0 || dy !== 0) this.pan(dx, dy);
  }

  /** What is at an event's place: the deepest of operator, subtask, vertex. */
  elementAt(event: Event): PictureElement | undefined {
    const target = event.target as Element | null;
    const group = target?.closest<SVGGElement>("g.vertex");
    const vertex = group?.dataset.vertex;
    if (vertex === undefined || group === null || group === undefined) return undefined;
    const cell = target?.closest<SVGGElement>("g.cell");
    if (cell) return { kind: "subtask", vertex, index: Number(cell.dataset.index) };
    const operator = target?.closest<SVGGElement>("g.operator")?.dataset.operator;
    if (operator !== undefined) return { kind: "operator", vertex, operator };
    const card = this.#picture?.cards.get(vertex);
    if (card !== undefined && card.cells.mode === "grid" && event instanceof MouseEvent) {
      const box = this.svg.getBoundingClientRect();
      const [x, y] = this.#transform.invert([event.clientX - box.left, event.clientY - box.top]);
      const place = this.#layout?.nodes.get(vertex);
      const index = place === undefined ? undefined : cellAt(card.cells, x - place.x, y - place.y);
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
      else this.fit();
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
      if (element !== undefined) {
        this.#focus = element;
        this.#markFocus();
        events.hovered(element);
      }
    });
  }
}
