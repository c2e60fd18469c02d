/** The limit of this process's address space (RLIMIT_AS), which a running process can lower and lift: Linux, with `prlimit`. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Lets this process have only so much more address space than it has now (the soft limit); the result lifts that again.
 * @throws an Error where the system does not do it.
 */
export function limitAddressSpace(headroomBytes: number): () => void {
  const bytes = addressSpace() + headroomBytes;
  const limit = (value: string): void => {
    const { status, stderr } = spawnSync("prlimit", ["--pid", String(process.pid), `--as=${value}:`], { encoding: "utf8", timeout: 5_000 });
    if (status !== 0) throw new Error(`the limit of the address space cannot be set: ${(stderr ?? "").trim()}`);
  };
  const before = /Max address space\s+(\S+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? "unlimited";
  limit(String(bytes));
  return () => limit(before);
}

/** Bytes of address space that this process has. */
function addressSpace(): number {
  return Number(/VmSize:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0) * 1024;
}
