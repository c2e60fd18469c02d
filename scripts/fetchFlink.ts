/**
 * `npm run flink:fetch [-- --version 1.20.3]`: fetches a Flink distribution and its example job, for development and checks only, into a folder
 * that git ignores (`.flink/`). The tests need none of it.
 *
 * The distribution comes from PyPI (`apache-flink-libraries` carries the jars), the example and the SQL gateway from Maven Central, by pip and Maven themselves. Needs Python 3 with
 * pip, a JDK 17 and Maven.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

export const FLINK_VERSION = "2.3.0";
const FOLDER = process.env.FAULTLINE_FLINK ?? join(__dirname, "..", ".flink");

const REPOSITORY = join(FOLDER, "m2");

/** `FLINK_HOME` of a fetched version, whether it is there or not. */
export function fetchedHome(version = FLINK_VERSION): string {
  return join(FOLDER, version);
}

export function fetchedExample(version = FLINK_VERSION): string {
  return join(FOLDER, version, "examples", "TopSpeedWindowing.jar");
}

function fetchDistribution(version: string): void {
  const home = fetchedHome(version);
  if (existsSync(join(home, "lib"))) return;
  const download = join(FOLDER, `download-${version}`);
  rmSync(download, { recursive: true, force: true });
  mkdirSync(download, { recursive: true });
  const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "-d", download];
  execFileSync("python3", [...pip, `apache-flink-libraries==${version}`], { stdio: ["ignore", "inherit", "inherit"] });
  const [archive] = readdirSync(download);
  if (archive === undefined) throw new Error("pip downloaded nothing.");
  const file = join(download, archive);
  execFileSync("python3", [
    "-c",
    "import shutil,sys; shutil.unpack_archive(sys.argv[1], sys.argv[2], 'zip' if sys.argv[1].endswith('.whl') else 'gztar')",
    file,
    download,
  ]);
  // A wheel has them in pyflink/, a source archive in NAME-VERSION/deps/; up to 1.20 the name has dashes.
  const source = [
    join(download, "pyflink"),
    join(download, `apache_flink_libraries-${version}`, "deps"),
    join(download, `apache-flink-libraries-${version}`, "deps"),
  ].find((folder) => existsSync(join(folder, "lib")));
  if (source === undefined) throw new Error(`There is no Flink in ${archive}.`);
  renameSync(source, home);
  rmSync(download, { recursive: true, force: true });
}

/** The SQL client stands on it; the distribution's archive has it, what PyPI has does not. */
function fetchSqlGateway(version: string): void {
  const jar = `flink-sql-gateway-${version}.jar`;
  const target = join(fetchedHome(version), "opt", jar);
  if (existsSync(target)) return;
  mvn(
    "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:get",
    `-Dartifact=org.apache.flink:flink-sql-gateway:${version}:jar`,
    "-Dtransitive=false",
  );
  copyFileSync(join(REPOSITORY, "org/apache/flink/flink-sql-gateway", version, jar), target);
}

function mvn(...goals: string[]): Buffer {
  return execFileSync("mvn", ["-q", "-B", `-Dmaven.repo.local=${REPOSITORY}`, ...goals]);
}

/** Up to 1.20 the examples are published within the distribution's archive alone, and not in Maven Central. */
function hasPublishedExample(version: string): boolean {
  return !version.startsWith("1.");
}

/** The parent POM of the examples is not published; an empty one in a repository of our own stands in for it. */
function fetchExample(version: string): void {
  if (existsSync(fetchedExample(version)) || !hasPublishedExample(version)) return;
  mkdirSync(join(fetchedHome(version), "examples"), { recursive: true });
  mkdirSync(REPOSITORY, { recursive: true });
  const parent = join(REPOSITORY, "parent.pom");
  writeFileSync(
    parent,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>org.apache.flink</groupId><artifactId>flink-examples</artifactId><version>${version}</version><packaging>pom</packaging></project>\n`,
  );
  mvn("org.apache.maven.plugins:maven-install-plugin:3.1.1:install-file", `-Dfile=${parent}`, `-DpomFile=${parent}`);
  mvn(
    "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:get",
    `-Dartifact=org.apache.flink:flink-examples-streaming:${version}:jar:TopSpeedWindowing`,
    "-Dtransitive=false",
  );
  copyFileSync(
    join(
      REPOSITORY,
      "org/apache/flink/flink-examples-streaming",
      version,
      `flink-examples-streaming-${version}-TopSpeedWindowing.jar`,
    ),
    fetchedExample(version),
  );
}

if (require.main === module) {
  const { values } = parseArgs({ options: { version: { type: "string", default: FLINK_VERSION } } });
  fetchDistribution(values.version);
  fetchExample(values.version);
  fetchSqlGateway(values.version);
  process.stdout.write(`export FLINK_HOME=${fetchedHome(values.version)}\n`);
}
