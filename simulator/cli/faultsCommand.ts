/** `faultline faults`: what can be broken, where, with which parameters, and what cannot act on this machine. */
import type { Command } from "commander";
import { Option } from "commander";
import { machineFacilities } from "../client/faultAvailability";
import { FAULT_CATALOGUE, findFault } from "../faults/catalogue";
import type { FaultDefinition } from "../faults/faultDefinition";
import { formatParameter, rangeText } from "../faults/faultParameter";
import type { CommandIo, OutputFormat } from "./commandIo";
import type { Paint } from "./paint";
import { paintFor } from "./paint";

export function registerFaultsCommand(program: Command, io: CommandIo): void {
  program
    .command("faults")
    .description("what can be broken: every fault, its parameters, and whether it can act on this machine")
    .argument("[fault]", "one of them")
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .action((name: string | undefined, { format }: { format: OutputFormat }) => {
      const faults = name === undefined ? FAULT_CATALOGUE : [findFault(name)];
      if (format === "json") io.out(`${JSON.stringify({ faults: faults.map(faultDocument) }, undefined, 2)}\n`);
      else io.out(`${faultsText(faults, paintFor(io))}\n`);
    });
}

/** For `inject --help`. */
export function faultHelp(): string {
  const width = Math.max(...FAULT_CATALOGUE.map(({ name }) => name.length));
  const rows = FAULT_CATALOGUE.map(({ name, description, parameters }) => {
    const names = parameters.length === 0 ? "" : ` (${parameters.map((parameter) => parameter.name).join(", ")})`;
    return `  ${name.padEnd(width)}  ${/^[^.:]*/.exec(description)?.[0] ?? ""}${names}`;
  });
  return `\nFaults:\n${rows.join("\n")}\n\n\`faultline faults NAME\` says more of one.`;
}

function faultDocument(fault: FaultDefinition): object {
  const { name, title, group, description, injected, healed, targets, links, parameters } = fault;
  const unavailable = fault.available?.(machineFacilities()) ?? null;
  return { name, title, group, description, injected, healed, targets, ...(links === undefined ? {} : { links }), parameters, unavailable };
}

function faultsText(faults: readonly FaultDefinition[], paint: Paint): string {
  return faults
    .map((fault) => {
      const unavailable = fault.available?.(machineFacilities());
      const parameters = fault.parameters.map((parameter) => {
        const { name, unit, description } = parameter;
        return `    ${name.padEnd(14)} ${formatParameter(unit, parameter.default).padEnd(9)} ${description} ${paint.dim(rangeText(parameter))}`;
      });
      return [
        `${paint.bold(fault.name)}  ${paint.dim(`${fault.group}; acts on ${fault.targets.join(", ")}`)}`,
        `  ${fault.description}`,
        `  Healed: ${fault.healed}`,
        ...(unavailable === undefined ? [] : [paint.yellow(`  Cannot act here. ${unavailable}`)]),
        ...parameters,
      ].join("\n");
    })
    .join("\n\n");
}
