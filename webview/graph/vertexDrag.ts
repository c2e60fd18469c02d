/** Dragging a card with the pointer. A short slip is still a click; after a drag there is none. */

export interface VertexDrag {
  /** By how much the pointer moved since the drag began, CSS pixels of the screen. */
  readonly moved: (vertex: string, dx: number, dy: number) => void;
  readonly dropped: (vertex: string, dx: number, dy: number) => void;
}

/** A slip up to this far is a click. */
const SLIP = 4;

export function listenForDrags(svg: SVGSVGElement, drag: VertexDrag): void {
  let held:
    | { readonly vertex: string; readonly x: number; readonly y: number; readonly pointer: number; moving: boolean }
    | undefined;
  svg.addEventListener("pointerdown", (event) => {
    const vertex = (event.target as Element).closest<SVGGElement>("g.vertex")?.dataset.vertex;
    if (event.button !== 0 || vertex === undefined) return;
    held = { vertex, x: event.clientX, y: event.clientY, pointer: event.pointerId, moving: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (held === undefined || event.pointerId !== held.pointer) return;
    const dx = event.clientX - held.x;
    const dy = event.clientY - held.y;
    if (!held.moving && Math.hypot(dx, dy) <= SLIP) return;
    if (!held.moving) svg.setPointerCapture(held.pointer);
    held.moving = true;
    drag.moved(held.vertex, dx, dy);
  });
  const end = (event: PointerEvent): void => {
    if (held === undefined || event.pointerId !== held.pointer) return;
    const { vertex, x, y, moving } = held;
    held = undefined;
    if (!moving) return;
    drag.dropped(vertex, event.clientX - x, event.clientY - y);
    // The click that follows was part of the drag.
    svg.addEventListener("click", (click) => click.stopImmediatePropagation(), { capture: true, once: true });
  };
  svg.addEventListener("pointerup", end);
  svg.addEventListener("pointercancel", end);
}

/** The camera leaves to the drag what begins on a card. */
export function beginsOnCard(event: Event): boolean {
  return event.type !== "wheel" && event.target instanceof Element && event.target.closest("g.vertex") !== null;
}
