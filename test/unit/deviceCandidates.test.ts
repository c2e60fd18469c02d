/** Which devices are tried for an instance. */
import assert from "node:assert/strict";
import { deviceCandidates } from "../../simulator/inference/device";

describe("devices of an instance", () => {
  const before = process.env.CUDA_VISIBLE_DEVICES;
  beforeEach(() => (process.env.CUDA_VISIBLE_DEVICES = "0,1,2"));
  afterEach(() => {
    if (before === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
    else process.env.CUDA_VISIBLE_DEVICES = before;
  });

  it("are spread over the GPUs there are, the CPU last", function () {
    if (process.platform !== "linux") this.skip();
    const names = [0, 1, 2, 3].map((instance) => deviceCandidates("auto", instance, ["cuda"]).map(({ name }) => name));
    assert.deepEqual(names, [
      ["cuda:0", "cpu"],
      ["cuda:1", "cpu"],
      ["cuda:2", "cpu"],
      ["cuda:0", "cpu"],
    ]);
  });

  it("is the CPU alone where nothing else was found to work", () => {
    assert.deepEqual(
      deviceCandidates("auto", 0, []).map(({ name, provider }) => [name, provider]),
      [["cpu", "cpu"]],
    );
  });

  it("is the one that was asked for, or a sentence why it cannot be", function () {
    assert.deepEqual(deviceCandidates("cpu", 3, []), [{ name: "cpu", provider: "cpu" }]);
    for (const unknown of ["gpu", "cuda:1:2", "cuda:x"]) {
      assert.throws(() => deviceCandidates(unknown, 0, []), { code: "FL3003", message: /There is no device/ });
    }
    if (process.platform !== "linux") this.skip();
    process.env.CUDA_VISIBLE_DEVICES = "";
    assert.throws(() => deviceCandidates("cuda:1", 0, []), { code: "FL3003", message: /no NVIDIA device/ });
  });
});
