/** A place in the flow: `u` along, `v` across. */
export interface FlowPoint {
  readonly u: number;
  readonly v: number;
}
