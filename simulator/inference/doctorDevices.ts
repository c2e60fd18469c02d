/**
 * Which devices of this machine really run a model: each is tried with a tiny model in a process of its own, since a broken driver can
 * abort the process that tries it.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir, hostname, release, tmpdir } from "node:os";
import { join } from "node:path";
import { nvidiaGpus, ortBinaries, platformAccelerators, softwareVulkan, whyNotHere } from "./device";
import { buildOnnxModel, floatInitializer } from "./onnxModelBuilder";

export interface DeviceProbe {
  /** In a person's words: `cpu`, `cuda:0`, `webgpu (software)`. */
  readonly device: string;
  readonly works: boolean;
  /** What worked, or why it did not. */
  readonly detail: string;
  /** Session and first run of a tiny model, when it works. */
  readonly firstRunMs?: number;
}

/** A probe that takes longer counts as not working: drivers compile shaders at first use, which takes seconds. */
const PROBE_LIMIT_MS = 30_000;

/** Every device that this platform's ONNX Runtime could drive, and the CPU. */
export async function probeDevices(): Promise<readonly DeviceProbe[]> {
  const names = [...platformAccelerators(), "cpu"];
  return Promise.all(names.map((name) => probeDevice(name)));
}

/**
 * Accelerators that `auto` tries in an instance, best first. Without signs of a GPU none, at no cost. With signs, those that a probe on
 * this machine has shown to work; its result is kept, since it takes a process and up to seconds.
 */
export async function autoAccelerators(): Promise<readonly string[]> {
  const possible = platformAccelerators().filter((name) => whyNotHere(name) === undefined);
  if (possible.length === 0) return [];
  const file = join(stateFolder(), `devices-${machineKey(possible)}.json`);
  try {
    return JSON.parse(await readFile(file, "utf8")) as string[];
  } catch {
    // Not probed yet, or not readable: probed again.
  }
  const working: string[] = [];
  for (const name of possible) if ((await probeDevice(name)).works) working.push(name);
  try {
    await mkdir(stateFolder(), { recursive: true, mode: 0o700 });
    await writeFile(`${file}.${process.pid}`, JSON.stringify(working));
    await rename(`${file}.${process.pid}`, file);
  } catch {
    // A home that cannot be written costs the next start a probe, nothing else.
  }
  return working;
}

async function probeDevice(name: string): Promise<DeviceProbe> {
  // WebGPU without a GPU is still worth a look: software Vulkan exercises the path, and the person sees what it is.
  const reason = name === "webgpu" ? undefined : whyNotHere(name);
  if (reason !== undefined) return { device: name, works: false, detail: reason };
  const folder = await mkdtemp(join(tmpdir(), "faultline-probe-"));
  try {
    const model = join(folder, "probe.onnx");
    await writeFile(model, probeModel());
    return await runProbe(name, model);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface ProbeReport {
  readonly device?: string;
  readonly ms?: number;
  readonly error?: string;
}

function runProbe(name: string, model: string): Promise<DeviceProbe> {
  return new Promise((resolve) => {
    const built = join(__dirname, "deviceProbe.js");
    const args = existsSync(built)
      ? [built, name, model]
      : ["--require", require.resolve("tsx/cjs"), join(__dirname, "deviceProbeMain.ts"), name, model];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", NODE_OPTIONS: "" },
    });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    const timer = setTimeout(() => child.kill("SIGKILL"), PROBE_LIMIT_MS);
    const done = (detail: string) => {
      clearTimeout(timer);
      const report = parseReport(out);
      if (report?.device !== undefined) {
        resolve({
          device: report.device,
          works: true,
          detail: "a session was made and run",
          firstRunMs: report.ms ?? 0,
        });
      } else {
        resolve({ device: name, works: false, detail: report?.error ?? detail });
      }
    };
    child.on("error", (error) => done(error.message));
    child.on("close", (code, signal) =>
      done(
        signal === "SIGKILL"
          ? `did not answer within ${PROBE_LIMIT_MS / 1000} s`
          : `its driver ended the process that tried it (${signal ?? `exit ${code}`})`,
      ),
    );
  });
}

function parseReport(text: string): ProbeReport | undefined {
  const line = text.trim().split("\n").at(-1);
  try {
    return line === undefined || line === "" ? undefined : (JSON.parse(line) as ProbeReport);
  } catch {
    return undefined;
  }
}

/** `$XDG_STATE_HOME/faultline`, or where the system keeps such things. */
function stateFolder(): string {
  if (process.env.XDG_STATE_HOME) return join(process.env.XDG_STATE_HOME, "faultline");
  if (process.platform === "win32") return join(process.env.LOCALAPPDATA ?? homedir(), "faultline");
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", "faultline");
  return join(homedir(), ".local", "state", "faultline");
}

/** Changes when ONNX Runtime, the kernel (and with it drivers), the GPUs or the choice of Vulkan driver change. */
function machineKey(possible: readonly string[]): string {
  const parts = [
    hostname(),
    process.arch,
    release(),
    ortBinaries(),
    nvidiaDriverVersion(),
    nvidiaGpus(),
    softwareVulkan(),
    process.env.VK_ICD_FILENAMES ?? "",
    process.env.VK_DRIVER_FILES ?? "",
    process.env.CUDA_VISIBLE_DEVICES ?? "",
    ...possible,
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

function nvidiaDriverVersion(): string {
  try {
    return readFileSync("/proc/driver/nvidia/version", "utf8").split("\n")[0] ?? "";
  } catch {
    return "";
  }
}

/** y = relu(x · w), 8 → 8. */
function probeModel(): Uint8Array {
  const size = 8;
  return buildOnnxModel({
    inputs: [{ name: "x", type: "FP32", shape: ["N", size] }],
    outputs: [{ name: "y", type: "FP32", shape: ["N", size] }],
    initializers: [floatInitializer("w", [size, size], new Float32Array(size * size).fill(0.5))],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["h"] },
      { op: "Relu", inputs: ["h"], outputs: ["y"] },
    ],
  });
}
