/** The view `Simulate at Scale`: what is set, how far it is, and what it gave. */
import type { Deployment } from "../../simulator/graph/jobFile";
import { type Button, button } from "../controls";
import type {
  FailureName,
  SimulateHostMessage,
  SimulateViewMessage,
  SimulateViewState,
  SimulationSettings,
  SweptSetting,
} from "./protocol";
import { resultView, sweepView } from "./resultView";
import { type SettingSlider, settingSlider } from "./settingSlider";

export interface SimulatePageHost {
  readonly saved: SimulateViewState;
  send(message: SimulateViewMessage): void;
  keep(state: SimulateViewState): void;
}

type JobMessage = Extract<SimulateHostMessage, { kind: "job" }>;

const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 2_000, 4_000, 8_000];
const RATES = [10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000];
const LOADS = ["100ms", "1s", "2s", "5s", "10s", "20s", "40s", "1m", "2m", "5m"];
const DURATIONS = ["1m", "5m", "10m", "30m", "1h", "2h", "6h", "12h", "1d", "7d"];
const MTBF = [undefined, "365d", "90d", "30d", "7d", "2d", "1d", "12h", "6h", "1h", "30m", "10m", "5m", "1m"];
const SEEDS = [1, 2, 3, 5, 10, 20];
const DEPLOYMENTS: readonly Deployment[] = ["embedded", "sidecar", "rpc-service", "external"];
const STRATEGIES = ["region", "full"] as const;
const FAILURES: readonly (readonly [FailureName, string, string])[] = [
  [
    "device",
    "A GPU is lost",
    "Mean time between failures of one GPU. Every copy of a model on it is lost; it is back after a minute.",
  ],
  [
    "node",
    "A node is lost",
    "Mean time between failures of one node, with every process on it; it is back after a minute.",
  ],
  ["taskmanager", "A TaskManager crashes", "Mean time between failures of one TaskManager's process."],
  [
    "model",
    "A model's process crashes",
    "Mean time between failures of one copy of a model. Where it is embedded, that takes its TaskManager along.",
  ],
  ["task", "A function fails", "Mean time between failures of one stream task."],
  ["coordinator", "The coordinator crashes", "Mean time between failures of the coordinator."],
];
const SWEPT: readonly (readonly [SweptSetting, string])[] = [
  ["parallelism", "parallelism"],
  ["instances", "instances"],
  ["gpus", "GPUs"],
  ["rate", "records a second"],
];

const INITIAL: SimulationSettings = {
  parallelism: undefined,
  instances: undefined,
  gpus: undefined,
  rate: undefined,
  loadTime: undefined,
  duration: "1h",
  seeds: 3,
  deployments: ["embedded", "rpc-service"],
  strategies: ["region"],
  // With a few copies of the model, some failures in each run: without any, every deployment is as good as the next.
  mtbf: { model: "10m" },
  sweep: undefined,
  calibrate: undefined,
};

const PURPOSE =
  "What would this job do at another size, for hours or days, with failures? It runs in virtual time, once under each deployment that is ticked and from several seeds: hours take seconds, nothing else is started, and no code of the folder runs. " +
  "Simulate shows what each deployment gives, how long it is down, and what that costs.";

const count = (value: number): string => value.toLocaleString("en");

export class SimulatePage {
  private readonly sliders: {
    readonly parallelism: SettingSlider<number | undefined>;
    readonly instances: SettingSlider<number | undefined>;
    readonly gpus: SettingSlider<number | undefined>;
    readonly rate: SettingSlider<number | undefined>;
    readonly loadTime: SettingSlider<string | undefined>;
    readonly duration: SettingSlider<string>;
    readonly seeds: SettingSlider<number>;
    readonly mtbf: ReadonlyMap<FailureName, SettingSlider<string | undefined>>;
  };
  private readonly boxes = new Map<string, HTMLInputElement>();
  private readonly sweep = document.createElement("select");
  private readonly calibrate = document.createElement("select");
  private readonly heading = document.createElement("h1");
  private readonly run: Button;
  private readonly cancel: Button;
  private readonly progress = document.createElement("progress");
  private readonly status = document.createElement("p");
  private readonly results = document.createElement("div");
  private readonly main = document.createElement("main");
  private job: JobMessage | undefined;
  private jobFile: string | undefined;

