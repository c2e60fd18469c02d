/**
 * Which devices to try for a model, and in what order.
 *
 * `auto` tries CUDA, then WebGPU, DirectML or CoreML by platform, then CPU, and takes the first on which a session was made and run.
 * A driver that is broken can abort the process that tries it. Therefore `auto` tries an accelerator in an instance only when this
 * machine shows signs of one (a device node of a GPU on Linux; DirectML and CoreML come with their systems) and a probe in a process
 * of its own has worked; the probe's result is kept for the machine, ONNX Runtime and driver (`doctorDevices.ts`). A machine without signs of
 * a GPU goes to the CPU at once. A software Vulkan device is never taken by `auto`; `device: "webgpu"` may use it, and its name says so.
 */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { FaultlineError } from "../graph/errors";
import type { DeviceCandidate } from "./modelThreadMessages";

const PROVIDER: Readonly<Record<string, DeviceCandidate["provider"]>> = {
  cpu: "cpu",
  cuda: "cuda",
  tensorrt: "tensorrt",
  webgpu: "webgpu",
  directml: "dml",
  dml: "dml",
  coreml: "coreml",
};
const NAMES = "auto, cpu, cuda, cuda:N, tensorrt, webgpu, directml, coreml";

/** Accelerators that this platform's ONNX Runtime can drive, best first, whether or not there is one. */
export function platformAccelerators(platform: NodeJS.Platform = process.platform): readonly string[] {
  switch (platform) {
    case "win32":
      return ["cuda", "directml", "webgpu"];
    case "darwin":
      return ["coreml", "webgpu"];
    default:
      return ["cuda", "webgpu"];
  }
}

/** Why an accelerator cannot work on this machine, seen without touching a driver; `undefined` when it may. */
export function whyNotHere(device: string): string | undefined {
  const provider = PROVIDER[device.split(":")[0] ?? ""];
  if (process.platform !== "linux") return undefined;
  if (provider === "cuda" || provider === "tensorrt") {
    if (nvidiaGpus() === 0) return "no NVIDIA device on this machine (/dev/nvidia*)";
    const library = `libonnxruntime_providers_${provider}.so`;
    if (!existsSync(join(ortBinaries(), library)))
      return `ONNX Runtime's ${provider} provider is not installed (${library} in ${ortBinaries()}; docs/devices.md says where it comes from)`;
  }
  if (provider === "webgpu" && softwareVulkan())
    return "no GPU on this machine; Vulkan could only be emulated by the CPU";
  if (provider === "dml" || provider === "coreml") return `ONNX Runtime has no ${device} on Linux`;
  return undefined;
}

/** Folder with ONNX Runtime's native libraries for this platform. */
export function ortBinaries(): string {
  const folder = dirname(require.resolve("onnxruntime-node/package.json"));
  return join(folder, "bin", "napi-v6", process.platform, process.arch);
}

/** NVIDIA GPUs that a process may use: what CUDA_VISIBLE_DEVICES leaves of the device nodes. */
export function nvidiaGpus(): number {
  if (process.platform !== "linux") return 1;
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined) return visible.split(",").filter((id) => id.trim() !== "" && id.trim() !== "-1").length;
  return entries("/dev").filter((name) => /^nvidia\d+$/.test(name)).length || (existsSync("/dev/dxg") ? 1 : 0);
}

/** Whether a Vulkan device on this machine can only be software: the driver is named so, or there is no GPU's device node. */
export function softwareVulkan(): boolean {
  if (process.platform !== "linux") return false;
  const driver = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? "";
  if (/swiftshader|lavapipe|lvp_icd/i.test(driver)) return true;
  return !(
    entries("/dev/dri").some((name) => name.startsWith("renderD")) ||
    nvidiaGpus() > 0 ||
    existsSync("/dev/kfd")
  );
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * What to try for `device` as a person wrote it. `instance` (0-based) spreads instances over the GPUs there are. FL3003 for a name
 * that is not known and for a device that this machine cannot have.
 */
export function deviceCandidates(
  device: string,
  instance: number,
  autoAccelerators: readonly string[],
): readonly DeviceCandidate[] {
  if (device === "auto") return [...autoAccelerators, "cpu"].map((name) => candidate(name, instance));
  const [name = "", index, ...rest] = device.toLowerCase().split(":");
  const provider = PROVIDER[name];
  if (provider === undefined || rest.length > 0 || (index !== undefined && !/^\d+$/.test(index))) {
    throw FaultlineError.of("FL3003", `There is no device "${device}".`, `Known are: ${NAMES}.`);
  }
  const reason = provider === "webgpu" ? undefined : whyNotHere(name);
  if (reason !== undefined) {
    throw FaultlineError.of(
      "FL3003",
      `Device ${device} does not work here: ${reason}.`,
      "`faultline doctor` shows the devices that work; `auto` takes the best of them.",
    );
  }
  return [candidate(device.toLowerCase(), instance)];
}

function candidate(device: string, instance: number): DeviceCandidate {
  const [name = "", index] = device.split(":");
  const provider = PROVIDER[name] ?? "cpu";
  if (provider === "cuda" || provider === "tensorrt") {
    const deviceId = index === undefined ? instance % Math.max(1, nvidiaGpus()) : Number(index);
    return { name: `${name}:${deviceId}`, provider, deviceId };
  }
  if (index !== undefined) return { name: device, provider, deviceId: Number(index) };
  return { name, provider, ...(provider === "webgpu" && softwareVulkan() ? { software: true } : {}) };
}
