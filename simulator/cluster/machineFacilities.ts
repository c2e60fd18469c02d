/** What this machine has that some faults need; each thing is tried. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { MachineFacilities } from "../faults/faultDefinition";

let known: MachineFacilities | undefined;

/** Found out once a process. */
export function machineFacilities(): MachineFacilities {
  const { platform } = process;
  known ??= {
    platform,
    addressSpaceLimit: platform === "linux" && spawnSync("prlimit", ["--pid", String(process.pid), "--as"], { timeout: 5_000 }).status === 0,
    fullDevice: existsSync("/dev/full"),
    failingDevice: existsSync("/proc/self/mem"),
    stopSignals: platform !== "win32",
  };
  return known;
}
