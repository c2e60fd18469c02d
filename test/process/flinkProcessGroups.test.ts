/**
 * What a Flink that was started for an experiment starts itself (Python workers of a TaskManager) goes with it. A script stands in for its JVMs: each has
 * a child that minds no signal that can be minded, and does not notice that its parent is gone.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { isAlive } from "../../simulator/client/processAlive";
import { processState } from "../../simulator/cluster/processesOfRun";
import { StandaloneCluster } from "../../simulator/flink/standaloneCluster";
import { until, Workspace, type RunningCli } from "./faultlineCli";

const GONE_MS = 3_000;

interface Role {
  readonly jvm: number;
  readonly worker: number;
}

describe("processes that a Flink of an experiment starts", function () {
  this.timeout(30_000);
  let workspace: Workspace;
  beforeEach(() => {
    workspace = new Workspace();
    mkdirSync(workspace.path("java", "bin"), { recursive: true });
    const java = workspace.write(
      "java/bin/java",
      `#!/bin/sh
( trap '' HUP INT TERM PIPE; exec sleep 300 ) </dev/null >/dev/null 2>&1 &
echo "$$ $!" >> ${JSON.stringify(workspace.path("pids"))}
wait
`,
    );
    chmodSync(java, 0o755);
    mkdirSync(workspace.path("flink", "lib"), { recursive: true });
    workspace.write("flink/lib/flink-dist-2.3.0.jar", "");
  });
  afterEach(async () => {
    // Also what a test that failed left.
    for (const { jvm, worker } of roles())
      for (const pid of [jvm, worker]) if (isThere(pid)) process.kill(pid, "SIGKILL");
    await workspace.dispose();
  });

  /** In the order in which they came up. */
  function roles(): readonly Role[] {
    if (!existsSync(workspace.path("pids"))) return [];
    const lines = readFileSync(workspace.path("pids"), "utf8").trimEnd().split("\n");
    return lines.map((line) => {
      const [jvm = 0, worker = 0] = line.split(" ").map(Number);
      return { jvm, worker };
    });
  }

  const areThere = (pids: readonly number[]): boolean => pids.every(isThere);
  const areGone = (pids: readonly number[]): boolean => !pids.some(isThere);
  const idsOf = (some: readonly Role[]): readonly number[] => some.flatMap(({ jvm, worker }) => [jvm, worker]);

  async function comeUp(count: number): Promise<readonly Role[]> {
    await until(() => roles().length >= count, `${count} roles are up`, 10_000);
    assert.equal(new Set(idsOf(roles())).size, 2 * count);
    assert.ok(areThere(idsOf(roles())), "JVMs and their workers run");
    return roles();
  }

  async function started(onExit: (how: string) => void = () => undefined): Promise<StandaloneCluster> {
    return StandaloneCluster.start({
      distribution: { home: workspace.path("flink"), version: { major: 2, minor: 3, text: "2.3.0" }, jars: [] },
      directory: workspace.path("cluster"),
      taskManagers: 2,
      slots: 1,
      java: workspace.path("java", "bin", "java"),
      onExit: (_, how) => onExit(how),
    });
  }

  it("go with the TaskManager that crashes, and those of the others stay", async () => {
    let told: string | undefined;
    const cluster = await started((how) => (told = how));
    try {
      await comeUp(3);
      const crashed = cluster.signal(0, "SIGKILL");
      const [its, others] = [
        roles().filter(({ jvm }) => jvm === crashed.pid),
        roles().filter(({ jvm }) => jvm !== crashed.pid),
      ];
      assert.equal(its.length, 1, "the fault went to the JVM itself");
      assert.deepEqual(await crashed.gone, { code: null, signal: "SIGKILL" });
      await until(() => areGone(idsOf(its)), "the worker of the crashed TaskManager is gone", GONE_MS);
      assert.equal(told, "was ended by SIGKILL");
      assert.ok(areThere(idsOf(others)));
      await cluster.startAgain(0);
      await until(() => roles().length === 4, "the TaskManager is there again", 10_000);
    } finally {
      await cluster.stop();
    }
    // Nothing is waited for: it is so when the cluster has stopped.
    assert.ok(areGone(idsOf(roles())));
  });

  it("are not hit by a signal for the TaskManager, and go with it when it is stopped", async () => {
    const cluster = await started();
    try {
      await comeUp(3);
      const hung = cluster.signal(1, "SIGSTOP");
      await until(() => processState(hung.pid) === "T", "the JVM is stopped", GONE_MS);
      const its = roles().find(({ jvm }) => jvm === hung.pid);
      // It sleeps, or runs in this very moment.
      assert.match(processState(its?.worker ?? 0) ?? "", /^[SR]$/, "its worker is not");
    } finally {
      await cluster.stop();
    }
    assert.ok(areGone(idsOf(roles())));
  });

  function experiment(): RunningCli {
    workspace.write("job.jar", "");
    const file = workspace.write("groups.experiment.json", {
      engine: "flink",
      flink: { jar: "job.jar", taskManagers: 2, slots: 1 },
      duration: "10s",
      faults: [{ fault: "crash", target: "taskmanager:0", after: "1s" }],
      hypothesis: [{ probe: "streamTasksRestarted", equals: 0 }],
    });
    const { FLINK_HOME, JAVA_HOME, TMPDIR } = process.env;
    const before = { FLINK_HOME, JAVA_HOME, TMPDIR };
    // A command that is killed leaves its folder, which goes with the test's own.
    const there = { FLINK_HOME: workspace.path("flink"), JAVA_HOME: workspace.path("java"), TMPDIR: workspace.folder };
    Object.assign(process.env, there);
    try {
      return workspace.start("experiment", file);
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  }

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`are gone when the command that had ${signal} has ended`, async () => {
      const running = experiment();
      await comeUp(3);
      running.child.kill(signal);
      assert.equal(await running.exit, 130, running.stderr);
      assert.ok(areGone(idsOf(roles())));
    });
  }

  it("are gone after SIGKILL to the command, one of them stopped", async () => {
    const running = experiment();
    const [first] = await comeUp(3);
    assert.ok(first);
    process.kill(first.jvm, "SIGSTOP");
    running.child.kill("SIGKILL");
    await running.exit;
    await until(() => areGone(idsOf(roles())), "nothing is left", GONE_MS);
  });
});

/** One that nobody has collected yet is gone. */
function isThere(pid: number): boolean {
  return isAlive(pid) && processState(pid) !== "Z";
}