  constructor(
    root: HTMLElement,
    private readonly host: SimulatePageHost,
  ) {
    const settings = host.saved.settings ?? INITIAL;
    this.jobFile = host.saved.jobFile;
    const changed = (): void => this.changed();
    const fromJob = (value: number | undefined): string => (value === undefined ? "as in the job file" : count(value));
    const slider = <T extends string | number | undefined>(
      id: string,
      label: string,
      values: readonly T[],
      initial: T,
      text: (value: T) => string,
      hint?: string,
    ): SettingSlider<T> =>
      settingSlider({ id, label, values, initial, text, changed, ...(hint === undefined ? {} : { hint }) });
    this.sliders = {
      parallelism: slider(
        "parallelism",
        "Parallelism",
        [undefined, ...COUNTS],
        settings.parallelism,
        fromJob,
        "Of every operator that has the job's parallelism.",
      ),
      instances: slider("instances", "Instances of each service", [undefined, ...COUNTS], settings.instances, fromJob),
      gpus: slider(
        "gpus",
        "GPUs",
        [undefined, ...COUNTS],
        settings.gpus,
        (value) => (value === undefined ? "one for each copy" : count(value)),
        "Over all nodes. Copies share a GPU's time where there are fewer.",
      ),
      rate: slider("rate", "Records a second", [undefined, ...RATES], settings.rate, fromJob),
      loadTime: slider(
        "load-time",
        "Model load time",
        [undefined, ...LOADS],
        settings.loadTime,
        (value) => value ?? "as measured",
      ),
      duration: slider("duration", "Virtual time", DURATIONS, settings.duration, (value) => value),
      seeds: slider(
        "seeds",
        "Seeds",
        SEEDS,
        settings.seeds,
        (value) => String(value),
        "Runs of each combination: the more, the narrower the intervals.",
      ),
      mtbf: new Map(
        FAILURES.map(([kind, label, hint]) => [
          kind,
          slider(
            `mtbf-${kind}`,
            label,
            MTBF,
            settings.mtbf[kind],
            (value) => (value === undefined ? "never" : `every ${value} each`),
            hint,
          ),
        ]),
      ),
    };
    this.run = button({ label: "Simulate", look: "primary", key: "Ctrl+Enter", press: () => this.start() });
    this.cancel = button({
      label: "Cancel",
      look: "secondary",
      key: "Escape",
      press: () => this.host.send({ kind: "cancel" }),
    });
    root.append(this.form(settings), this.outcome());
    this.setRunning(false);
    root.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.start();
      else if (event.key === "Escape" && !this.cancel.element.hasAttribute("disabled"))
        this.host.send({ kind: "cancel" });
      else return;
      event.preventDefault();
    });
  }

  receive(message: SimulateHostMessage): void {
    switch (message.kind) {
      case "job":
        this.job = message;
        this.jobFile = message.jobFile;
        this.heading.textContent = `Simulate ${message.job} at scale`;
        this.offerRuns(message);
        for (const box of this.deploymentBoxes()) box.disabled = !message.hasServices;
        this.changed();
        document.body.dataset["ready"] = "job";
        return;
      case "progress":
        this.setRunning(true);
        this.progress.value = message.share;
        this.status.textContent = `${Math.floor(message.share * 100)} %${message.what === "" ? "" : `: ${message.what}`}`;
        return;
      case "results":
        this.ended(`${message.results.length} combinations in ${message.seconds.toFixed(1)} s.`);
        this.show(
          ...resultView(message.results, message.journals, ({ run }, what) =>
            this.host.send({ kind: what === "graph" ? "openJournal" : "openReport", run }),
          ),
        );
        document.body.dataset["ready"] = "results";
        return;
      case "sweep":
        this.ended(`${message.points.length} values in ${message.seconds.toFixed(1)} s.`);
        this.show(...sweepView(this.job?.job ?? "", message.parameter, message.points));
        document.body.dataset["ready"] = "sweep";
        return;
      case "failed":
        this.ended("");
        this.show(problemBox(message.problem));
        return;
      case "cancelled":
        this.ended("Cancelled.");
        return;
    }
  }

  private form(settings: SimulationSettings): HTMLElement {
    const form = document.createElement("form");
    form.setAttribute("aria-label", "What is simulated");
    form.addEventListener("submit", (event) => event.preventDefault());
    this.heading.textContent = "Simulate at scale";
    const { mtbf, ...plain } = this.sliders;
    const actions = document.createElement("div");
    actions.className = "actions";
    actions.append(this.run.element, this.cancel.element);
    form.append(
      this.heading,
      group(
        "Size and load",
        [plain.parallelism, plain.instances, plain.gpus, plain.rate, plain.loadTime].map(({ element }) => element),
      ),
      group(
        "How often things fail",
        [...mtbf.values()].map(({ element }) => element),
      ),
      group("Compared", [
        this.checks("Deployments", DEPLOYMENTS, settings.deployments, "deployment"),
        this.checks("Failover strategies", STRATEGIES, settings.strategies, "strategy"),
      ]),
      group("How", [
        plain.duration.element,
        plain.seeds.element,
        this.sweepField(settings),
        this.calibrateField(settings),
      ]),
      actions,
    );
    return form;
  }

  private outcome(): HTMLElement {
    const { main } = this;
    this.progress.max = 1;
    this.progress.setAttribute("aria-label", "Progress of the simulation");
    this.status.setAttribute("role", "status");
    this.results.className = "results";
    const purpose = document.createElement("p");
    purpose.className = "quiet";
    purpose.textContent = PURPOSE;
    this.results.append(purpose);
    main.append(this.progress, this.status, this.results);
    return main;
  }

  private show(...what: readonly HTMLElement[]): void {
    this.results.replaceChildren(...what);
    this.bringIntoSight();
  }

  /** Where there is no room beside what is set, what comes of it lies below. */
  private bringIntoSight(): void {
    if (this.main.getBoundingClientRect().top > window.innerHeight / 2) this.main.scrollIntoView();
  }

  private checks(name: string, values: readonly string[], chosen: readonly string[], kind: string): HTMLElement {
    const set = document.createElement("fieldset");
    set.className = "checks";
    const legend = document.createElement("legend");
    legend.textContent = name;
    set.append(legend);
    for (const value of values) {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = chosen.includes(value);
      box.addEventListener("change", () => this.changed());
      label.append(box, document.createTextNode(` ${value}`));
      this.boxes.set(`${kind} ${value}`, box);
      set.append(label);
    }
    return set;
  }

  private sweepField(settings: SimulationSettings): HTMLElement {
    this.sweep.append(option("", "no sweep"), ...SWEPT.map(([value, label]) => option(value, label)));
    this.sweep.value = settings.sweep ?? "";
    this.sweep.addEventListener("change", () => this.changed());
    return field("sweep", "Sweep of", this.sweep, "From a sixteenth of what is set to what is set, doubled each time.");
  }

  private calibrateField(settings: SimulationSettings): HTMLElement {
    this.calibrate.append(option("", "usual ones"));
    if (settings.calibrate !== undefined) this.calibrate.append(option(settings.calibrate, settings.calibrate));
    this.calibrate.value = settings.calibrate ?? "";
    this.calibrate.addEventListener("change", () => this.changed());
    return field(
      "calibrate",
      "Times",
      this.calibrate,
      "Process starts, model loads, model runs, detection and checkpoints, as a run of this job showed them.",
    );
  }

  private offerRuns({ runs }: JobMessage): void {
    const { value } = this.calibrate;
    const known = runs.map(({ id, startedAt }) => option(id, `of the run of ${new Date(startedAt).toLocaleString()}`));
    this.calibrate.replaceChildren(option("", "usual ones"), ...known);
    this.calibrate.value = runs.some(({ id }) => id === value) ? value : "";
  }

  private settings(): SimulationSettings {
    const { mtbf, ...plain } = this.sliders;
    const checked = <T extends string>(kind: string, values: readonly T[]): readonly T[] =>
      values.filter((value) => this.boxes.get(`${kind} ${value}`)?.checked === true);
    const deployments = checked("deployment", DEPLOYMENTS);
    const strategies = checked("strategy", STRATEGIES);
    const sweep = SWEPT.map(([value]) => value).find((value) => value === this.sweep.value);
    return {
      parallelism: plain.parallelism.value ?? (sweep === "parallelism" ? this.job?.parallelism : undefined),
      instances: plain.instances.value ?? (sweep === "instances" ? this.job?.instances : undefined),
      gpus: plain.gpus.value ?? (sweep === "gpus" ? this.job?.instances : undefined),
      rate: plain.rate.value ?? (sweep === "rate" ? 1_000 : undefined),
      loadTime: plain.loadTime.value,
      duration: plain.duration.value,
      seeds: plain.seeds.value,
      deployments,
      strategies,
      mtbf: Object.fromEntries([...mtbf].flatMap(([kind, { value }]) => (value === undefined ? [] : [[kind, value]]))),
      sweep,
      calibrate: this.calibrate.value === "" ? undefined : this.calibrate.value,
    };
  }

  private changed(): void {
    const settings = this.settings();
    const { jobFile } = this;
    this.host.keep({ settings, ...(jobFile === undefined ? {} : { jobFile }) });
    const nothing =
      settings.deployments.length === 0
        ? "Choose a deployment."
        : settings.strategies.length === 0
          ? "Choose a failover strategy."
          : undefined;
    this.run.set({
      disabled: this.job === undefined || nothing !== undefined || this.isRunning,
      hint: nothing ?? "Simulate",
    });
  }

  private start(): void {
    if (this.run.element.hasAttribute("disabled")) return;
    this.setRunning(true);
    this.progress.value = 0;
    this.status.textContent = "Starting…";
    this.bringIntoSight();
    this.host.send({ kind: "simulate", settings: this.settings() });
  }

  private ended(text: string): void {
    this.setRunning(false);
    this.status.textContent = text;
  }

  private isRunning = false;

  private setRunning(running: boolean): void {
    this.isRunning = running;
    this.progress.hidden = !running;
    this.cancel.set({ disabled: !running });
    this.changed();
  }

  private deploymentBoxes(): readonly HTMLInputElement[] {
    return DEPLOYMENTS.flatMap((value) => this.boxes.get(`deployment ${value}`) ?? []);
  }
}

function group(title: string, members: readonly HTMLElement[]): HTMLElement {
  const section = document.createElement("section");
  const heading = document.createElement("h2");
  heading.textContent = title;
  section.append(heading, ...members);
  return section;
}

function option(value: string, label: string): HTMLOptionElement {
  const element = document.createElement("option");
  element.value = value;
  element.textContent = label;
  return element;
}

function field(id: string, text: string, control: HTMLElement, hint: string): HTMLElement {
  const element = document.createElement("div");
  element.className = "setting";
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = text;
  label.title = hint;
  control.id = id;
  control.title = hint;
  element.append(label, control);
  return element;
}

function problemBox(problem: {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}): HTMLElement {
  const element = document.createElement("p");
  element.className = "problem";
  element.setAttribute("role", "alert");
  element.textContent = `${problem.message}${problem.hint === undefined ? "" : ` ${problem.hint}`} (${problem.code})`;
  return element;
}
