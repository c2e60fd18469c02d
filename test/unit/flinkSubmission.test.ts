/** Submitting what an experiment runs: what is missing is said before anything starts, and what Flink's own programs say is read. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "../../simulator/client/processAlive";
import { processState } from "../../simulator/cluster/processesOfRun";
import { checkProgram, submitProgram, writeConfiguration } from "../../simulator/client/flink/submitProgram";
import type { FlinkExperiment, FlinkProgram } from "../../simulator/faults/experiment";
import { FlinkRestClient } from "../../simulator/flink/restClient";
import { FaultlineError } from "../../simulator/graph/errors";
import { json, serve, type TestServer } from "../fixtures/flinkAnswers";

const JOB = "0123456789abcdef0123456789abcdef";

describe("what an experiment submits to a real Flink", function () {
  this.timeout(20_000);
  let folder: string;
  let server: TestServer;
  const before: NodeJS.ProcessEnv = {};

  beforeEach(async () => {
    for (const name of ["FLINK_HOME", "JAVA_HOME"]) before[name] = process.env[name];
    folder = mkdtempSync(join(tmpdir(), "fl-submit-"));
    server = await serve((request, response) => {
      if (request.url === "/config") return json(response, { "refresh-interval": 100, "flink-version": "2.3.0" });
      const jobs = existsSync(join(folder, "submitted")) ? [{ jid: JOB, name: "job", state: "RUNNING" }] : [];
      return json(response, { jobs });
    });
  });
  afterEach(async () => {
    await server.close();
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  /** A distribution with these jars in `opt`. */
  function distribution(version: string, ...optional: readonly string[]): void {
    for (const [place, names] of [
      ["lib", [`flink-dist-${version}.jar`]],
      ["opt", optional],
    ] as const) {
      mkdirSync(join(folder, "flink", place), { recursive: true });
      for (const name of names) writeFileSync(join(folder, "flink", place, name), "");
    }
    process.env.FLINK_HOME = join(folder, "flink");
  }

  /** Stands for Java: writes down how it was called, and does this. */
  function java(script: string): void {
    mkdirSync(join(folder, "java", "bin"), { recursive: true });
    const file = join(folder, "java", "bin", "java");
    writeFileSync(
      file,
      `#!/bin/sh\ncd ${JSON.stringify(folder)}\nprintf '%s\\n' "$@" > called\nenv > environment\n${script}\n`,
    );
    chmodSync(file, 0o755);
    process.env.JAVA_HOME = join(folder, "java");
  }

  function experiment(program: FlinkProgram): FlinkExperiment {
    const cluster = { kind: "started", taskManagers: 1, slots: 1 } as const;
    return { program, parallelism: 3, settings: {}, cluster, services: [] };
  }
  const file = (name: string): string => {
    writeFileSync(join(folder, name), "");
    return join(folder, name);
  };
  const python = (): FlinkProgram => ({
    kind: "python",
    path: file("job.py"),
    interpreter: "/venv/python",
    arguments: ["--fast"],
  });
  const sql = (): FlinkProgram => ({ kind: "sql", path: file("job.sql") });

  async function submit(program: FlinkProgram, signal?: AbortSignal): Promise<string> {
    const client = await FlinkRestClient.connect({ url: server.url });
    const configuration = writeConfiguration(folder, server.url);
    return submitProgram({
      client,
      experiment: experiment(program),
      more: ["--langid.addresses", "env:X"],
      configuration,
      signal,
    }).finally(() => client.close());
  }
  const refused = (code: string, message: RegExp) => (error: unknown) =>
    error instanceof FaultlineError && error.code === code && message.test(error.message);

  it("is checked before anything starts: FL1001, FL3001, FL5003, FL5010", () => {
    const missing: FlinkProgram = {
      kind: "python",
      path: join(folder, "nowhere.py"),
      interpreter: "python3",
      arguments: [],
    };
    assert.throws(() => checkProgram(experiment(missing)), refused("FL1001", /does not exist/));
    delete process.env.FLINK_HOME;
    assert.throws(() => checkProgram(experiment(python())), refused("FL5010", /where Flink is/));
    distribution("2.3.0");
    assert.throws(() => checkProgram(experiment(python())), refused("FL5010", /flink-python-VERSION\.jar is missing/));
    distribution("2.3.0", "flink-sql-client-2.3.0.jar");
    assert.throws(
      () => checkProgram(experiment(sql())),
      refused("FL5010", /flink-sql-gateway-VERSION\.jar is missing/),
    );
    distribution("2.3.0", "flink-sql-gateway-2.3.0.jar", "flink-python-2.3.0.jar");
    checkProgram(experiment(sql()));
    checkProgram(experiment(python()));
    const service = {
      name: "m",
      model: join(folder, "m.onnx"),
      deployment: "external",
      instances: 1,
      argument: undefined,
      loadDelayMs: 0,
    } as const;
    assert.throws(
      () => checkProgram({ ...experiment(python()), services: [service] }),
      refused("FL3001", /does not exist/),
    );
    rmSync(join(folder, "flink"), { recursive: true });
    distribution("1.17.2", "flink-python-1.17.2.jar");
    assert.throws(() => checkProgram(experiment(python())), refused("FL5003", /1\.20 is the oldest/));
  });

  it("a Python program goes through Flink's own command line, with its interpreter on both sides", async () => {
    distribution("2.3.0", "flink-python-2.3.0.jar");
    java("touch submitted");
    assert.equal(await submit(python()), JOB);
    const called = readFileSync(join(folder, "called"), "utf8").trimEnd().split("\n");
    assert.deepEqual(called.slice(called.indexOf("org.apache.flink.client.cli.CliFrontend")), [
      "org.apache.flink.client.cli.CliFrontend",
      ...["run", "--detached", "-pyclientexec", "/venv/python", "-pyexec", "/venv/python", "-p", "3"],
      ...["-py", join(folder, "job.py"), "--fast", "--langid.addresses", "env:X"],
    ]);
    const environment = readFileSync(join(folder, "environment"), "utf8");
    assert.ok(environment.includes(`FLINK_CONF_DIR=${join(folder, "conf")}\n`));
    assert.ok(environment.includes(`FLINK_OPT_DIR=${join(folder, "flink", "opt")}\n`));
    const configuration = readFileSync(join(folder, "conf", "config.yaml"), "utf8");
    assert.match(configuration, new RegExp(`rest.address: "127.0.0.1"\nrest.port: ${new URL(server.url).port}\n`));
  });

  it("a Java that is not there: FL5011", async () => {
    distribution("2.3.0", "flink-python-2.3.0.jar");
    process.env.JAVA_HOME = join(folder, "nowhere");
    await assert.rejects(submit(python()), refused("FL5011", /Java could not be started.*nowhere/));
  });

  it("Python that Java has started goes with it when the experiment is stopped", async () => {
    distribution("2.3.0", "flink-python-2.3.0.jar");
    const worker = join(folder, "worker");
    execFileSync("mkfifo", [worker]);
    java(`( trap '' HUP INT TERM PIPE; exec sleep 300 ) </dev/null >/dev/null 2>&1 & echo $! > worker; wait`);
    const stopping = new AbortController();
    const submitted = submit(python(), stopping.signal);
    const pid = Number(await readFile(worker, "utf8"));
    assert.ok(isAlive(pid));
    stopping.abort();
    await assert.rejects(submitted, { name: "AbortError" });
    assert.ok(!isAlive(pid) || processState(pid) === "Z");
  });

  it("what a program that failed said last is the message: FL5012", async () => {
    distribution("2.3.0", "flink-python-2.3.0.jar", "flink-sql-client-2.3.0.jar", "flink-sql-gateway-2.3.0.jar");
    java(
      `echo 'Traceback (most recent call last):'; echo "ModuleNotFoundError: No module named 'pyflink'"; echo 'org.apache.flink.client.program.ProgramAbortException: x'; exit 1`,
    );
    await assert.rejects(submit(python()), refused("FL5012", /No module named 'pyflink'/));
    java(
      "printf '[ERROR] Could not execute SQL statement. Reason:\\norg.apache.calcite.sql.SqlException: no such table\\n'; exit 0",
    );
    await assert.rejects(submit(sql()), refused("FL5012", /no such table/));
    java("exit 0");
    await assert.rejects(submit(sql()), refused("FL5012", /started 0 jobs; one is expected/));
  });
});
