/** `faultline export JOB --to flink|triton|kserve DIR`: the job for what carries it beyond this machine. */
import { Option, type Command } from "commander";
import { EXPORT_TARGETS, exportJob, type ExportTarget } from "../client/exportJob";
import type { CommandIo, OutputFormat } from "./commandIo";
import { paintFor } from "./paint";

interface ExportCommandOptions {
  readonly to: ExportTarget;
  readonly force?: true;
  readonly flinkVersion?: string;
  readonly format: OutputFormat;
}

export function registerExportCommand(program: Command, io: CommandIo): void {
  program
    .command("export")
    .description("write a job for Flink, or its models for Triton or KServe")
    .argument("<job>", "job file (NAME.faultline.json)")
    .argument("<dir>", "folder to write into; it must be empty")
    .addOption(
      new Option("--to <target>", "flink: a Maven project; triton: a model repository; kserve: manifests with one")
        .choices(EXPORT_TARGETS)
        .makeOptionMandatory(),
    )
    .option("--force", "write into a folder that is not empty; files of the same names are replaced")
    .option("--flink-version <version>", "version of Flink to build against")
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .action(async (job: string, directory: string, options: ExportCommandOptions) => {
      const result = await exportJob({
        jobFile: job,
        target: options.to,
        directory,
        force: options.force === true,
        ...(options.flinkVersion === undefined ? {} : { flinkVersion: options.flinkVersion }),
      });
      if (options.format === "json") {
        io.out(`${JSON.stringify({ target: options.to, ...result })}\n`);
        return;
      }
      const paint = paintFor(io);
      io.out(`${paint.bold(`${result.files.length} files in ${result.directory}`)}\n`);
      for (const file of result.files) io.out(`  ${file}\n`);
      for (const note of result.notes) io.out(`${paint.yellow("note")} ${note}\n`);
    });
}
