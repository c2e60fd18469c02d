/**
 * What a layout is asked for and what it answers: boxes, groups of boxes and lines between boxes, in CSS pixels at scale 1.
 * Whoever draws knows nothing of how the places were found, and whoever finds them knows nothing of what is drawn.
 */

export interface LayoutNode {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Group that holds this box; undefined for a box on its own. */
  readonly group?: string;
  /** In the band beside the flow instead of in the flow: services, which have calls but no data edges. */
  readonly band?: boolean;
}

export interface LayoutEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  /** Room that the label wants along the line. */
  readonly labelWidth?: number;
  /** A call: it has no say in where the flow places its boxes. */
  readonly call?: boolean;
}

export interface LayoutGroup {
  readonly id: string;
  /** Room above the boxes of the group, for its name. */
  readonly header: number;
  readonly padding: number;
  /** Least width, so that the name fits. */
  readonly minWidth?: number;
}

export interface LayoutRequest {
  readonly nodes: readonly LayoutNode[];
  readonly edges: readonly LayoutEdge[];
  readonly groups: readonly LayoutGroup[];
  readonly orientation: "right" | "down";
  /** Width of the room over its height: a flow that is much too long for it is folded into rows. */
  readonly aspect?: number;
  /** The band's frame, when there is a band, and the side of the flow that it is on. */
  readonly band?: {
    readonly side: "below" | "right";
    readonly header: number;
    readonly padding: number;
    readonly minWidth?: number;
  };
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Rectangle extends Point {
  readonly width: number;
  readonly height: number;
}

export interface EdgePlacement {
  /** Through these points, in order, from the border of the source to the border of the target. */
  readonly points: readonly Point[];
  /** Middle of the label. */
  readonly label: Point;
}

export interface LayoutResult {
  readonly nodes: ReadonlyMap<string, Rectangle>;
  readonly groups: ReadonlyMap<string, Rectangle>;
  readonly edges: ReadonlyMap<string, EdgePlacement>;
  readonly band: Rectangle | undefined;
  readonly bounds: Rectangle;
}
