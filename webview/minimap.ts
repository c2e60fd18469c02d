/** The whole picture in small, with a frame around what is in sight; a press or a drag on it moves there. Shown only while not all is in sight. */
import type { GraphView } from "./graph/graphView";

const WIDTH = 176;
const HEIGHT = 116;
/** Less than this is grasped without a map. */
const LEAST_VERTICES = 6;

export class Minimap {
  readonly element = document.createElement("canvas");
  #place: { readonly scale: number; readonly x: number; readonly y: number } | undefined;
  #due = false;

  constructor(private readonly view: GraphView) {
    this.element.className = "minimap";
    this.element.setAttribute("aria-hidden", "true");
    this.element.hidden = true;
    const go = (event: PointerEvent): void => {
      if (event.buttons !== 1 || this.#place === undefined) return;
      const box = this.element.getBoundingClientRect();
      const { scale, x, y } = this.#place;
      this.view.camera.centre((event.clientX - box.left - x) / scale, (event.clientY - box.top - y) / scale);
    };
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      go(event);
    });
    this.element.addEventListener("pointermove", go);
  }

  /** At most once a frame. */
  draw(): void {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const { layout, camera } = this.view;
    if (layout === undefined) return;
    const { bounds } = layout;
    const sight = camera.sight(0);
    const all =
      sight.x <= bounds.x &&
      sight.y <= bounds.y &&
      sight.x + sight.width >= bounds.x + bounds.width &&
      sight.y + sight.height >= bounds.y + bounds.height;
    this.element.hidden = all || layout.nodes.size < LEAST_VERTICES;
    if (this.element.hidden) return;
    const scale = Math.min((WIDTH - 12) / bounds.width, (HEIGHT - 12) / bounds.height);
    const x = (WIDTH - bounds.width * scale) / 2 - bounds.x * scale;
    const y = (HEIGHT - bounds.height * scale) / 2 - bounds.y * scale;
    this.#place = { scale, x, y };
    const ratio = Math.min(2, devicePixelRatio);
    this.element.width = WIDTH * ratio;
    this.element.height = HEIGHT * ratio;
    const context = this.element.getContext("2d");
    if (context === null) return;
    this.view.drawOverview(context, ratio * scale, ratio * x, ratio * y);
    context.strokeStyle = getComputedStyle(this.element).getPropertyValue("color");
    context.lineWidth = 1.5 * ratio;
    context.strokeRect(
      (sight.x * scale + x) * ratio,
      (sight.y * scale + y) * ratio,
      sight.width * scale * ratio,
      sight.height * scale * ratio,
    );
  }
}
