/** What each service instance did, as rows for people: the same in the terminal and on the page. */
import { countText, durationText, shareText } from "./figureText";
import type { InstanceFigures, RunReport } from "./runReport";

export const INSTANCE_COLUMNS = [
  "Instance",
  "Device",
  "Answered",
  "Batch",
  "p50",
  "p95",
  "p99",
  "Queue",
  "In flight",
  "Refused",
  "Retried",
  "Hedged",
  "Wasted",
  "Busy",
  "Device busy",
  "Memory",
  "Load",
  "Warm-up",
  "First call",
] as const;

/** One row an instance, with a cell for each of {@link INSTANCE_COLUMNS}; hedged calls are known of the service alone. */
export function instanceRows({ services }: RunReport): readonly (readonly string[])[] {
  return services.flatMap(({ hedged, instances }) =>
    instances.map((instance, index) => instanceRow(instance, index === 0 ? hedged : undefined)),
  );
}

function instanceRow(figures: InstanceFigures, hedged: number | undefined): readonly string[] {
  const time = (ms: number | null): string => (ms === null ? "–" : durationText(ms));
  return [
    figures.instance,
    figures.device ?? "–",
    countText(figures.requests),
    batchText(figures.batchSizes),
    time(figures.p50Ms),
    time(figures.p95Ms),
    time(figures.p99Ms),
    countText(figures.maxQueueDepth),
    countText(figures.maxInFlight),
    countText(figures.rejected),
    countText(figures.retriedElsewhere),
    hedged === undefined ? "" : countText(hedged),
    time(figures.wastedMs),
    figures.busyShare === null ? "–" : shareText(figures.busyShare),
    figures.deviceUtilisation === null ? "not told" : shareText(figures.deviceUtilisation),
    figures.peakRssBytes === null ? "–" : `${countText(Math.round(figures.peakRssBytes / 1e6))} MB`,
    time(figures.loadMs),
    time(figures.warmUpMs),
    time(figures.firstCallAfterMs),
  ];
}

/** Mean and largest: `12.3, at most 32`. */
function batchText(sizes: Readonly<Record<number, number>>): string {
  let batches = 0;
  let rows = 0;
  let largest = 0;
  for (const [size, count] of Object.entries(sizes)) {
    batches += count;
    rows += count * Number(size);
    largest = Math.max(largest, Number(size));
  }
  return batches === 0 ? "–" : `${countText(rows / batches)}, at most ${largest}`;
}

/** The batch sizes as a small drawing in text: one column for each power of two, with how many batches had so many rows. */
export function batchHistogramText(sizes: Readonly<Record<number, number>>): string {
  const bins = new Map<number, number>();
  for (const [size, count] of Object.entries(sizes)) {
    const bin = 2 ** Math.floor(Math.log2(Math.max(1, Number(size))));
    bins.set(bin, (bins.get(bin) ?? 0) + count);
  }
  return [...bins]
    .sort(([a], [b]) => a - b)
    .map(([bin, count]) => `${bin === 1 ? "1" : `${bin}–${2 * bin - 1}`}: ${countText(count)}`)
    .join(", ");
}
