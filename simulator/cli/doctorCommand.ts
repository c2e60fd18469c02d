/** `faultline doctor`: what this machine offers for running jobs, tried out and not only listed. */
import type { Command } from "commander";
import { Option } from "commander";
import { inspectMachine } from "../client/inspectMachine";
import type { MachineReport } from "../client/inspectMachine";
import type { CommandIo, OutputFormat } from "./commandIo";
import type { Paint } from "./paint";
import { paintFor } from "./paint";

export function registerDoctorCommand(program: Command, io: CommandIo): void {
  program
    .command("doctor")
    .description("what this machine offers: Node, devices that really work, memory, ports, what is missing")
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .action(async ({ format }: { format: OutputFormat }) => {
      const machine = await inspectMachine();
      io.out(format === "json" ? `${JSON.stringify(machine, undefined, 2)}\n` : doctorText(machine, paintFor(io)));
      process.exitCode = machine.missing.length === 0 ? 0 : 1;
    });
}

function doctorText(machine: MachineReport, paint: Paint): string {
  const mark = (good: boolean): string => (good ? paint.green("yes") : paint.dim("no "));
  const lines = [
    `Node        ${machine.node.version}${machine.node.supported ? "" : paint.red(" (20.19 or later is needed)")}`,
    `Machine     ${machine.cores} cores, ${gigabytes(machine.memory.totalBytes)} memory, ${gigabytes(machine.memory.freeBytes)} free, ${machine.platform}`,
    `Runs        ${machine.runs.directory} (${machine.runs.writable ? `${gigabytes(machine.runs.freeBytes)} free` : paint.red("cannot be written")})`,
    `Loopback    ${machine.loopback.works ? `ports can be opened, for example ${machine.loopback.port}` : paint.red("no port can be opened on 127.0.0.1")}`,
    "",
    "Devices (a model was loaded and run on each)",
    ...machine.devices.map((device) => `  ${mark(device.works)} ${device.device.padEnd(10)} ${device.detail}${device.firstRunMs === undefined ? "" : `, first run ${device.firstRunMs.toFixed(1)} ms`}`),
    "",
    machine.missing.length === 0 ? paint.green("Nothing is missing.") : machine.missing.map((sentence) => paint.red(sentence)).join("\n"),
  ];
  return `${lines.join("\n")}\n`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
