/**
 * Experiments on a Flink cluster that is there, through the command line, against a server that answers as one: commands of the person are shown
 * and confirmed, break it, and heal it.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { serve, json, madeUpJob, type TestServer } from "../fixtures/flinkAnswers";
import { until, Workspace } from "./faultlineCli";

interface Verdict {
  readonly held: boolean;
  readonly reasons: readonly string[];
  readonly injected: number;
  readonly injectionsFailed: readonly { readonly reason: string }[];
  readonly failures: readonly { readonly fault: string; readonly target: string }[];
}

describe("an experiment on a Flink cluster that is there", function () {
  this.timeout(60_000);
  let workspace: Workspace;
  let server: TestServer;

  beforeEach(async () => {
    workspace = new Workspace();
    const answers = madeUpJob(2, 2);
    server = await serve((request, response) => {
      if (request.headers.authorization !== "Bearer secret") return json(response, { errors: ["who are you?"] }, 401);
      const url = request.url ?? "";
      const body = answers(url);
      if (body === undefined) return json(response, {}, 404);
      // What the command of the person does: the TaskManager is not listed any more.
      const isGone = existsSync(workspace.path("gone"));
      const { taskmanagers, now } = body as { taskmanagers?: readonly { readonly id: string }[]; now?: number };
      if (isGone && taskmanagers !== undefined)
        return json(response, { taskmanagers: taskmanagers.filter(({ id }) => id !== "tm-0") });
      // Its clock is an hour behind ours.
      return json(response, now === undefined ? body : { ...body, now: Date.now() - 3_600_000 });
    });
  });
  afterEach(async () => {
    await server.close();
    await workspace.dispose();
  });

  const experiment = (faults: readonly object[], duration = "2s"): string =>
    workspace.write("there.experiment.json", {
      engine: "flink",
      flink: { cluster: { url: server.url, headers: { authorization: "Bearer ${FLINK_TOKEN}" } }, job: "made up" },
      duration,
      faults,
      hypothesis: [{ probe: "streamTasksRestarted", equals: 0 }],
    });
  const CRASH = {
    fault: "crash",
    target: "taskmanager:0",
    after: "200ms",
    command: 'echo "$FAULTLINE_FAULT $FAULTLINE_TARGET $FAULTLINE_TASKMANAGER $FAULTLINE_CLUSTER" > gone',
    heal: "rm gone && touch healed",
  };
  const run = (file: string, ...more: string[]): ReturnType<Workspace["cli"]> => {
    process.env.FLINK_TOKEN = "secret";
    return workspace.cli("experiment", file, "--format", "json", ...more).finally(() => delete process.env.FLINK_TOKEN);
  };

  it("runs no command that nobody confirmed: FL5017, exit 2, and every command is shown", async () => {
    const { code, stdout, stderr } = await run(experiment([CRASH]));
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /crash on taskmanager:0: echo/);
    assert.match(stderr, /healed by: rm gone/);
    assert.match(stderr, /there\.experiment\.json:\d+:\d+.*FL5017|FL5017.*there\.experiment\.json/s);
    assert.ok(!existsSync(workspace.path("gone")) && server.asked.length === 0, "nothing was run and nobody was asked");
  });

  it("breaks it by a command, believes the cluster that it is broken, and heals it at the end", async () => {
    const { code, stdout, stderr } = await run(experiment([CRASH]), "--yes");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /crash on taskmanager:0: echo/, "shown here too");
    const verdict = JSON.parse(stdout) as Verdict;
    assert.deepEqual([verdict.held, verdict.injected, verdict.reasons], [true, 1, []]);
    assert.deepEqual(
      verdict.failures.map(({ fault, target }) => [fault, target]),
      [["crash", "taskmanager:tm-0"]],
    );
    assert.ok(existsSync(workspace.path("healed")) && !existsSync(workspace.path("gone")));
    assert.ok(!stdout.includes("secret") && !stderr.includes("secret"), "no token is shown");
  });

  it("heals after the fault's duration", async () => {
    const hang = {
      ...CRASH,
      fault: "hang",
      command: "echo x > hung",
      heal: "cp hung thawed",
      set: { duration: "300ms" },
    };
    const { code, stdout, stderr } = await run(experiment([hang]), "--yes");
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(workspace.path("thawed"), "utf8"), "x\n");
    assert.equal((JSON.parse(stdout) as Verdict).injected, 1);
  });

  it("heals what it broke when it is stopped by Ctrl-C, and ends with 130", async () => {
    process.env.FLINK_TOKEN = "secret";
    const once = { ...CRASH, on: { event: "run.started" }, after: undefined };
    const running = workspace.start(
      "experiment",
      experiment([CRASH, { ...once, command: "true", heal: undefined }], "10m"),
      "--yes",
    );
    delete process.env.FLINK_TOKEN;
    // The run without faults comes first, for as long: the second run is not waited for.
    await until(() => server.asked.some((url) => url.includes("/vertices/")), "the job to be watched", 20_000);
    running.child.kill("SIGINT");
    assert.equal(await running.exit, 130);
    assert.match(running.stderr, /Stopped\./);
    assert.ok(!existsSync(workspace.path("gone")));
  });

  it("says of a command that failed what it said, and that no fault took effect", async () => {
    const { code, stdout } = await run(
      experiment([{ ...CRASH, command: "echo no such pod >&2; exit 3", heal: undefined }]),
      "--yes",
    );
    assert.equal(code, 1);
    const verdict = JSON.parse(stdout) as Verdict;
    assert.equal(verdict.held, false);
    assert.ok(verdict.reasons.includes("No fault took effect."));
    assert.match(verdict.injectionsFailed[0]?.reason ?? "", /ended with 3: no such pod/);
  });

  it("does not believe a command that ended well while the cluster lists the TaskManager as before", async () => {
    const { code, stdout } = await run(experiment([{ ...CRASH, command: "true", heal: undefined }]), "--yes");
    assert.equal(code, 1);
    assert.equal((JSON.parse(stdout) as Verdict).injected, 0);
  });

  it("needs what its headers name: FL1000, and says what the cluster refuses: FL5004", async () => {
    const file = experiment([CRASH]);
    const unset = await workspace.cli("experiment", file, "--yes");
    assert.equal(unset.code, 2);
    assert.match(unset.stderr, /FL1000.*FLINK_TOKEN/s);
    process.env.FLINK_TOKEN = "wrong";
    const refused = await workspace.cli("experiment", file, "--yes").finally(() => delete process.env.FLINK_TOKEN);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /FL5004/);
  });
});
