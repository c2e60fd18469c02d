/** How busy each vertex was, as rows for people: the same in the terminal and on the page. */
import { countText, shareText } from "./figureText";
import type { RunReport } from "./runReport";

export const VERTEX_COLUMNS = [
  "Vertex",
  "Busy",
  "Back-pressured",
  "Idle",
  "Busiest subtask",
  "Records in",
  "Records out",
  "MB out",
  "MB/s",
  "Buffers",
  "Watermark",
] as const;

/** One row a vertex, with a cell for each of {@link VERTEX_COLUMNS}. */
export function vertexRows({ run, vertices }: RunReport): readonly (readonly string[])[] {
  const share = (value: number | null): string => (value === null ? "–" : shareText(value));
  return vertices.map((figures) => [
    run.engine === "flink" ? figures.name : figures.vertex,
    share(figures.busyShare),
    share(figures.backPressuredShare),
    share(figures.idleShare),
    share(figures.maxBusyShare),
    countText(figures.recordsIn),
    countText(figures.recordsOut),
    countText(figures.bytesOut / 1e6),
    figures.bytesOutPerSecond === null ? "–" : countText(figures.bytesOutPerSecond / 1e6),
    countText(figures.maxBuffersInUse),
    figures.watermarkMs === null ? "–" : watermarkText(figures.watermarkMs),
  ]);
}

/** Event times are often small numbers of their own making, and dates only where they can be one. */
function watermarkText(ms: number): string {
  return ms >= 1e11 && ms < 8.64e15
    ? new Date(ms).toISOString().replace("T", " ").replace("Z", "")
    : `${countText(ms)} ms`;
}
