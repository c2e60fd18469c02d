/** A real Flink for the scripts that need one: a cluster in a temporary folder, the jobs to run on it, and waiting for what it does. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openDistribution, type FlinkDistribution } from "../simulator/flink/flinkDistribution";
import { FlinkRestClient } from "../simulator/flink/restClient";
import { StandaloneCluster } from "../simulator/flink/standaloneCluster";
import { fetchedExample, fetchedHome } from "./fetchFlink";

export interface Rig {
  readonly distribution: FlinkDistribution;
  readonly cluster: StandaloneCluster;
  readonly folder: string;
  stop(): Promise<void>;
}

export async function startRig(options: {
  readonly home?: string;
  readonly taskManagers: number;
  readonly slots: number;
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}): Promise<Rig> {
  const home = options.home ?? process.env.FLINK_HOME ?? fetchedHome();
  if (!existsSync(home)) throw new Error("There is no Flink: npm run flink:fetch, or set FLINK_HOME.");
  const distribution = openDistribution(home);
  const folder = mkdtempSync(join(tmpdir(), "faultline-flink-"));
  const { taskManagers, slots, settings } = options;
  const cluster = await StandaloneCluster.start({
    distribution,
    directory: folder,
    taskManagers,
    slots,
    ...(settings === undefined ? {} : { settings }),
  });
  const rig: Rig = {
    distribution,
    cluster,
    folder,
    stop: async () => {
      await cluster.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await slotsReady(cluster.url, taskManagers);
  } catch (error) {
    process.stderr.write(`${cluster.logTail("jobmanager", 5)}\n${cluster.logTail(0, 5)}\n`);
    await rig.stop();
    throw error;
  }
  return rig;
}

/** Waits until so many TaskManagers have registered. */
export async function slotsReady(url: string, taskManagers: number, limitMs = 90_000): Promise<void> {
  const until = Date.now() + limitMs;
  for (;;) {
    try {
      const client = await FlinkRestClient.connect({ url, timeoutMs: 5_000 });
      const found = await client.taskManagers().finally(() => client.close());
      if (found.length >= taskManagers) return;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    if (Date.now() > until) throw new Error("The TaskManagers did not register in time.");
    await sleep(250);
  }
}

/** A job of `scripts/flinkJobs`, compiled against the distribution. */
export function compileJob(name: string, distribution: FlinkDistribution, folder: string): string {
  const classes = join(folder, `classes-${name}`);
  mkdirSync(classes, { recursive: true });
  execFileSync("javac", [
    "-cp",
    distribution.jars.join(delimiter),
    "-d",
    classes,
    join(__dirname, "flinkJobs", `${name}.java`),
  ]);
  const jar = join(folder, `${name}.jar`);
  execFileSync("jar", ["--create", "--file", jar, "--main-class", name, "-C", classes, "."]);
  return jar;
}

/** A job with an ALL_TO_ALL exchange: Flink's own example with a keyed window, or one of ours where that is not published. */
export function allToAllJob(
  distribution: FlinkDistribution,
  folder: string,
): { readonly jar: string; readonly parallelism: number | undefined } {
  const example = fetchedExample(distribution.version.text);
  if (existsSync(example)) return { jar: example, parallelism: 4 };
  return { jar: compileJob("AllToAllJob", distribution, folder), parallelism: undefined };
}

export const STEADY_JOB: Readonly<Record<string, string>> = {
  "execution.checkpointing.interval": "2s",
  "restart-strategy.type": "fixed-delay",
  "restart-strategy.fixed-delay.attempts": "1000",
  "restart-strategy.fixed-delay.delay": "500ms",
};
