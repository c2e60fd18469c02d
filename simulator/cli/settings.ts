import { parseDuration } from "../graph/durations";
import { FaultlineError } from "../graph/errors";

/** `["delay=250ms", "probability=0.5"]` → numbers (durations in ms) and texts. @throws FaultlineError FL1000 */
export function parseSettings(settings: readonly string[]): Record<string, unknown> {
  const parsed: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const setting of settings) {
    const [, name, text] = /^([A-Za-z][\w-]*)=(.*)$/s.exec(setting) ?? [];
    if (name === undefined || text === undefined) throw FaultlineError.of("FL1000", `"${setting}" is no setting.`, "Write --set name=value.");
    parsed[name] = parseDuration(text) ?? (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);
  }
  return parsed;
}
