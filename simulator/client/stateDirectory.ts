/** Where runs are kept when nobody says otherwise: `FAULTLINE_HOME`, or the system's place for a program's state. */
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
