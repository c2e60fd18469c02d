import assert from "node:assert/strict";
import { DeviceUse, nvidiaIndex, parseDeviceFigures } from "../../simulator/inference/deviceUse";

describe("what a device says of itself", () => {
  it("is read from the lines of nvidia-smi, and left out where it is not told", () => {
    assert.deepEqual(parseDeviceFigures("37, 1234"), { deviceUtilisation: 0.37, deviceMemoryBytes: 1234 * 1024 ** 2 });
    assert.deepEqual(parseDeviceFigures("[N/A], 512"), { deviceMemoryBytes: 512 * 1024 ** 2 });
    assert.deepEqual(parseDeviceFigures("No devices were found"), {});
  });

  it("is asked of the GPU that CUDA means by the number", () => {
    assert.equal(nvidiaIndex("cuda:1", undefined), "1");
    assert.equal(nvidiaIndex("cuda:1", "3,GPU-5a"), "GPU-5a");
    assert.equal(nvidiaIndex("cpu", undefined), undefined);
    assert.equal(nvidiaIndex("webgpu (software)", undefined), undefined);
  });

  it("is nothing for a device that does not tell", () => {
    const use = DeviceUse.watch("cpu");
    assert.deepEqual(use.latest, {});
    use.close();
  });
});
