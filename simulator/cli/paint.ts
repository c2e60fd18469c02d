/** Colours of the terminal, or none. */
import colors from "picocolors";
import type { CommandIo } from "./commandIo";

export type Paint = ReturnType<typeof colors.createColors>;

export function paintFor(io: CommandIo): Paint {
  return colors.createColors(io.colors);
}
