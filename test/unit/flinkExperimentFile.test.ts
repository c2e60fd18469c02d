/** The part of an experiment's file that is about a real Flink: what is wrong is said with its place, before anything is started. */
import assert from "node:assert/strict";
import { commandsText, plannedCommands } from "../../simulator/client/flink/commandFaults";
import { parseExperiment } from "../../simulator/faults/parseExperiment";

const FILE = "/folder/x.experiment.json";
const CRASH = { fault: "crash", target: "taskmanager:0", after: "5s" };
const HYPOTHESIS = [{ probe: "recoveryMs", atMost: 1000 }];
const JAR = { jar: "job.jar" };
const THERE = { cluster: { url: "http://127.0.0.1:8081" }, job: "my job" };
const SERVICE = { model: "m.onnx", name: "m", argument: "--m.addresses" };

function parsed(flink: object, fault: object = CRASH, more: object = {}): ReturnType<typeof parseExperiment> {
  const text = JSON.stringify(
    { engine: "flink", flink, duration: "60s", faults: [fault], hypothesis: HYPOTHESIS, ...more },
    undefined,
    2,
  );
  return parseExperiment(text, FILE);
}

describe("experiments on a real Flink, as files", () => {
  const good: readonly (readonly [string, object, object?])[] = [
    ["a jar", JAR],
    ["a SQL script", { sql: "job.sql" }],
    ["a PyFlink program", { python: "job.py", arguments: ["--fast"] }],
    ["the JobManager as a target", JAR, { ...CRASH, target: "coordinator", fault: "hang", set: { duration: "1s" } }],
    ["an instance of a service", { ...JAR, services: [SERVICE] }, { ...CRASH, target: "service:m#0" }],
    [
      "a fault of its model",
      { ...JAR, services: [SERVICE] },
      { ...CRASH, fault: "slow-inference", target: "service:m#0" },
    ],
    [
      "a link to it",
      { ...JAR, services: [SERVICE] },
      { ...CRASH, fault: "latency", target: "link:taskmanager:1->service:m#0" },
    ],
    [
      "any link to it",
      { ...JAR, services: [SERVICE] },
      { ...CRASH, fault: "reset", target: "link:taskmanager:*->service:m#*" },
    ],
    [
      "a sidecar for each TaskManager",
      { ...JAR, taskManagers: 3, services: [{ ...SERVICE, deployment: "sidecar" }] },
      { ...CRASH, target: "service:m#2" },
    ],
    [
      "a job of a cluster that is there, hit by a command",
      THERE,
      { ...CRASH, command: "kubectl delete pod x", heal: "true" },
    ],
    [
      "a link fault by a command",
      THERE,
      {
        ...CRASH,
        fault: "latency",
        target: "link:taskmanager:0->taskmanager:1",
        command: "tc qdisc add",
        heal: "tc qdisc del",
      },
    ],
  ];
  for (const [what, flink, fault] of good) {
    it(`takes ${what}`, () => assert.deepEqual(parsed(flink, fault).problems, []));
  }

  const bad: readonly (readonly [string, string, string, object, object?, object?])[] = [
    ["two programs", "FL1003", "flink", { ...JAR, python: "job.py" }],
    ["arguments of a SQL script", "FL1003", "flink.arguments", { sql: "job.sql", arguments: ["a"] }],
    ["a job without its cluster", "FL1003", "flink.job", { job: "my job" }],
    [
      "TaskManagers of a cluster that is there",
      "FL1003",
      "flink.taskManagers",
      { ...THERE, taskManagers: 3 },
      { ...CRASH, command: "x" },
    ],
    [
      "an address that is none",
      "FL1003",
      "flink.cluster.url",
      { ...THERE, cluster: { url: "host" } },
      { ...CRASH, command: "x" },
    ],
    [
      "headers that a SQL script cannot be given",
      "FL1003",
      "flink.sql",
      { sql: "job.sql", cluster: { url: "http://h:1", headers: { a: "b" } } },
      { ...CRASH, command: "x" },
    ],
    [
      "a job that runs already, watched for ever",
      "FL1003",
      "duration",
      THERE,
      { ...CRASH, command: "x" },
      { duration: undefined },
    ],
    ["a fault on a cluster that is there without a command", "FL1003", "faults[0].command", THERE],
    ["a command for a cluster that is started", "FL1003", "faults[0].command", JAR, { ...CRASH, command: "x" }],
    ["a heal without a command", "FL1003", "faults[0].heal", JAR, { ...CRASH, heal: "x" }],
    ["a TaskManager that there is not", "FL1031", "faults[0].target", JAR, { ...CRASH, target: "taskmanager:2" }],
    [
      "an instance that there is not",
      "FL1031",
      "faults[0].target",
      { ...JAR, services: [SERVICE] },
      { ...CRASH, target: "service:m#1" },
    ],
    ["a service that there is not", "FL1031", "faults[0].target", JAR, { ...CRASH, target: "service:m#0" }],
    [
      "a fault that a JVM cannot do to itself",
      "FL1033",
      "faults[0].target",
      JAR,
      { ...CRASH, fault: "memory-exhaustion" },
    ],
    ["a task", "FL1031", "faults[0].target", JAR, { ...CRASH, fault: "poison", target: "task:a#0" }],
    [
      "a link between TaskManagers",
      "FL1033",
      "faults[0].target",
      JAR,
      { ...CRASH, fault: "latency", target: "link:taskmanager:0->taskmanager:1" },
    ],
    ["two services of one name", "FL1003", "flink.services[1].name", { ...JAR, services: [SERVICE, SERVICE] }],
    [
      "a sidecar beside a cluster that is there",
      "FL1003",
      "flink.services[0].deployment",
      { ...JAR, cluster: { url: "http://localhost:1" }, services: [{ ...SERVICE, deployment: "sidecar" }] },
      { ...CRASH, command: "x" },
    ],
    [
      "services where the cluster cannot call them",
      "FL1003",
      "flink.services[0]",
      { ...JAR, cluster: { url: "http://far:1" }, services: [SERVICE] },
      { ...CRASH, command: "x" },
    ],
  ];
  for (const [what, code, element, flink, fault, more] of bad) {
    it(`refuses ${what}: ${code} at ${element}`, () => {
      const { experiment, problems } = parsed(flink, fault, more);
      assert.equal(experiment, undefined);
      const found = problems.find(({ location }) => location?.element === element);
      assert.equal(found?.code, code, JSON.stringify(problems));
      assert.ok((found.location?.line ?? 0) > 1 || element === "duration");
    });
  }

  it("a command belongs to Flink", () => {
    const text = JSON.stringify({
      job: "j.faultline.json",
      faults: [{ ...CRASH, command: "x" }],
      hypothesis: HYPOTHESIS,
    });
    const [problem] = parseExperiment(text, FILE).problems;
    assert.deepEqual([problem?.code, problem?.location?.element], ["FL1003", "faults[0].command"]);
  });

  it("shows every command and what heals it, with where", () => {
    const { experiment } = parsed(THERE, {
      ...CRASH,
      command: "kubectl delete pod tm-0",
      heal: "kubectl rollout status sts/tm",
    });
    assert.ok(experiment?.flink !== undefined);
    assert.equal(
      commandsText(experiment.name, experiment.flink, plannedCommands(experiment.faults)),
      [
        "x runs these commands on this machine against http://127.0.0.1:8081:",
        "  crash on taskmanager:0: kubectl delete pod tm-0",
        "    healed by: kubectl rollout status sts/tm",
      ].join("\n"),
    );
  });
});
