/** What is marked on the timeline beside the lanes: recoveries as stretches of time, injected faults as flags, checkpoints as diamonds. */
import { select, type ScaleLinear } from "d3";
import type { Injection } from "../../simulator/observe/runFacts";
import type { SvgGroup } from "../graph/svgElements";
import type { RunModel } from "../model/runModel";
import { pixelsOf } from "./timelinePixels";

export interface MarkArea {
  readonly run: RunModel;
  /** End of the run so far, ms since the epoch. */
  readonly now: number;
  /** Milliseconds from the run's start to pixels. */
  readonly scale: ScaleLinear<number, number>;
  readonly top: number;
  readonly bottom: number;
}

interface Span {
  readonly from: number;
  to: number;
}

/** A recovery that began this many failovers before the window may still reach into it. */
const REACHING_IN = 64;
/** More checkpoints than this in sight are thinned out. */
const MOST_CHECKPOINTS = 200;

/** From a failure until everything ran again; what touches on the screen is one stretch. */
export function drawSpans(layer: SvgGroup, { run, now, scale, top, bottom }: MarkArea): void {
  const start = run.facts.startAt;
  const [from, to] = scale.domain();
  const [left, right] = scale.range();
  const { failovers } = run.facts;
  const pixel = pixelsOf(scale);
  const x = (at: number): number => within(pixel(at - start), left, right);
  const spans: Span[] = [];
  let last: Span | undefined;
  for (let i = Math.max(0, firstFrom(failovers, from + start) - REACHING_IN); i < failovers.length; i++) {
    const failover = failovers[i];
    if (failover.at - start > to) break;
    const finished = x(failover.finishedAt ?? now);
    // A failure comes before its failover, and need not be looked for when that touches already.
    const failed =
      last !== undefined && x(failover.at) - last.to < 1 ? last.to : x(run.failureOf(failover)?.at ?? failover.at);
    if (last !== undefined && failed - last.to < 1) last.to = Math.max(last.to, finished);
    else if (finished > left) spans.push((last = { from: failed, to: finished }));
  }
  layer
    .selectAll<SVGRectElement, Span>("rect")
    .data(spans)
    .join("rect")
    .attr("y", top)
    .attr("height", Math.max(0, bottom - top))
    .attr("x", (span) => span.from)
    .attr("width", (span) => Math.max(0.5, span.to - span.from));
}

/** @returns where flags with their words lie, pixels */
export function drawFaults(layer: SvgGroup, { run, scale, top, bottom }: MarkArea): readonly Readonly<Span>[] {
  const start = run.facts.startAt;
  const [from, to] = scale.domain();
  const right = scale.range()[1];
  const x = (injection: Injection): number => scale(injection.at - start);
  const inSight = [...run.facts.injections.values()].filter((one) => one.at - start >= from && one.at - start <= to);
  // Of flags that would cover each other only the first is drawn; a closer look shows them all.
  const faults: Injection[] = [];
  for (const one of inSight) {
    const last = faults.at(-1);
    if (last === undefined || inSight.length < 20 || x(one) - x(last) > 12) faults.push(one);
  }
  const flags = layer
    .selectAll<SVGGElement, Injection>("g.fault")
    .data(faults, (one) => one.injection)
    .join((enter) => {
      const group = enter.append("g").attr("class", "fault");
      group.append("line").attr("y1", 4);
      group
        .append("rect")
        .attr("y", 1)
        .attr("height", top - 5);
      group.append("path").attr("d", "M0 2L9 7.5 0 13Z");
      group.append("text").attr("y", 12);
      return group;
    });
  flags.attr("transform", (one) => `translate(${x(one)},0)`);
  flags.select("line").attr("y2", bottom);
  const taken: Span[] = [];
  flags.each(function (one) {
    const next = faults[faults.indexOf(one) + 1];
    const words = next !== undefined && x(next) - x(one) < 90 ? "" : faultWords(one);
    const room = words.length * 7;
    // Near the right border the words stand before the flag.
    const before = x(one) > right - 150;
    const flag = select(this);
    flag
      .select("text")
      .attr("x", before ? -4 : 12)
      .attr("text-anchor", before ? "end" : "start")
      .text(words);
    const width = words === "" ? 0 : room + 22;
    const left = before ? -room - 8 : 0;
    flag.select("rect").attr("width", width).attr("x", left);
    taken.push({ from: x(one) + left, to: x(one) + left + width });
  });
  return taken;
}

export function drawCheckpoints(layer: SvgGroup, { run, scale }: MarkArea, y: number): void {
  const start = run.facts.startAt;
  const [from, to] = scale.domain();
  const all = run.facts.checkpoints;
  const inSight: (typeof all)[number][] = [];
  for (let i = firstFrom(all, from + start); i < all.length && all[i].at - start <= to; i++) inSight.push(all[i]);
  const every = Math.ceil(inSight.length / MOST_CHECKPOINTS);
  const shown = every > 1 ? inSight.filter((one, i) => !one.ok || i % every === 0) : inSight;
  layer
    .selectAll<SVGPathElement, (typeof shown)[number]>("path.checkpoint")
    .data(shown, (one) => `${one.checkpoint} ${one.ok}`)
    .join((enter) => {
      const path = enter.append("path");
      path.append("title").text((one) => `Checkpoint ${one.checkpoint} ${one.ok ? "completed" : "failed"}`);
      return path;
    })
    .attr("class", (one) => `checkpoint ${one.ok ? "ok" : "bad"}`)
    .attr("transform", (one) => `translate(${scale(one.at - start)},${y})`)
    .attr("d", (one) => (one.ok ? "M0-3.5L3.5 0 0 3.5-3.5 0Z" : "M-3-3L3 3M-3 3L3-3"));
}

function faultWords(injection: Injection): string {
  return `${injection.fault} ${injection.target.replace(/^service:/, "")}`.slice(0, 60);
}

/** The first entry not before a moment; entries are in the order of time. */
function firstFrom(list: readonly { readonly at: number }[], at: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].at >= at) high = middle;
    else low = middle + 1;
  }
  return low;
}

function within(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
