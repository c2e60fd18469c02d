/** `docs/faults.md`, written from the catalogue. */
import { FAULT_CATALOGUE } from "./catalogue";
import type { FaultDefinition, MachineFacilities } from "./faultDefinition";
import { formatParameter, rangeText } from "./faultParameter";

const BARE_MACHINE: MachineFacilities = { platform: "none", addressSpaceLimit: false, fullDevice: false, failingDevice: false, stopSignals: false };

const INTRODUCTION = `# Faults

Everything that can be broken on purpose. Each fault really happens: a crash is a SIGKILL, a full disk is the kernel's ENOSPC, a late answer on a link is held back on its
socket. \`faultline faults\` shows this list with what can act on your machine; this page is made from the same catalogue.

\`\`\`bash
faultline inject latest crash 'service:langid#1'
faultline inject latest hang taskmanager:0 --set duration=5s
faultline heal latest
\`\`\`

**Targets**: \`service:langid#1\` (one instance; under \`embedded\` the task that carries that copy of the model), \`taskmanager:0\`, \`coordinator\`, \`task:VERTEX#INDEX\`,
\`link:A->B\` with two of the processes before; \`*\` stands for any. On a link, "forward" is what goes from A to B.

**Values** have units: durations \`250ms\`, \`10s\`, \`5m\`; sizes \`64KiB\`, \`16MiB\`; rates \`1MiB/s\`; probabilities \`0.5\` or \`50%\`. A fault with a \`duration\` of 0 lasts until it is healed.

**Whether it took effect** is in the run's journal as \`fault.effective\`, with what was seen. A fault without that event did not happen, and an experiment with it has failed. A fault that cannot
act on a machine says so before anything is started.
`;

export function faultDocs(): string {
  const groups = [...new Set(FAULT_CATALOGUE.map((fault) => fault.group))];
  const sections = groups.map((group) => `## ${group}\n\n${FAULT_CATALOGUE.filter((fault) => fault.group === group).map(section).join("\n")}`);
  return `${INTRODUCTION}\n${sections.join("\n")}`;
}

function section(fault: FaultDefinition): string {
  const lines = [
    `### \`${fault.name}\``,
    "",
    fault.description,
    "",
    `- **Acts on** ${fault.targets.join(", ")}.`,
    `- **Injected**: ${fault.injected}`,
    `- **Healed**: ${fault.healed}`,
    ...(fault.available?.(BARE_MACHINE) === undefined ? [] : [`- **Not everywhere**: ${fault.available(BARE_MACHINE) ?? ""}`]),
    "",
  ];
  if (fault.parameters.length > 0) {
    lines.push("| parameter | default | range | |", "|---|---|---|---|");
    for (const parameter of fault.parameters) {
      const fallback = formatParameter(parameter.unit, parameter.default);
      lines.push(`| \`${parameter.name}\` | \`${fallback}\` | ${rangeText(parameter).replace(/^From /, "from ")} | ${parameter.description} |`);
    }
    lines.push("");
  }
  return lines.join("\n");
}
