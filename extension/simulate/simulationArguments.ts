/** What the person set in the view, as the command line takes it. */
import type { SimulationSettings } from "../../webview/simulate/protocol";

export function simulationArguments(jobFile: string, settings: SimulationSettings): readonly string[] {
  const { parallelism, instances, gpus, rate, loadTime, sweep } = settings;
  const options: readonly (readonly [string, string | number | undefined])[] = [
    ["--duration", settings.duration],
    ["--seeds", settings.seeds],
    ["--deployments", settings.deployments.join(",")],
    ["--strategies", settings.strategies.join(",")],
    ["--parallelism", parallelism],
    ["--instances", instances],
    ["--gpus", gpus],
    ["--rate", rate],
    ["--load-time", loadTime],
    ["--calibrate", settings.calibrate],
    ["--sweep", sweep === undefined ? undefined : `${sweep}=${sweepRange(settings[sweep] ?? 1)}`],
  ];
  const mtbf = Object.entries(settings.mtbf).map(([kind, time]) => `${kind}=${time}`);
  return [
    "simulate",
    jobFile,
    ...options.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)])),
    ...(mtbf.length === 0 ? [] : ["--mtbf", ...mtbf]),
    ...(sweep === undefined ? ["--keep"] : []),
    "--progress",
    "json",
    "--format",
    "json",
  ];
}

/** From a sixteenth to the whole. */
function sweepRange(to: number): string {
  return `${Math.max(1, Math.floor(to / 16))}..${to}`;
}
