/** Which part of the picture is in sight: zoom and pan by hand, by key and by program, and "fit", which is kept until somebody moves. */
import { select, zoom as d3zoom, zoomIdentity, type D3ZoomEvent, type ZoomTransform } from "d3";
import type { Rectangle } from "../layout/layoutRequest";
import { beginsOnCard } from "./vertexDrag";

const MARGIN = 18;
const LEAST_SCALE = 0.02;
const MOST_SCALE = 3;
/** "Fit" does not blow a small graph up beyond this. */
const MOST_FIT = 1.15;

export interface CameraEvents {
  /** The transform changed; `byHand` when the person does not want "fit" any more. */
  readonly moved: (transform: ZoomTransform, byHand: boolean) => void;
  /** The room for the picture changed. */
  readonly resized: () => void;
}

export class Camera {
  readonly #zoom = d3zoom<SVGSVGElement, unknown>();
  #transform: ZoomTransform = zoomIdentity;
  /** Where a movement that is going on will end. */
  #target: ZoomTransform | undefined;
  #bounds: Rectangle | undefined;
  #followsFit = true;
  #insets = { left: 0, right: 0 };

  /** Asking the element each time would lay the page out anew in the midst of drawing. */
  #size: { readonly width: number; readonly height: number } = { width: 0, height: 0 };

  constructor(
    private readonly svg: SVGSVGElement,
    private readonly events: CameraEvents,
  ) {
    this.#zoom
      .scaleExtent([LEAST_SCALE, MOST_SCALE])
      .clickDistance(4)
      // By itself d3 asks the element at each step, which lays the page out anew in the midst of drawing.
      .extent(() => [
        [0, 0],
        [this.#size.width, this.#size.height],
      ])
      // As d3 has it, but a drag that begins on a card moves the card.
      .filter(
        (event: MouseEvent) => (!event.ctrlKey || event.type === "wheel") && event.button === 0 && !beginsOnCard(event),
      )
      .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => this.#zoomed(event));
    select(svg)
      .call((one) => this.#zoom(one))
      .on("dblclick.zoom", null);
    this.#size = { width: svg.clientWidth, height: svg.clientHeight };
    new ResizeObserver(() => {
      this.#size = { width: svg.clientWidth, height: svg.clientHeight };
      if (this.#followsFit) this.fit(false);
      events.resized();
    }).observe(svg);
  }

  get transform(): ZoomTransform {
    return this.#transform;
  }

  get size(): { readonly width: number; readonly height: number } {
    return this.#size;
  }

  /** Width and height that a picture can fill. */
  get room(): { readonly width: number; readonly height: number } {
    const { width, height } = this.size;
    return { width: width - 2 * MARGIN, height: height - 2 * MARGIN };
  }

  /** What is in sight, in the picture's coordinates, with this much around it on the screen. */
  sight(around: number): Rectangle {
    const { width, height } = this.size;
    const [x, y] = this.#transform.invert([-around, -around]);
    const [right, bottom] = this.#transform.invert([width + around, height + around]);
    return { x, y, width: right - x, height: bottom - y };
  }

  /** A place of the window in the picture's coordinates. */
  toWorld(clientX: number, clientY: number): [x: number, y: number] {
    const box = this.svg.getBoundingClientRect();
    return this.#transform.invert([clientX - box.left, clientY - box.top]);
  }

  /** Another picture; "fit" follows it. */
  setBounds(bounds: Rectangle): void {
    this.#bounds = bounds;
    if (this.#followsFit) this.fit(false);
  }

  /** Room at the left and right that panels cover. */
  setInsets(left: number, right: number): void {
    if (this.#insets.left === left && this.#insets.right === right) return;
    this.#insets = { left, right };
    if (this.#followsFit) this.fit();
  }

  fit(animate = true): void {
    const bounds = this.#bounds;
    const { width: all, height } = this.size;
    this.#followsFit = true;
    if (bounds === undefined || bounds.width === 0 || all === 0) return;
    // Panels that leave too little room are simply over the picture.
    const covers = this.#insets.left + this.#insets.right < all - 360;
    const left = covers ? this.#insets.left : 0;
    const width = covers ? all - left - this.#insets.right : all;
    const fitting = Math.min(MOST_FIT, (width - 2 * MARGIN) / bounds.width, (height - 2 * MARGIN) / bounds.height);
    const scale = Math.max(LEAST_SCALE, fitting);
    const x = left + (width - bounds.width * scale) / 2 - bounds.x * scale;
    const y = (height - bounds.height * scale) / 2 - bounds.y * scale;
    this.#move(zoomIdentity.translate(x, y).scale(scale), animate);
    this.#followsFit = true;
  }

  set(zoom: { readonly x: number; readonly y: number; readonly scale: number }): void {
    this.#followsFit = false;
    this.#move(zoomIdentity.translate(zoom.x, zoom.y).scale(zoom.scale), false);
  }

  zoomBy(factor: number): void {
    this.#followsFit = false;
    const { width, height } = this.size;
    // From where a movement that is still going on will end: keys pressed in quick succession add up.
    const from = this.#target ?? this.#transform;
    const [x, y] = from.invert([width / 2, height / 2]);
    const scale = Math.max(LEAST_SCALE, Math.min(MOST_SCALE, from.k * factor));
    this.#move(zoomIdentity.translate(width / 2 - x * scale, height / 2 - y * scale).scale(scale), true);
  }

  pan(dx: number, dy: number): void {
    this.#followsFit = false;
    const { x, y, k } = this.#transform;
    this.#move(zoomIdentity.translate(x + dx, y + dy).scale(k), false);
  }

  /** Puts a place of the picture into the middle. */
  centre(x: number, y: number): void {
    const { width, height } = this.size;
    const [nowX, nowY] = this.#transform.apply([x, y]);
    this.pan(width / 2 - nowX, height / 2 - nowY);
  }

  /** Moves as little as needed to show this rectangle of the picture; from far away it also comes near enough to read. */
  bringIntoSight(place: Rectangle): void {
    const { width, height } = this.size;
    const limit = width - 16 - this.#insets.right;
    const [x, y] = this.#transform.apply([place.x, place.y]);
    const right = x + place.width * this.#transform.k;
    const bottom = y + place.height * this.#transform.k;
    const dx = x < 16 ? 16 - x : right > limit ? Math.max(limit - right, 16 - x) : 0;
    const dy = y < 16 ? 16 - y : bottom > height - 16 ? Math.max(height - 16 - bottom, 16 - y) : 0;
    if (dx !== 0 || dy !== 0) this.pan(dx, dy);
  }

  #move(transform: ZoomTransform, animate: boolean): void {
    const svg = select(this.svg);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    svg.interrupt();
    this.#target = undefined;
    if (animate && !still) {
      this.#target = transform;
      svg
        .transition()
        .duration(220)
        .call((moving) => this.#zoom.transform(moving, transform))
        .on("end", () => (this.#target = undefined));
    } else this.#zoom.transform(svg, transform);
  }

  #zoomed(event: D3ZoomEvent<SVGSVGElement, unknown>): void {
    this.#transform = event.transform;
    if (event.sourceEvent !== null && event.sourceEvent !== undefined) {
      this.#followsFit = false;
      this.#target = undefined;
    }
    this.events.moved(event.transform, !this.#followsFit);
  }
}
