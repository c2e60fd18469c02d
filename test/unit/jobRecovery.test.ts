/** What a coordinator that takes over reads from the journal about faults whose effect its predecessor did not live to tell. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failedWithoutCheckpoint, recoverRun } from "../../simulator/cluster/jobRecovery";
import type { JournalEvent, JournalEventBody } from "../../simulator/observe/journalEvent";

/** Above what Linux gives out. */
const NOBODY = 4_194_305;

describe("recovery of a run", () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "faultline-recovery-"))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("tells of an injected crash whose process is gone", async () => {
    const { openInjections, nextInjection } = await recoverRun(
      directory,
      journal([
        { kind: "process.started", process: "taskmanager:0", pid: NOBODY },
        {
          kind: "fault.injected",
          injection: 1,
          fault: "crash",
          target: "taskmanager:0",
          parameters: {},
          by: "command",
        },
        { kind: "fault.injected", injection: 2, fault: "hang", target: "taskmanager:0", parameters: {}, by: "command" },
        { kind: "fault.injected", injection: 3, fault: "crash", target: "coordinator", parameters: {}, by: "command" },
      ]),
    );
    assert.equal(nextInjection, 4);
    assert.deepEqual(
      openInjections.map(({ injection, evidence }) => [injection, evidence]),
      [
        [1, `taskmanager:0 (process ${NOBODY}) was gone when a new coordinator took over`],
        [2, undefined],
        [3, "a new coordinator had to take over"],
      ],
    );
  });

  it("tells of an injected hang whose process is stopped", async function () {
    if (process.platform !== "linux") this.skip();
    const child = spawn(
      process.execPath,
      [
        "-e",
        "process.stdout.write('up'); setInterval(() => {}, 1000)",
        "/x/taskManager.js",
        directory,
        "taskmanager:0",
      ],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    try {
      await once(child.stdout, "data");
      const pid = child.pid ?? 0;
      process.kill(pid, "SIGSTOP");
      const events: JournalEventBody[] = [
        { kind: "process.started", process: "taskmanager:0", pid },
        { kind: "fault.injected", injection: 1, fault: "hang", target: "taskmanager:0", parameters: {}, by: "command" },
      ];
      let recovered = await recoverRun(directory, journal(events));
      // The signal takes a moment.
      for (let tries = 0; tries < 200 && recovered.openInjections[0]?.evidence === undefined; tries++)
        recovered = await recoverRun(directory, journal(events));
      assert.equal(
        recovered.openInjections[0]?.evidence,
        `taskmanager:0 (process ${pid}) was stopped (state T) when a new coordinator took over`,
      );
      assert.deepEqual(recovered.predecessors, [{ name: "taskmanager:0", pid }]);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("knows that a run was over, and why a job was failing", async () => {
    const cause = { code: "FL2003", message: "It threw." } as const;
    const recovered = await recoverRun(
      directory,
      journal([
        { kind: "job.state", from: "RUNNING", to: "FAILING", cause },
        { kind: "run.ended", state: "FAILED", cause },
      ]),
    );
    assert.equal(recovered.ended, "FAILED");
    assert.deepEqual(recovered.job.failure, cause);
  });

  it("a run that began from a savepoint and has no checkpoint that can be read fails: begun anew, it would give what the runs before gave once more", async () => {
    const nothing = await recoverRun(directory, journal([{ kind: "job.state", from: "CREATED", to: "RUNNING" }]));
    assert.deepEqual(nothing.job.completed, []);
    assert.equal(nothing.job.failure, undefined, "any other run begins anew");
    const { failure } = failedWithoutCheckpoint(nothing).job;
    assert.equal(failure?.code, "FL2007");
    assert.match(failure?.message ?? "", /began from a savepoint/);
    const checkpoint = { checkpoint: 1, final: false, handles: new Map(), sourceOffsets: new Map() };
    const sound = { ...nothing, job: { ...nothing.job, completed: [checkpoint] } };
    assert.equal(failedWithoutCheckpoint(sound), sound);
  });
});

async function* journal(bodies: readonly JournalEventBody[]): AsyncGenerator<JournalEvent> {
  for (const [seq, body] of bodies.entries()) yield await Promise.resolve({ ...body, seq, at: seq });
}
