/** The catalogue of faults as people choose from it. */
import { FAULT_CATALOGUE } from "../../simulator/faults/catalogue";
import type { FaultParameter as CatalogueParameter } from "../../simulator/faults/faultParameter";
import { formatParameter } from "../../simulator/faults/faultParameter";
import type { FaultChoice, FaultParameter, FaultTargetKind } from "../../webview/protocol";

const TYPES: Readonly<Record<CatalogueParameter["unit"], FaultParameter["type"]>> = {
  ms: "duration",
  bytes: "size",
  "bytes/s": "rate",
  ratio: "probability",
  count: "integer",
  text: "text",
};

export const FAULT_CHOICES: readonly FaultChoice[] = FAULT_CATALOGUE.map((fault) => ({
  fault: fault.name,
  label: fault.title,
  description: fault.description,
  group: fault.group,
  actsOn: fault.targets,
  parameters: fault.parameters.map(parameterChoice),
}));

export function faultsFor(target: string): readonly FaultChoice[] {
  const kind = targetKind(target);
  return FAULT_CHOICES.filter(({ actsOn }) => kind !== undefined && actsOn.includes(kind));
}

/** `service:langid#1` → `service`. */
export function targetKind(target: string): FaultTargetKind | undefined {
  const kind = target.split(":", 1)[0];
  return kind !== undefined && KINDS.has(kind) ? (kind as FaultTargetKind) : undefined;
}

const KINDS: ReadonlySet<string> = new Set<FaultTargetKind>([
  "service",
  "taskmanager",
  "coordinator",
  "task",
  "link",
  "checkpoint",
]);

function parameterChoice(parameter: CatalogueParameter): FaultParameter {
  return {
    name: parameter.name,
    label: parameter.name,
    description: parameter.description,
    type: parameter.values === undefined ? TYPES[parameter.unit] : "choice",
    default: formatParameter(parameter.unit, parameter.default),
    choices: parameter.values,
    required: false,
  };
}
