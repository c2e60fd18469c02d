/**
 * What a sink should have received, as far as the job's shape tells: records come one for one, or as counts of a window, or it cannot be
 * told. Pure.
 */
import type { EdgeSpec, JobSpec, OperatorSpec, WindowSpec } from "../graph/jobFile";

export type SinkSpecOperator = Extract<OperatorSpec, { kind: "sink" }>;
export type SourceSpecOperator = Extract<OperatorSpec, { kind: "source" }>;

export type SinkLineage =
  | {
      /** Each record arrives; or counts of a window arrive, whose sum is the records. */
      readonly kind: "records" | "window-counts";
      /** How often each record of a source counts at the sink. */
      readonly sources: ReadonlyMap<SourceSpecOperator, number>;
      /** Records that async and rpc operators on the way may have in flight, at most; a checkpoint holds them in its state. */
      readonly inFlight: number;
    }
  | { readonly kind: "none"; readonly why: string };

interface Upstream {
  readonly sources: Map<SourceSpecOperator, number>;
  /** A counting window lies on every path, or on none. */
  readonly counted: boolean;
  readonly inFlight: number;
}

/** The shape of everything upstream of a sink. The job has no cycles. */
export function sinkLineage(job: JobSpec, sink: SinkSpecOperator): SinkLineage {
  const { connector } = sink.sink;
  if (connector.kind !== "file") return { kind: "none", why: `a ${connector.kind} sink keeps nothing to count` };
  const byId = new Map(job.operators.map((operator) => [operator.id, operator]));
  const incoming = new Map<string, EdgeSpec[]>();
  for (const edge of job.edges) incoming.set(edge.to, [...(incoming.get(edge.to) ?? []), edge]);
  const known = new Map<string, Upstream | string>();

  const intoOperator = (id: string): Upstream | string => {
    let merged: Upstream | undefined;
    const target = byId.get(id);
    for (const edge of incoming.get(id) ?? []) {
      if (edge.sideOutput !== undefined)
        return `side output "${edge.sideOutput}" carries a part of the records that is not known`;
      const upstream = outOfOperator(edge.from);
      if (typeof upstream === "string") return upstream;
      const times = edge.ship === "BROADCAST" ? (target?.parallelism ?? 1) : 1;
      if (merged !== undefined && merged.counted !== upstream.counted)
        return "windowed and plain records come together";
      const inFlight = (merged?.inFlight ?? 0) + upstream.inFlight * times;
      merged = {
        sources: merged?.sources ?? new Map<SourceSpecOperator, number>(),
        counted: upstream.counted,
        inFlight,
      };
      for (const [source, count] of upstream.sources)
        merged.sources.set(source, (merged.sources.get(source) ?? 0) + count * times);
    }
    return merged ?? "no source leads to it";
  };

  const outOfOperator = (id: string): Upstream | string => {
    let result = known.get(id);
    if (result === undefined) known.set(id, (result = compute(id)));
    return result;
  };

  const compute = (id: string): Upstream | string => {
    const operator = byId.get(id);
    switch (operator?.kind) {
      case "source":
        return { sources: new Map([[operator, 1]]), counted: false, inFlight: 0 };
      case "map":
      case "union":
        return intoOperator(id);
      case "async":
      case "rpc": {
        const upstream = intoOperator(id);
        if (typeof upstream === "string") return upstream;
        if (operator.kind === "rpc" && operator.rpc.deadlineField !== undefined)
          return `"${id}" puts out only records whose deadline has not passed`;
        const capacity = operator.kind === "rpc" ? operator.rpc.capacity : operator.capacity;
        return { ...upstream, inFlight: upstream.inFlight + capacity * operator.parallelism };
      }
      case "window": {
        if (operator.aggregate !== "count") return `what "${id}" makes of a window is not known`;
        const times = windowsOfRecord(operator.window);
        if (typeof times === "string") return times;
        const upstream = intoOperator(id);
        if (typeof upstream === "string") return upstream;
        if (upstream.counted) return "two windows lie one behind the other";
        const sources = new Map([...upstream.sources].map(([source, count]) => [source, count * times]));
        return { sources, counted: true, inFlight: upstream.inFlight };
      }
      default:
        return `how many records "${id}" (${operator?.kind ?? "unknown"}) gives for each that it takes is not known`;
    }
  };

  const upstream = intoOperator(sink.id);
  if (typeof upstream === "string") return { kind: "none", why: upstream };
  const { counted, sources, inFlight } = upstream;
  return { kind: counted ? "window-counts" : "records", sources, inFlight };
}

/** In how many windows a record is counted, when the end of the data closes them all. */
function windowsOfRecord(window: WindowSpec): number | string {
  switch (window.kind) {
    case "tumbling":
    case "session":
      return 1;
    case "sliding":
      return window.sizeMs % window.slideMs === 0
        ? window.sizeMs / window.slideMs
        : "records lie in different numbers of sliding windows, as the size is no multiple of the slide";
    case "count":
      return "records in a count window that did not fill up are not counted";
  }
}
