/** Where runs are kept when nobody says otherwise: `FAULTLINE_HOME`, or the system's place for a program's state. */
import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";

export function stateDirectory(): string {
  const { FAULTLINE_HOME, XDG_STATE_HOME, LOCALAPPDATA } = process.env;
  if (FAULTLINE_HOME) return FAULTLINE_HOME;
  if (process.platform === "win32") return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "faultline");
  return join(XDG_STATE_HOME ? XDG_STATE_HOME : join(homedir(), ".local", "state"), "faultline");
}

export function runsDirectory(): string {
  return join(stateDirectory(), "runs");
}

/** Ordered by time, unique on this machine: `20261122-163015-k3f9`. */
export function newRunId(at: number): string {
  const stamp = new Date(at).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${stamp}-${randomBytes(2).toString("hex")}`;
}
