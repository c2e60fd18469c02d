/**
 * What ties every process of a run to the one that owns the run. The owner holds one end of a socket pair; the coordinator and all it
 * starts inherit the other end as file descriptor 3. When the owner ends, however it ends, the kernel closes its end, and
 * everybody reads the end of the stream at once. Nothing has to be polled, and a SIGKILL of the owner leaves nothing behind.
 */
import { Socket } from "node:net";

export const LIFELINE_FD = 3;

/** Calls `onCut` once, when the owner of the run is gone. */
export function watchLifeline(onCut: () => void): void {
  let cut = false;
  const once = (): void => {
    if (cut) return;
    cut = true;
    onCut();
  };
  try {
    const socket = new Socket({ fd: LIFELINE_FD, readable: true, writable: false });
    socket.on("end", once).on("close", once).on("error", once);
    socket.resume();
    socket.unref();
  } catch {
    once();
  }
}
