/** One parameter of a fault as a field: what it is, its unit, its default, and what is wrong with what was typed. */
import type { FaultParameter } from "../protocol";

export interface ParameterField {
  readonly element: HTMLElement;
  readonly name: string;
  readonly value: string;
  /** Says what is wrong, beside the field; undefined when nothing is. */
  check(): string | undefined;
  focus(): void;
}

const FORMS: Readonly<
  Record<FaultParameter["type"], { readonly pattern: RegExp; readonly wanted: string } | undefined>
> = {
  duration: { pattern: /^\d+(\.\d+)?\s*(ms|s|m|h)$/, wanted: "a duration such as 250ms, 10s or 5m" },
  size: { pattern: /^\d+(\.\d+)?\s*([kmgt]i?)?b?$/i, wanted: "a size such as 512KiB or 64MiB" },
  rate: { pattern: /^\d+(\.\d+)?\s*([kmgt]i?)?b?(\/s)?$/i, wanted: "a rate such as 1MiB/s" },
  probability: { pattern: /^(0(\.\d+)?|1(\.0+)?|\.\d+)$/, wanted: "a number from 0 to 1" },
  integer: { pattern: /^\d+$/, wanted: "a whole number" },
  text: undefined,
  choice: undefined,
};

let made = 0;

export function parameterField(parameter: FaultParameter): ParameterField {
  const id = `parameter-${++made}`;
  const element = document.createElement("div");
  element.className = "fault-parameter";
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = parameter.label;
  const input = parameter.choices === undefined ? document.createElement("input") : document.createElement("select");
  input.id = id;
  if (input instanceof HTMLSelectElement) {
    for (const choice of parameter.choices ?? []) input.append(new Option(choice, choice));
  } else {
    input.type = "text";
    input.spellcheck = false;
    input.autocomplete = "off";
  }
  input.value = parameter.default ?? "";
  if (parameter.required) input.required = true;
  const about = document.createElement("p");
  about.id = `${id}-about`;
  about.textContent = parameter.description;
  const wrong = document.createElement("p");
  wrong.id = `${id}-wrong`;
  wrong.className = "fault-wrong";
  wrong.setAttribute("role", "alert");
  input.setAttribute("aria-describedby", `${about.id} ${wrong.id}`);
  element.append(label, input, about, wrong);
  const check = (): string | undefined => {
    const value = input.value.trim();
    const form = FORMS[parameter.type];
    const problem =
      value === ""
        ? parameter.required
          ? "This is needed."
          : undefined
        : form !== undefined && !form.pattern.test(value)
          ? `Write ${form.wanted}.`
          : undefined;
    wrong.textContent = problem ?? "";
    if (problem === undefined) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
    return problem;
  };
  input.addEventListener("change", check);
  return {
    element,
    name: parameter.name,
    get value() {
      return input.value.trim();
    },
    check,
    focus: () => input.focus(),
  };
}
