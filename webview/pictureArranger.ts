/** Lays a graph out in the direction that was chosen; where nobody chose one, in the one that is largest on this screen. */
import type { GraphDescription } from "../simulator/graph/graphDescription";
import { LayoutClient } from "./layout/layoutClient";
import type { LayoutResult, Point } from "./layout/layoutRequest";
import { LARGE } from "./graph/graphView";
import { anotherTask, inSlices } from "./graph/taskSlices";
import type { Measure } from "./graph/vertexCard";
import { collapseRegions } from "./model/collapsedRegions";
import { ARRANGEMENTS, makePicture, pictureSteps, type Arrangement, type Picture } from "./model/picture";
import type { PictureLevel } from "./protocol";

export interface Arranged {
  readonly picture: Picture;
  readonly layout: LayoutResult;
  readonly tookMs: number;
}

export interface ArrangeOptions {
  readonly level: PictureLevel;
  readonly orientation: "right" | "down" | undefined;
  /** Regions that are drawn as one card. */
  readonly collapsed?: readonly string[];
  readonly room: { readonly width: number; readonly height: number };
}

/** Up to this many vertices every arrangement is tried. */
const TURNABLE = 150;
/** A less usual arrangement has to be this much larger. */
const WORTH_IT = 1.06;

export class PictureArranger {
  /** Two arrangements are laid out at the same time. */
  readonly #layouts = [new LayoutClient(), new LayoutClient()] as const;
  #newest = 0;
  #last: Arranged | undefined;

  constructor(private readonly measure: Measure) {}

  dispose(): void {
    for (const layouts of this.#layouts) layouts.dispose();
  }

  /** Undefined when a newer request came in between. */
  async arrange(whole: GraphDescription, options: ArrangeOptions): Promise<Arranged | undefined> {
    const { level, orientation, room } = options;
    const own = ++this.#newest;
    if (whole.vertices.length > LARGE) {
      // Taking the message with the graph out of its envelope was a task's work already.
      await anotherTask();
      if (own !== this.#newest) return undefined;
    }
    const collapsed = collapseRegions(whole, options.collapsed ?? []);
    const { graph } = collapsed;
    const hasServices = graph.vertices.some((vertex) => vertex.kind === "service");
    const all = ARRANGEMENTS.filter(
      (one) => (orientation ?? one.orientation) === one.orientation && (hasServices || one.services === "below"),
    );
    const last = this.#last?.picture;
    const before = all.find((one) => one.orientation === last?.orientation && one.services === last.services);
    const isLarge = graph.vertices.length > LARGE;
    // What is large is not tried out in every way: it keeps the arrangement that it has.
    const tried = graph.vertices.length <= TURNABLE ? all : [before ?? all[0]];
    let best: (Arranged & { readonly scale: number }) | undefined;
    const aspect = room.width / Math.max(1, room.height);
    const lay = async (arrangement: Arrangement, layouts: LayoutClient): Promise<Arranged | undefined> => {
      const how = [graph, level, arrangement, this.measure, aspect, collapsed] as const;
      const picture = isLarge ? await inSlices(pictureSteps(...how), () => own === this.#newest) : makePicture(...how);
      if (picture === undefined) return undefined;
      const previous = arrangement === before ? middles(this.#last?.layout) : undefined;
      const layout = await layouts.layout(picture.request, previous);
      return layout === undefined ? undefined : { picture, layout: layout.result, tookMs: layout.tookMs };
    };
    const [one, two] = this.#layouts;
    for (let i = 0; i < tried.length; i += 2) {
      const pair = tried.slice(i, i + 2).map((arrangement, at) => lay(arrangement, at === 0 ? one : two));
      for (const arranged of await Promise.all(pair)) {
        if (arranged === undefined || own !== this.#newest) return undefined;
        const { bounds } = arranged.layout;
        const scale = Math.min(1, room.width / bounds.width, room.height / bounds.height);
        if (best === undefined || scale > best.scale * WORTH_IT) best = { ...arranged, scale };
      }
    }
    if (isLarge) {
      await anotherTask();
      if (own !== this.#newest) return undefined;
    }
    this.#last = best;
    return best;
  }
}

function middles(layout: LayoutResult | undefined): ReadonlyMap<string, Point> | undefined {
  if (layout === undefined) return undefined;
  return new Map(
    Array.from(layout.nodes, ([id, { x, y, width, height }]) => [id, { x: x + width / 2, y: y + height / 2 }]),
  );
}
