/**
 * A Flink distribution on this machine (`FLINK_HOME`): the unpacked archive, or what the Python package `apache-flink-libraries` carries
 * (`pyflink/`). Both have the jars in `lib`; nothing else is needed, since processes are started without Flink's shell scripts.
 */
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { FaultlineError } from "../graph/errors";
import { type FlinkVersion, OLDEST_FLINK, isSupported, parseFlinkVersion, versionText } from "./flinkVersion";

export interface FlinkDistribution {
  readonly home: string;
  readonly version: FlinkVersion;
  /** `lib/*`, absolute. */
  readonly jars: readonly string[];
}

/** @throws FaultlineError FL5010 when the folder holds no Flink, FL5003 when it is an old one. */
export function openDistribution(home: string | undefined): FlinkDistribution {
  if (home === undefined || home === "") {
    throw FaultlineError.of(
      "FL5010",
      "It is not said where Flink is.",
      "Set FLINK_HOME to the folder of a Flink distribution, the one that holds `lib`.",
    );
  }
  const folder = resolve(home);
  const lib = join(folder, "lib");
  const names = statSync(lib, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(lib) : [];
  const dist = names.find((name) => /^flink-dist-.*\.jar$/.test(name));
  if (dist === undefined) {
    throw FaultlineError.of(
      "FL5010",
      "There is no Flink distribution in this folder: lib/flink-dist-VERSION.jar is missing.",
      "FLINK_HOME names the folder that holds `lib`.",
      { file: folder },
    );
  }
  const version = parseFlinkVersion(dist.slice("flink-dist-".length, -".jar".length));
  if (version === undefined || !isSupported(version)) {
    throw FaultlineError.of(
      "FL5003",
      `This is Flink ${version === undefined ? "of an unknown version" : versionText(version)}; ${OLDEST_FLINK} is the oldest that is supported.`,
      "Use a newer Flink.",
      { file: folder },
    );
  }
  const jars = names.filter((name) => name.endsWith(".jar")).map((name) => join(lib, name));
  return { home: folder, version, jars };
}

/** A jar of the distribution's `opt` folder by the beginning of its name, such as the SQL client. */
export function optionalJar(distribution: FlinkDistribution, prefix: string): string | undefined {
  const folder = join(distribution.home, "opt");
  const names = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(folder) : [];
  const found = names.find((name) => name.startsWith(prefix) && name.endsWith(".jar"));
  return found === undefined ? undefined : join(folder, found);
}
