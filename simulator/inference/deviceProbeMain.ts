/** Process that tries one device: `deviceProbeMain DEVICE MODEL`. Prints one line of JSON, `{device, ms}` or `{error}`. */
import { performance } from "node:perf_hooks";
import { deviceCandidates } from "./device";
import { ModelSession } from "./modelSession";
import { warmUp } from "./warmUp";

async function main(): Promise<void> {
  const [device = "cpu", path = ""] = process.argv.slice(2);
  try {
    const startedMs = performance.now();
    const session = await ModelSession.open({ path, candidates: deviceCandidates(device, 0, []), intraOpThreads: 1 });
    await warmUp(session, 1, 1);
    process.stdout.write(`${JSON.stringify({ device: session.device, ms: performance.now() - startedMs })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`);
  }
  // Drivers leave threads behind; the answer is out.
  process.exit(0);
}

void main();
