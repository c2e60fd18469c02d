/** What this machine offers for running jobs: each thing is tried. */
import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { availableParallelism, freemem, totalmem } from "node:os";
import { join } from "node:path";
import { probeDevices } from "../inference/doctorDevices";
import type { DeviceProbe } from "../inference/doctorDevices";
import { runsDirectory } from "./stateDirectory";

export interface MachineReport {
  readonly node: { readonly version: string; readonly supported: boolean };
  readonly platform: string;
  readonly cores: number;
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly runs: { readonly directory: string; readonly writable: boolean; readonly freeBytes: number };
  readonly loopback: { readonly works: boolean; readonly port: number | undefined };
  readonly devices: readonly DeviceProbe[];
  /** One sentence for each thing without which jobs cannot run. */
  readonly missing: readonly string[];
}

export async function inspectMachine(): Promise<MachineReport> {
  const [runs, port, devices] = await Promise.all([inspectRuns(), openPort(), probeDevices()]);
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const supported = major > 20 || (major === 20 && minor >= 19);
  const missing = [
    supported ? "" : `Node ${process.versions.node} is too old: install Node 20.19 or later.`,
    runs.writable ? "" : `The folder for runs cannot be written: ${runs.directory}. Set FAULTLINE_HOME to another one.`,
    port === undefined ? "No port can be opened on 127.0.0.1: service instances need one each." : "",
    devices.some((device) => device.works) ? "" : "ONNX Runtime works on no device of this machine: reinstall the package for this platform.",
  ].filter((sentence) => sentence !== "");
  return {
    node: { version: process.version, supported },
    platform: `${process.platform}-${process.arch}`,
    cores: availableParallelism(),
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    runs,
    loopback: { works: port !== undefined, port },
    devices,
    missing,
  };
}

async function inspectRuns(): Promise<MachineReport["runs"]> {
  const directory = runsDirectory();
  const probe = join(directory, `.probe-${process.pid}`);
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(probe, "");
    await rm(probe);
    const { bavail, bsize } = await statfs(directory);
    return { directory, writable: true, freeBytes: bavail * bsize };
  } catch {
    return { directory, writable: false, freeBytes: 0 };
  }
}

function openPort(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : undefined));
    });
  });
}
