/**
 * Link resets: a TaskManager of a chaos build drops all of its connections to other TaskManagers and to service instances, in both directions,
 * when it gets SIGUSR2. Nothing of this is in what ships.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** JavaScript that goes before the TaskManager's own: it knows every socket but that to the coordinator. */
export const LINK_RESET_HOOK = `
if (/taskManager\\.js$/.test(process.argv[1] ?? "")) {
  const net = require("node:net"), fs = require("node:fs"), path = require("node:path");
  const links = new Set();
  const follow = (socket) => { links.add(socket); socket.once("close", () => links.delete(socket)); };
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    const [first] = args.flat();
    const target = typeof first === "object" && first !== null ? first.path : typeof first === "string" ? first : undefined;
    if (!String(target ?? "").endsWith("control.sock")) follow(this);
    return connect.apply(this, args);
  };
  const emit = net.Server.prototype.emit;
  net.Server.prototype.emit = function (event, ...args) {
    if (event === "connection") follow(args[0]);
    return emit.call(this, event, ...args);
  };
  process.on("SIGUSR2", () => {
    const open = [...links].filter((socket) => !socket.destroyed && !socket.connecting);
    for (const socket of open) socket.destroy(new Error("link reset"));
    fs.appendFileSync(path.join(process.argv[2], "link-resets"), process.pid + " " + open.length + "\\n");
  });
}
`;

/** How many connections the process has dropped so far, all resets together. */
export function linksReset(runDirectory: string, pid: number): number {
  const file = join(runDirectory, "link-resets");
  if (!existsSync(file)) return 0;
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(" ").map(Number))
    .filter(([by]) => by === pid)
    .reduce((sum, [, links]) => sum + links, 0);
}
