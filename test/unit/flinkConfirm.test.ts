/** Before commands of a person break a cluster: they are shown, and somebody says yes. */
import assert from "node:assert/strict";
import type { CommandIo } from "../../simulator/cli/commandIo";
import { confirmAll } from "../../simulator/cli/experimentCommand";
import type { Experiment } from "../../simulator/faults/experiment";
import { parseExperiment } from "../../simulator/faults/parseExperiment";
import { FaultlineError } from "../../simulator/graph/errors";

const CRASH = { fault: "crash", target: "taskmanager:0", after: "5s" };

function there(name: string, fault: object): Experiment {
  const flink = { cluster: { url: "http://127.0.0.1:8081" }, job: "my job" };
  const hypothesis = [{ probe: "recoveryMs", atMost: 1000 }];
  const text = JSON.stringify({ engine: "flink", flink, duration: "60s", faults: [fault], hypothesis });
  return read(text, `/folder/${name}.experiment.json`);
}

function read(text: string, file: string): Experiment {
  const { experiment, problems } = parseExperiment(text, file);
  assert.ok(experiment, JSON.stringify(problems));
  return experiment;
}

/** Somebody at a terminal who answers like this; undefined: nobody is there. What was shown, in order, with the questions. */
function person(answer: string | undefined): { readonly io: CommandIo; readonly shown: string[] } {
  const shown: string[] = [];
  const io: CommandIo = {
    out: (text) => void shown.push(`out: ${text}`),
    err: (text) => void shown.push(text),
    isTerminal: answer !== undefined,
    columns: 100,
    colors: false,
    ...(answer === undefined
      ? {}
      : {
          ask: (question: string) => {
            shown.push(`asked: ${question}`);
            return Promise.resolve(answer);
          },
        }),
  };
  return { io, shown };
}

describe("the question before commands of a person are run", () => {
  const experiments = [
    there("first", { ...CRASH, command: "kubectl delete pod x", heal: "kubectl scale y" }),
    there("second", { ...CRASH, command: "./stop.sh" }),
  ];
  const isRefused = (error: unknown): boolean => error instanceof FaultlineError && error.code === "FL5017";

  for (const answer of ["y", "Y", "yes", "YES", " y \n"]) {
    it(`${JSON.stringify(answer)} is a yes to all of them`, async () => {
      const { io, shown } = person(answer);
      const confirm = await confirmAll(experiments, false, io);
      assert.equal(await confirm(), true);
      assert.equal(shown.length, 2, "shown once, asked once");
      assert.match(shown[0] ?? "", /kubectl delete pod x[^]*healed by: kubectl scale y[^]*\.\/stop\.sh/);
      assert.equal(shown[1], "asked: Run them? [y/N] ", "asked when everything had been shown");
    });
  }

  for (const answer of ["n", "no", "", "\n", "yep", "not yet", "ja"]) {
    it(`${JSON.stringify(answer)} is a no: FL5017`, async () => {
      const { io, shown } = person(answer);
      await assert.rejects(confirmAll(experiments, false, io), isRefused);
      assert.equal(shown.filter((text) => text.startsWith("asked: ")).length, 1);
    });
  }

  it("nobody there is a no, after everything was shown", async () => {
    const { io, shown } = person(undefined);
    await assert.rejects(confirmAll(experiments, false, io), isRefused);
    assert.match(shown.join(""), /\.\/stop\.sh/);
  });

  it("--yes shows them and asks nobody", async () => {
    const { io, shown } = person("n");
    const confirm = await confirmAll(experiments, true, io);
    assert.equal(await confirm(), true);
    assert.equal(shown.length, 1);
    assert.match(shown[0] ?? "", /kubectl delete pod x/);
  });

  it("nothing is asked where no command would be run, and none is confirmed", async () => {
    const text = { engine: "flink", flink: { jar: "job.jar" }, duration: "60s", faults: [CRASH] };
    const plain = { ...text, hypothesis: [{ probe: "recoveryMs", atMost: 1000 }] };
    const { io, shown } = person("y");
    const confirm = await confirmAll([read(JSON.stringify(plain), "/folder/x.experiment.json")], false, io);
    assert.equal(await confirm(), false);
    assert.deepEqual(shown, []);
  });
});
