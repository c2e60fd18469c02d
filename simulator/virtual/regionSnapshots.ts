/**
 * Where the regions of a job were at those of its checkpoints that are kept or under way: how many records each had taken, and which of them were in
 * flight. Tens of thousands of regions are asked at each checkpoint, so what they answer stands in one list for the checkpoint, and not with each of them.
 */
const NOWHERE = NaN;
const NONE: readonly number[] = [];

export class RegionSnapshots {
  /** By checkpoint, of each region by its number. */
  private readonly positions = new Map<number, Float64Array>();
  /** By checkpoint and region, where there were any. */
  private readonly inFlight = new Map<number, Map<number, readonly number[]>>();
  private latest = -1;
  private latestPositions: Float64Array = new Float64Array();

  constructor(private readonly regions: number) {}

  keep(region: number, checkpoint: number, position: number): void {
    if (checkpoint !== this.latest) this.open(checkpoint);
    this.latestPositions[region] = position;
  }

  keepInFlight(region: number, checkpoint: number, records: readonly number[]): void {
    let there = this.inFlight.get(checkpoint);
    if (there === undefined) this.inFlight.set(checkpoint, (there = new Map<number, readonly number[]>()));
    there.set(region, records);
  }

  /** How many records the region had taken. */
  positionAt(region: number, checkpoint: number | undefined): number | undefined {
    const position = (checkpoint === undefined ? undefined : this.positions.get(checkpoint)?.[region]) ?? NOWHERE;
    return Number.isNaN(position) ? undefined : position;
  }

  inFlightAt(region: number, checkpoint: number | undefined): readonly number[] {
    return (checkpoint === undefined ? undefined : this.inFlight.get(checkpoint)?.get(region)) ?? NONE;
  }

  /** Checkpoints before this one are not asked for any more. */
  forgetBefore(checkpoint: number): void {
    for (const kept of this.positions.keys()) {
      if (kept >= checkpoint) continue;
      this.positions.delete(kept);
      this.inFlight.delete(kept);
    }
  }

  private open(checkpoint: number): void {
    let positions = this.positions.get(checkpoint);
    if (positions === undefined) this.positions.set(checkpoint, (positions = new Float64Array(this.regions).fill(NOWHERE)));
    this.latest = checkpoint;
    this.latestPositions = positions;
  }
}
