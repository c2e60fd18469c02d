/** Which process a connection on this machine comes from, where the system tells (Linux). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export const KNOWS_OWNERS = process.platform === "linux";

/** The one of these processes whose socket has `localPort` at its end and `remotePort` at ours. */
export function ownerOfConnection(localPort: number, remotePort: number, pids: readonly number[]): number | undefined {
  const inode = inodeOf(localPort, remotePort);
  if (inode === undefined) return undefined;
  const link = `socket:[${inode}]`;
  return pids.find((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === link);
    } catch {
      return false; // It is gone.
    }
  });
}

/** A JVM's sockets are among those of IPv6, also to 127.0.0.1. */
function inodeOf(localPort: number, remotePort: number): string | undefined {
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    let text: string;
    try {
      text = readFileSync(table, "utf8");
    } catch {
      continue;
    }
    for (const line of text.split("\n").slice(1)) {
      const [, local = "", remote = "", , , , , , , inode] = line.trim().split(/\s+/);
      if (portOf(local) === localPort && portOf(remote) === remotePort) return inode;
    }
  }
  return undefined;
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(":") + 1), 16);
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
