/**
 * How busy each vertex of the data plane was over the whole run, from what its subtasks told: busy, back-pressured and idle shares as Flink
 * reports them (together about 1), records and bytes, buffers, and the watermark.
 */
import type { JournalEventOf } from "./journalEvent";
import { rounded } from "./rounding";

/** Over all subtasks and attempts of the vertex. */
export interface VertexFigures {
  readonly vertex: string;
  /** As people know it: a real Flink's vertices have numbers for ids. */
  readonly name: string;
  /** Shares of the time that its subtasks were observed, 0 to 1; `null` when they were not. */
  readonly busyShare: number | null;
  readonly backPressuredShare: number | null;
  readonly idleShare: number | null;
  /** The same of its busiest subtask: one that is far above the mean has most of the work. */
  readonly maxBusyShare: number | null;
  readonly recordsIn: number;
  readonly recordsOut: number;
  /** Over the network and between tasks of one process; nothing inside a chain. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** A second of the time that it was observed, all subtasks together. */
  readonly recordsInPerSecond: number | null;
  readonly bytesOutPerSecond: number | null;
  /** Most at once in one subtask. */
  readonly maxBuffersInUse: number;
  /** Milliseconds since the epoch: the last one told, of the subtask that was furthest behind; `null` without event time. */
  readonly watermarkMs: number | null;
}

interface SubtaskLoad {
  observedMs: number;
  busyMs: number;
  backPressuredMs: number;
  idleMs: number;
  watermarkMs: number | undefined;
}

interface VertexLoad {
  readonly subtasks: Map<string, SubtaskLoad>;
  recordsIn: number;
  recordsOut: number;
  bytesIn: number;
  bytesOut: number;
  maxBuffersInUse: number;
}

export class VertexLoads {
  readonly #vertices = new Map<string, VertexLoad>();
  /** By the names of subtasks, so that none is taken apart for each of its metrics. */
  readonly #places = new Map<string, { readonly vertex: VertexLoad; readonly subtask: SubtaskLoad }>();

  add({ intervalMs, tasks }: JournalEventOf<"metrics">): void {
    for (const task in tasks) {
      const metrics = tasks[task];
      const { vertex, subtask } = this.#place(task);
      // The last metrics of a task come without an interval of their own.
      subtask.observedMs += intervalMs > 0 ? intervalMs : metrics.busyMs + metrics.backPressuredMs + metrics.idleMs;
      subtask.busyMs += metrics.busyMs;
      subtask.backPressuredMs += metrics.backPressuredMs;
      subtask.idleMs += metrics.idleMs;
      subtask.watermarkMs = metrics.watermarkMs ?? subtask.watermarkMs;
      vertex.recordsIn += metrics.recordsIn;
      vertex.recordsOut += metrics.recordsOut;
      vertex.bytesIn += metrics.bytesIn;
      vertex.bytesOut += metrics.bytesOut;
      vertex.maxBuffersInUse = Math.max(vertex.maxBuffersInUse, metrics.buffersInUse);
    }
  }

  /** @param order vertices as the graph has them; those that told nothing are left out */
  result(order: readonly { readonly id: string; readonly name: string }[]): readonly VertexFigures[] {
    return order.flatMap(({ id, name }) => {
      const load = this.#vertices.get(id);
      return load === undefined ? [] : [figures(id, name, load)];
    });
  }

  #place(task: string): { readonly vertex: VertexLoad; readonly subtask: SubtaskLoad } {
    let place = this.#places.get(task);
    if (place === undefined) {
      const vertex = this.#vertex(task.slice(0, task.lastIndexOf("#")));
      const subtask = { observedMs: 0, busyMs: 0, backPressuredMs: 0, idleMs: 0, watermarkMs: undefined };
      vertex.subtasks.set(task, subtask);
      this.#places.set(task, (place = { vertex, subtask }));
    }
    return place;
  }

  #vertex(id: string): VertexLoad {
    let load = this.#vertices.get(id);
    if (load === undefined) {
      load = { subtasks: new Map(), recordsIn: 0, recordsOut: 0, bytesIn: 0, bytesOut: 0, maxBuffersInUse: 0 };
      this.#vertices.set(id, load);
    }
    return load;
  }
}

function figures(vertex: string, name: string, load: VertexLoad): VertexFigures {
  const subtasks = [...load.subtasks.values()];
  const sum = (field: "observedMs" | "busyMs" | "backPressuredMs" | "idleMs"): number =>
    subtasks.reduce((total, subtask) => total + subtask[field], 0);
  // Shares of what was told: the three add up to the time that a task's loop accounts for.
  const told = sum("busyMs") + sum("backPressuredMs") + sum("idleMs");
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : rounded(part / whole));
  const seconds = Math.max(0, ...subtasks.map(({ observedMs }) => observedMs)) / 1000;
  const watermarks = subtasks.flatMap(({ watermarkMs }) => (watermarkMs === undefined ? [] : [watermarkMs]));
  return {
    vertex,
    name,
    busyShare: share(sum("busyMs"), told),
    backPressuredShare: share(sum("backPressuredMs"), told),
    idleShare: share(sum("idleMs"), told),
    maxBusyShare: subtasks.reduce<number | null>((most, one) => {
      const busy = share(one.busyMs, one.busyMs + one.backPressuredMs + one.idleMs);
      return busy === null ? most : Math.max(most ?? 0, busy);
    }, null),
    recordsIn: load.recordsIn,
    recordsOut: load.recordsOut,
    bytesIn: load.bytesIn,
    bytesOut: load.bytesOut,
    recordsInPerSecond: seconds === 0 ? null : rounded(load.recordsIn / seconds),
    bytesOutPerSecond: seconds === 0 ? null : rounded(load.bytesOut / seconds),
    maxBuffersInUse: load.maxBuffersInUse,
    watermarkMs: watermarks.length === 0 ? null : Math.min(...watermarks),
  };
}
