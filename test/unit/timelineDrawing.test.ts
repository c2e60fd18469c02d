import assert from "node:assert/strict";
import { scaleLinear } from "d3";
import type { ExecutionState } from "../../simulator/graph/executionState";
import type { InstancePhase } from "../../simulator/observe/journalEvent";
import { nextRandom } from "../../simulator/core/seededRandom";
import { AttemptHistory, conditionOf } from "../../webview/model/attemptHistory";
import { LaneHistory, type LaneBar, type LaneBars } from "../../webview/model/laneHistory";
import { lookOf } from "../../webview/model/subtaskLook";
import { barsInSight } from "../../webview/timeline/timelineLanes";
import { pixelsOf } from "../../webview/timeline/timelinePixels";

function randomOf(seed: number): () => number {
  const random = { seed };
  return () => nextRandom(random);
}

const STATES: readonly ExecutionState[] = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING", "FAILED"];
const PHASES: readonly InstancePhase[] = ["STARTING", "LOADING", "WARMING", "READY", "SERVING", "DRAINING"];

/** Three subtasks of a service that change all the time, some of it late. */
function changes(count: number, seed: number): { attempts: AttemptHistory; lanes: LaneHistory; end: number } {
  const random = randomOf(seed);
  const attempts = new AttemptHistory();
  const lanes = new LaneHistory(attempts);
  let at = 1000;
  for (let i = 0; i < count; i++) {
    at += random() * random() * 400;
    const task = `model#${Math.floor(random() * 3)}`;
    const attempt = 1 + Math.floor(i / 40) - (random() < 0.1 ? 1 : 0);
    const frame = { seq: i, at, attempt };
    const state = STATES[Math.floor(random() * STATES.length)];
    const phase = PHASES[Math.floor(random() * PHASES.length)];
    if (random() < 0.6)
      attempts.taskState({ ...frame, kind: "task.state", task, vertexKind: "service", from: "CREATED", to: state });
    else attempts.instancePhase({ ...frame, kind: "instance.phase", instance: task, phase });
    lanes.changed(task, at);
    const history = attempts.of(task);
    const current = history?.attemptAt(at);
    const code = history?.conditionAt(at) ?? -1;
    assert.equal(code < 0, current === undefined);
    if (current === undefined) continue;
    const { state: told, again, phase: reached } = conditionOf(code);
    assert.equal(told, current.state);
    assert.equal(again, current.index > 0);
    assert.equal(reached, history?.phaseAt(current.attempt, at)?.phase);
    const lane = lanes.of(task);
    const { look, words } = lookOf(told, again, reached);
    assert.ok(lane !== undefined);
    const bar = lane.bar(lane.length - 1);
    assert.deepEqual([bar.look, bar.words, bar.count], [look, words, 1], `the instance's own lane at ${at}`);
  }
  return { attempts, lanes, end: at };
}

/** In the plainest way: each pixel and a half takes the worst of the bars that end in it. */
function joined(bars: LaneBars, from: number, to: number, now: number, x: (at: number) => number): LaneBar[] {
  const all = Array.from({ length: bars.length }, (_, i) => ({ ...bars.bar(i), badness: bars.badness(i) }));
  const shown: LaneBar[] = [];
  let open: (typeof all)[number][] = [];
  const close = (): void => {
    if (open.length === 0) return;
    const worst = open.reduce((bad, one) => (one.badness > bad.badness ? one : bad));
    const { look, words, count } = worst;
    shown.push({ from: open[0].from, to: open[open.length - 1].to, look, words, count });
    open = [];
  };
  for (const bar of all.slice(bars.firstAfter(from))) {
    if (bar.from > to) break;
    if (open.length > 0 && x(Math.min(now, bar.to ?? Infinity)) - x(open[0].from) >= 1.5) close();
    open.push(bar);
  }
  close();
  return shown;
}

describe("what a drawing of the timeline is made from", () => {
  it("lays moments where the scale does, to the last digit", () => {
    const random = randomOf(4);
    for (let i = 0; i < 200; i++) {
      const from = random() * 1e6;
      const scale = scaleLinear([from, from + random() * 1e7], [150, 150 + random() * 2000]);
      const pixel = pixelsOf(scale);
      for (let k = 0; k < 50; k++) {
        const moment = random() * 2e7;
        assert.equal(pixel(moment), scale(moment));
      }
    }
    const point = scaleLinear([5, 5], [150, 900]);
    assert.equal(pixelsOf(point)(7), point(7));
  });

  for (const seed of [1, 2, 3]) {
    it(`joins bars that share a pixel, whatever is in sight, seed ${seed}`, () => {
      const { lanes, end } = changes(4000, seed);
      const bars = lanes.of("model");
      assert.ok(bars !== undefined && bars.length > 1000);
      for (const [from, to] of [
        [0, end],
        [end * 0.3, end * 0.6],
        [end * 0.5, end * 0.5 + 3000],
        [end - 100, end + 50],
      ]) {
        const x = pixelsOf(scaleLinear([from, to], [150, 900]));
        const shown = barsInSight(bars, from, to, end + 20, x);
        assert.ok(shown.length > 0);
        assert.deepEqual(shown, joined(bars, from, to, end + 20, x));
      }
    });
  }
});
