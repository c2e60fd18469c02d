import assert from "node:assert/strict";
import { AttemptObjects } from "../../simulator/observe/attemptLog";
import type { ExecutionState } from "../../simulator/graph/executionState";
import type { InstancePhase, JournalEvent } from "../../simulator/observe/journalEvent";
import { RunFacts } from "../../simulator/observe/runFacts";
import { nextRandom } from "../../simulator/core/seededRandom";
import { AttemptHistory } from "../../webview/model/attemptHistory";
import { LaneHistory, type LaneBar } from "../../webview/model/laneHistory";
import { lookAt, type Look } from "../../webview/model/subtaskLook";

const TASKS = ["map#0", "map#1", "map#2"];
const SERVICE = "model#0";

/** Tasks that start, fail and start again, with late words of attempts that are over, and an instance that loads each time. */
function journal(count: number, seed: number): JournalEvent[] {
  const random = randomOf(seed);
  const events: JournalEvent[] = [];
  const attempts = new Map<string, number>();
  let at = 1000;
  const add = (body: object): void =>
    void events.push({ seq: events.length, at: Math.round(at * 1000) / 1000, ...body } as JournalEvent);
  const state = (task: string, attempt: number, to: ExecutionState): void => {
    const vertexKind = task === SERVICE ? "service" : "stream";
    const cause = to === "FAILED" ? { code: "FL2005", message: `of attempt ${attempt}` } : undefined;
    const process = to === "DEPLOYING" ? `taskmanager:${attempt % 3}` : undefined;
    add({
      kind: "task.state",
      task,
      vertexKind,
      attempt,
      from: "CREATED",
      to,
      ...(cause && { cause }),
      ...(process && { process }),
    });
  };
  while (events.length < count) {
    const task = [...TASKS, SERVICE][Math.floor(random() * 4)] ?? SERVICE;
    const attempt = attempts.get(task) ?? 0;
    attempts.set(task, attempt + 1);
    for (const to of ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING"] as const) {
      at += 1 + random() * 20;
      state(task, attempt, to);
      if (task === SERVICE && to === "INITIALIZING") {
        for (const phase of ["STARTING", "LOADING", "WARMING", "READY"] satisfies InstancePhase[]) {
          at += 1 + random() * 20;
          add({ kind: "instance.phase", instance: task, attempt, phase, pid: 100 + attempt, device: "cpu" });
        }
      }
    }
    if (random() < 0.3) add({ kind: "task.restored", task, attempt, checkpoint: 1, bytes: 1 });
    at += random() * 900;
    state(task, attempt, random() < 0.5 ? "FAILED" : "CANCELING");
    if (random() < 0.2) {
      at += 1;
      state(task, attempt + 1, "CREATED");
      attempts.set(task, attempt + 2);
      at += 1;
      state(task, attempt, "CANCELED");
    }
  }
  return events;
}

function randomOf(seed: number): () => number {
  const random = { seed };
  return () => nextRandom(random);
}

describe("what the view keeps of a run", () => {
  for (const seed of [1, 2, 3]) {
    it(`packs attempts without losing any of what a report reads, seed ${seed}`, () => {
      const events = journal(3000, seed);
      const plain = new RunFacts(new AttemptObjects());
      const packed = new RunFacts(new AttemptHistory());
      for (const event of events) {
        plain.add(event);
        packed.add(event);
      }
      assert.ok(plain.tasks.size === 4 && (plain.tasks.get("map#1")?.length ?? 0) > 20);
      assert.deepEqual(packed.tasks, plain.tasks);
      assert.deepEqual(packed.instances, plain.instances);
    });

    it(`shows in a lane the worst look of its subtasks at every moment, seed ${seed}`, () => {
      const { attempts, lanes, last } = folded(journal(3000, seed));
      const order: readonly Look[] = [
        "failing",
        "restarting",
        "starting",
        "waiting",
        "stopping",
        "stopped",
        "draining",
        "running",
        "finished",
      ];
      const bars = lanes.of("map");
      assert.ok(bars !== undefined && bars.length > 100);
      for (let moment = 1000; moment < last; moment += last / 5000) {
        const looks = TASKS.map((task) => lookAt(attempts, task, moment, 0)).filter(({ look }) => look !== "idle");
        if (looks.length === 0) continue;
        const worst = order.find((look) => looks.some((one) => one.look === look));
        const bar: LaneBar = bars.bar(bars.firstAfter(moment));
        assert.ok(bar.from <= moment && moment <= (bar.to ?? Infinity), `a bar at ${moment}`);
        assert.equal(bar.look, worst, `at ${moment}`);
        assert.equal(bar.count, looks.filter(({ look, words }) => look === bar.look && words === bar.words).length);
      }
    });
  }

  it("says of every moment what the attempts say as objects", () => {
    const events = journal(2000, 7);
    const { attempts, last } = folded(events);
    for (let moment = 990; moment < last; moment += last / 4000) {
      const all = attempts.tasks.get(SERVICE) ?? [];
      const current = all.filter(({ startedAt }) => startedAt <= moment).at(-1);
      const look = lookAt(attempts, SERVICE, moment, 0);
      const state = current?.states.filter(({ at }) => at <= moment).at(-1)?.state;
      assert.equal(look.state, state, `at ${moment}`);
      if (current === undefined) continue;
      assert.equal(look.attempt, current.attempt);
      assert.equal(look.restarts, all.indexOf(current));
      const phases = attempts.instances.get(SERVICE)?.find((one) => one.attempt === current.attempt)?.phases ?? [];
      if (state !== "FAILED") assert.equal(look.phase, phases.filter(({ at }) => at <= moment).at(-1)?.phase);
    }
  });

  it("takes few bytes for a change of state, and lets the oldest go above its limit", () => {
    const limit = 20_000;
    const attempts = new AttemptHistory(limit);
    const lanes = new LaneHistory(attempts);
    const events = journal(120_000, 5);
    let most = 0;
    for (const event of events) {
      if (event.kind === "task.state") {
        attempts.taskState(event);
        lanes.changed(event.task, event.at);
      } else if (event.kind === "instance.phase") attempts.instancePhase(event);
      most = Math.max(
        most,
        [...attempts.names()].reduce((sum, name) => sum + (attempts.of(name)?.steps ?? 0), 0),
      );
    }
    assert.ok(most <= limit + 1, `${most} steps were kept`);
    const last = events[events.length - 1]?.at ?? 0;
    assert.ok(attempts.keptFrom > 1000 && attempts.keptFrom < last);
    // What is still kept is as right as before, and attempts are counted from the first on.
    const whole = folded(events).attempts;
    for (const name of [...TASKS, SERVICE]) {
      for (const moment of [attempts.keptFrom + 1, (attempts.keptFrom + last) / 2, last])
        assert.deepEqual(lookAt(attempts, name, moment).state, lookAt(whole, name, moment).state);
      assert.equal(lookAt(attempts, name, last).restarts, lookAt(whole, name, last).restarts);
    }
  });
});

function folded(events: readonly JournalEvent[]): { attempts: AttemptHistory; lanes: LaneHistory; last: number } {
  const attempts = new AttemptHistory();
  const lanes = new LaneHistory(attempts);
  for (const event of events) {
    if (event.kind === "task.state") {
      attempts.taskState(event);
      lanes.changed(event.task, event.at);
    } else if (event.kind === "instance.phase") {
      attempts.instancePhase(event);
      lanes.changed(event.instance, event.at);
    } else if (event.kind === "task.restored") attempts.taskRestored(event);
  }
  return { attempts, lanes, last: events[events.length - 1]?.at ?? 0 };
}
