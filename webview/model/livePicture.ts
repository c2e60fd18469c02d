/** What the picture shows of a run at one moment: looks and figures, worked out once for each moment and kept. */
import type { CellFigures } from "../graph/subtaskCells";
import { displayName } from "../graph/vertexCard";
import type { Injection } from "../../simulator/observe/runFacts";
import { activeFaults, ends, timeLeft } from "./activeFaults";
import { callFigures, subtaskLoad, vertexFigures, type CallFigures, type VertexFigures } from "./figures";
import { count, duration, plural } from "./numberWords";
import { realSubtask, type Picture } from "./picture";
import { groupTitle, hitWords, regionName, UNTOUCHED_WORDS } from "./regionGroups";
import type { RunModel } from "./runModel";
import { IDLE, latestBefore, lookAt, type SubtaskLook } from "./subtaskLook";
import { shadeOf, type CellColouring, type Shade } from "./subtaskShade";

/** What the picture shows of the run at a moment. */
export interface LivePicture {
  /** There is a run to speak of. */
  readonly live: boolean;
  readonly look: (vertex: string, index: number) => SubtaskLook;
  /** What its cell is coloured by. */
  readonly shade: (vertex: string, index: number) => Shade;
  readonly cell: (vertex: string, index: number) => CellFigures;
  readonly vertex: (vertex: string) => VertexFigures | undefined;
  readonly edgeRate: (edge: string) => number | undefined;
  readonly call: (call: string) => CallFigures | undefined;
  /** Spoken name of a subtask or a vertex. */
  readonly subtaskName: (vertex: string, index: number) => string;
  readonly vertexName: (vertex: string) => string;
  /** Words for a region's frame while something restarts, and whether it is concerned. */
  readonly frame: (group: string) => { readonly words: string; readonly hit: boolean } | undefined;
}

/** @param at moment of the picture, ms since the epoch; @param figures false while looking back at a moment without metrics. */
export function livePicture(
  picture: Picture,
  run: RunModel | undefined,
  at: number,
  colouring: CellColouring = "state",
): LivePicture {
  const looks = new Map<string, SubtaskLook>();
  const figures = new Map<string, VertexFigures | undefined>();
  const look = (vertex: string, index: number): SubtaskLook => {
    if (run === undefined) return IDLE;
    const name = realSubtask(picture, vertex, index);
    let known = looks.get(name);
    if (known === undefined) looks.set(name, (known = lookAt(run.attempts, name, at)));
    return known;
  };
  let targets: ReadonlyMap<string, Injection> | undefined;
  const faultOn = (subtask: string): Injection | undefined => {
    if (run === undefined || run.facts.injections.size === 0) return undefined;
    targets ??= new Map(activeFaults(run.facts, at).flatMap((fault) => ends(fault).map((end) => [end, fault])));
    if (targets.size === 0) return undefined;
    const process = run.attempts.of(subtask)?.process;
    return (
      targets.get(`service:${subtask}`) ??
      targets.get(`task:${subtask}`) ??
      (process === undefined ? undefined : targets.get(process))
    );
  };
  const vertexFigure = (id: string): VertexFigures | undefined => {
    const vertex = picture.vertices.get(id);
    if (run === undefined || vertex === undefined || picture.collapsed.has(id)) return undefined;
    if (!figures.has(id)) figures.set(id, vertexFigures(run, vertex, at));
    return figures.get(id);
  };
  const shade = (vertex: string, index: number): Shade => {
    const { look: seen } = look(vertex, index);
    if (colouring === "state" || run === undefined) return seen;
    return shadeOf(seen, subtaskLoad(run, realSubtask(picture, vertex, index), at));
  };
  return {
    look,
    shade,
    vertex: vertexFigure,
    cell: (vertex, index) => {
      const words = cellFigures(picture, run, look(vertex, index), vertex, index, at);
      const fault = faultOn(`${vertex}#${index}`);
      if (fault === undefined) return { ...words, faulted: false };
      const left = timeLeft(fault, at);
      const first = left === undefined ? fault.fault : `${fault.fault}, ${duration(left)} left`;
      return { first, second: words.second, faulted: true };
    },
    edgeRate: (id) => {
      const edge = picture.edgeById.get(id);
      if (edge?.countedAt === "target") return vertexFigure(edge.edge.target)?.inPerSecond;
      if (edge?.countedAt === "source") return vertexFigure(edge.edge.source)?.outPerSecond;
      return undefined;
    },
    call: (id) => {
      const call = picture.callById.get(id)?.call;
      const caller = call && picture.vertices.get(call.source);
      return run === undefined || call === undefined || caller === undefined || picture.collapsed.has(caller.id)
        ? undefined
        : callFigures(run, caller, call.target, at);
    },
    live: run !== undefined,
    frame: (group) => (run === undefined ? undefined : frameWords(picture, run, group, at)),
    subtaskName: (vertex, index) => subtaskName(picture, look(vertex, index), vertex, index),
    vertexName: (vertex) => vertexName(picture, vertex, look),
  };
}

