/**
 * What waking up costs in the extension host of a real VS Code, by the host's own account: the columns of `Developer: Startup Performance`. The
 * packaged extension, as it ships; each start in a window of its own. Figures are printed; none fails, since machines differ.
 */
import { join } from "node:path";
import { packageExtension } from "../../scripts/package";
import { buildAll } from "../../scripts/build";
import { assertAllPassed, runExtensionHostTests } from "../e2e/harness/extensionHostTests";
import { REPOSITORY } from "../e2e/extensionVsix";
import { VscodeServer } from "../e2e/harness/vscodeServer";

const STARTS = 7;

interface Activation {
  readonly load: number;
  readonly call: number;
  readonly finish: number;
}

async function main(): Promise<void> {
  await buildAll({ minify: true });
  const vsix = await packageExtension({
    out: join(REPOSITORY, ".test-output", "faultline-activation.vsix"),
    build: false,
  });
  const server = await VscodeServer.start({ vsix: [vsix] });
  const starts: Activation[] = [];
  try {
    for (let i = 0; i < STARTS; i++) {
      const result = await runExtensionHostTests(server, {
        files: [join(REPOSITORY, "test", "e2e", "extensionHost", "activation.ts")],
      });
      assertAllPassed(result);
      const line = result.log
        .map((one) => /load (\d+) ms, activate (\d+) ms, finish (\d+) ms/.exec(one))
        .find((one) => one !== null);
      if (line === undefined) throw new Error("The extension host said nothing of its activation.");
      starts.push({ load: Number(line[1]), call: Number(line[2]), finish: Number(line[3]) });
    }
  } finally {
    await server.dispose();
    await buildAll({ minify: false });
  }
  const row = (what: string, of: (one: Activation) => number): void => {
    const values = starts.map(of).sort((a, b) => a - b);
    const [least, most] = [values[0], values.at(-1)];
    process.stdout.write(
      `${what.padEnd(34)} median ${values[Math.floor(values.length / 2)]} ms (${least} to ${most}, ${values.length} starts)\n`,
    );
  };
  row("loading the code", ({ load }) => load);
  row("calling activate", ({ call }) => call);
  row("until activate had finished", ({ finish }) => finish);
  row("all of it, wanted at most 40", ({ load, call, finish }) => load + call + finish);
}

void main();
