/** A slider over values that a person would choose, with a name, and what it is set to beside it. Keys and screen readers are the platform's. */

export interface SettingSlider<T> {
  readonly element: HTMLElement;
  value: T;
  /** Puts a value among those that can be chosen. */
  offer(value: T): void;
}

export function settingSlider<T extends string | number | undefined>(options: {
  readonly id: string;
  readonly label: string;
  readonly hint?: string;
  readonly values: readonly T[];
  readonly initial: T;
  readonly text: (value: T) => string;
  readonly changed: () => void;
}): SettingSlider<T> {
  let values = [...options.values];
  let chosen = options.initial;
  const element = document.createElement("div");
  element.className = "setting";
  const label = document.createElement("label");
  label.htmlFor = options.id;
  label.textContent = options.label;
  const output = document.createElement("output");
  output.htmlFor.add(options.id);
  const input = document.createElement("input");
  input.type = "range";
  input.id = options.id;
  input.min = "0";
  input.step = "1";
  if (options.hint !== undefined) {
    input.title = options.hint;
    label.title = options.hint;
  }
  const show = (): void => {
    const text = options.text(chosen);
    input.max = String(values.length - 1);
    input.value = String(Math.max(0, values.indexOf(chosen)));
    input.setAttribute("aria-valuetext", text);
    output.textContent = text;
  };
  const offer = (value: T): void => {
    if (values.includes(value)) return;
    values = [...values, value];
    // `undefined`, which stands for what the job or the program says, stays where it is.
    if (typeof value === "number") {
      values.sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : 0));
    }
  };
  offer(chosen);
  input.addEventListener("input", () => {
    chosen = values[Number(input.value)];
    show();
    options.changed();
  });
  element.append(label, output, input);
  show();
  return {
    element,
    get value() {
      return chosen;
    },
    set value(value: T) {
      offer(value);
      chosen = value;
      show();
    },
    offer(value: T) {
      offer(value);
      show();
    },
  };
}