/** For this long after a recovery its frames still say whether they were concerned. */
const FRAME_REMEMBERED_MS = 6000;

function frameWords(picture: Picture, run: RunModel, id: string, at: number): ReturnType<LivePicture["frame"]> {
  const failover = latestBefore(run.facts.failovers, at, (one) => one.at);
  if (failover === undefined || at - (failover.finishedAt ?? at) > FRAME_REMEMBERED_MS || run.facts.ended !== undefined)
    return undefined;
  const group = picture.regions.groups.find((one) => one.id === id);
  const own = new Set(
    group?.vertices.flatMap((vertex) => picture.collapsed.get(vertex)?.vertices.map((one) => one.id) ?? vertex),
  );
  const hit = failover.tasks.filter((task) => own.has(task.slice(0, task.lastIndexOf("#")))).length;
  if (hit === 0) return { words: UNTOUCHED_WORDS, hit: false };
  const done = failover.finishedAt !== undefined && failover.finishedAt <= at;
  return { words: hitWords(hit, done), hit: true };
}

function cellFigures(
  picture: Picture,
  run: RunModel | undefined,
  look: SubtaskLook,
  vertex: string,
  index: number,
  at: number,
): Omit<CellFigures, "faulted"> {
  if (run === undefined || look.look === "idle") return { first: "", second: "" };
  const name = `${vertex}#${index}`;
  const service = picture.vertices.get(vertex)?.kind === "service";
  const restarts = look.restarts === 0 ? "" : plural(look.restarts, "restart");
  if (service) {
    const instance = run.attempts.of(name);
    const second = [instance?.device, restarts === "" ? "no restart" : restarts].filter(Boolean).join(" · ");
    if (look.look !== "running" && look.look !== "draining") return { first: `attempt ${look.attempt}`, second };
    const metrics = run.instanceMetrics.at(name, at);
    const stale = metrics === undefined || metrics.metrics.attempt < look.attempt;
    return {
      first: stale ? "" : `queue ${metrics.metrics.queueDepth} · ${metrics.metrics.inFlight} in flight`,
      second,
    };
  }
  const metrics = run.taskMetrics.at(name, at);
  if (look.look !== "running" || metrics === undefined) return { first: restarts, second: "" };
  const rate = (Math.max(metrics.metrics.recordsIn, metrics.metrics.recordsOut) * 1000) / metrics.intervalMs;
  return { first: [`${count(rate)}/s`, restarts].filter(Boolean).join(" · "), second: "" };
}

function subtaskName(picture: Picture, look: SubtaskLook, vertex: string, index: number): string {
  const owner = picture.vertices.get(vertex);
  const region = picture.regions.regionOfSubtask.get(`${vertex}#${index}`);
  const kind = owner?.kind === "service" ? "service instance" : "subtask";
  const parts = [`${kind} ${shortName(owner?.name ?? vertex, vertex)} number ${index}`, look.words];
  if (look.restarts > 0) parts.push(`restarted ${look.restarts === 1 ? "once" : `${look.restarts} times`}`);
  if (region !== undefined) parts.push(regionName(region.id));
  return parts.join(", ");
}

function vertexName(picture: Picture, vertex: string, look: (vertex: string, index: number) => SubtaskLook): string {
  const owner = picture.vertices.get(vertex);
  if (owner === undefined) return vertex;
  const group = picture.regions.groupOfVertex.get(vertex);
  const looks = new Map<string, number>();
  for (let index = 0; index < owner.parallelism; index++) {
    const { words } = look(vertex, index);
    looks.set(words, (looks.get(words) ?? 0) + 1);
  }
  const parts = [
    owner.kind === "service" ? `Service ${shortName(owner.name, vertex)}` : shortName(owner.name, vertex),
    owner.kind === "service" ? plural(Math.max(0, owner.parallelism), "instance") : `parallelism ${owner.parallelism}`,
    owner.kind === "service" ? "each instance its own region" : group === undefined ? "" : groupTitle(group).name,
    [...looks].map(([words, number]) => `${number} ${words}`).join(", "),
  ];
  const targets = picture.out.get(vertex) ?? [];
  const words = (ids: readonly string[]): string =>
    ids
      .slice(0, 4)
      .map((id) => shortName(picture.vertices.get(id)?.name ?? id, id))
      .join(", ");
  const fed = targets.filter((id) => picture.vertices.get(id)?.kind === "stream");
  const called = targets.filter((id) => picture.vertices.get(id)?.kind === "service");
  if (fed.length > 0) parts.push(`feeds ${words(fed)}`);
  if (called.length > 0) parts.push(`calls ${words(called)}`);
  return parts.filter(Boolean).join("; ");
}

export function shortName(name: string, id: string): string {
  const clean = displayName(name, id);
  return clean.length > 80 ? `${clean.slice(0, 60)}…${clean.slice(-16)}` : clean;
}

/** `0.4 s ago`, `just now`. */
export function ago(ms: number): string {
  return ms < 100 ? "just now" : `${duration(Math.max(0, ms))} ago`;
}
