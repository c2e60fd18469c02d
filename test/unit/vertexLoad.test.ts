/** How busy each vertex was, from the metrics of its subtasks. */
import assert from "node:assert/strict";
import type { JournalEventOf, TaskMetrics } from "../../simulator/observe/journalEvent";
import { VertexLoads } from "../../simulator/observe/vertexLoad";

const metrics = (intervalMs: number, tasks: Record<string, Partial<TaskMetrics>>): JournalEventOf<"metrics"> => ({
  kind: "metrics",
  seq: 0,
  at: 0,
  intervalMs,
  process: "taskmanager:0",
  rssBytes: 0,
  tasks: Object.fromEntries(
    Object.entries(tasks).map(([task, some]) => [
      task,
      {
        attempt: 0,
        recordsIn: 0,
        recordsOut: 0,
        bytesIn: 0,
        bytesOut: 0,
        busyMs: 0,
        backPressuredMs: 0,
        idleMs: 0,
        buffersInUse: 0,
        ...some,
      },
    ]),
  ),
});

describe("load of the vertices", () => {
  it("adds up subtasks and attempts; shares are of the time told, and the busiest subtask stands out", () => {
    const loads = new VertexLoads();
    loads.add(
      metrics(1000, {
        "a#0": { busyMs: 900, idleMs: 100, recordsIn: 10, bytesOut: 500, buffersInUse: 3 },
        "a#1": { idleMs: 1000 },
      }),
    );
    loads.add(
      metrics(1000, {
        "a#0": { busyMs: 900, backPressuredMs: 100, recordsIn: 30, bytesOut: 1500, watermarkMs: 7 },
        "a#1": { idleMs: 1000, watermarkMs: 5 },
      }),
    );
    // The last metrics of a task, with no interval of their own.
    loads.add(metrics(0, { "a#0": { attempt: 1, busyMs: 0, recordsIn: 2 } }));
    assert.deepEqual(
      loads.result([
        { id: "gone", name: "gone" },
        { id: "a", name: "A" },
      ]),
      [
        {
          vertex: "a",
          name: "A",
          busyShare: 0.45,
          backPressuredShare: 0.025,
          idleShare: 0.525,
          maxBusyShare: 0.9,
          recordsIn: 42,
          recordsOut: 0,
          bytesIn: 0,
          bytesOut: 2000,
          recordsInPerSecond: 21,
          bytesOutPerSecond: 1000,
          maxBuffersInUse: 3,
          watermarkMs: 5,
        },
      ],
    );
  });

  it("says nothing of what was never observed", () => {
    assert.deepEqual(new VertexLoads().result([{ id: "a", name: "A" }]), []);
  });
});
