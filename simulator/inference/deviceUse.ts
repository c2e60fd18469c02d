/**
 * What a device says of itself: how busy it is and how much of its memory is in use, by whomever. Only NVIDIA's driver tells, through its own
 * tool `nvidia-smi`; of every other device nothing is said, and nothing is made up.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

export interface DeviceFigures {
  /** 0 to 1, over the tool's last sampling period. */
  readonly deviceUtilisation?: number;
  readonly deviceMemoryBytes?: number;
}

const INTERVAL_MS = 1_000;

export class DeviceUse {
  private child: ChildProcess | undefined;
  private figures: DeviceFigures = {};

  /** Watches the device (`cuda:1`) until {@link close}, where it is one that tells. */
  static watch(device: string): DeviceUse {
    const use = new DeviceUse();
    const index = nvidiaIndex(device);
    if (index !== undefined) use.follow(index);
    return use;
  }

  /** As of the last sample; empty where the device does not tell. */
  get latest(): DeviceFigures {
    return this.figures;
  }

  close(): void {
    this.child?.kill();
    this.child = undefined;
  }

  private follow(index: string): void {
    const query = ["--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"];
    // Without this process it ends with its next line, which nobody takes.
    const child = spawn("nvidia-smi", [...query, "-i", index, "-lms", String(INTERVAL_MS)], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.child = child;
    child.on("error", () => (this.figures = {})).on("exit", () => (this.figures = {}));
    child.unref();
    createInterface({ input: child.stdout }).on("line", (line) => (this.figures = parseDeviceFigures(line)));
  }
}

/** One line of the tool: percent, and MiB. What it does not know (`[N/A]`, as of a part of a GPU) is left out. */
export function parseDeviceFigures(line: string): DeviceFigures {
  const [busy = "", used = ""] = line.split(",").map((part) => part.trim());
  const isNumber = (text: string): boolean => /^\d+(\.\d+)?$/.test(text);
  return {
    ...(isNumber(busy) ? { deviceUtilisation: Math.min(1, Number(busy) / 100) } : {}),
    ...(isNumber(used) ? { deviceMemoryBytes: Number(used) * 1024 ** 2 } : {}),
  };
}

/** How `nvidia-smi` knows the device: CUDA counts only those that CUDA_VISIBLE_DEVICES leaves, by its order. */
export function nvidiaIndex(device: string, visible = process.env.CUDA_VISIBLE_DEVICES): string | undefined {
  const [, index] = /^(?:cuda|tensorrt):(\d+)/.exec(device) ?? [];
  if (index === undefined || visible === undefined) return index;
  return visible.split(",")[Number(index)]?.trim();
}
