/** The example job as a jar for a real Flink: exported, its places filled with the Java port of its functions, and built with Maven. */
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { exportJob } from "../simulator/client/exportJob";

export const EXAMPLE = join(__dirname, "..", "examples", "language-detection");

/** @param folder where the project is made */
export async function buildExampleJar(folder: string): Promise<string> {
  const project = join(folder, "project");
  await exportJob({
    jobFile: join(EXAMPLE, "language-detection.faultline.json"),
    target: "flink",
    directory: project,
    force: false,
  });
  copyFileSync(
    join(__dirname, "flinkJobs", "languageDetection", "Functions.java"),
    join(project, "src", "main", "java", "job", "Functions.java"),
  );
  const startedAt = Date.now();
  execFileSync("mvn", ["-q", "-B", "package"], { cwd: project, stdio: ["ignore", "inherit", "inherit"] });
  process.stderr.write(`Exported project built in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
  return join(project, "target", "language-detection-1.0.jar");
}
