/** What is known of the selected element, and what can be done with it. */
import type { FailoverStrategy } from "../simulator/graph/failoverScope";
import type { VertexDescription } from "../simulator/graph/graphDescription";
import { button, choice } from "./controls";
import { displayName } from "./graph/vertexCard";
import { vertexFigures } from "./model/figures";
import { count, duration, percent, plural } from "./model/numberWords";
import { realSubtask, type Picture } from "./model/picture";
import { groupTitle, regionName } from "./model/regionGroups";
import type { RunModel } from "./model/runModel";
import { lookAt, PHASE_WORDS } from "./model/subtaskLook";
import { scopeWords, type FailureScope } from "./model/failureScope";
import type { PictureElement } from "./protocol";

export interface DetailSource {
  readonly picture: Picture;
  readonly run: RunModel | undefined;
  readonly at: number;
  /** Failover strategy that the scopes are of. */
  readonly strategy: FailoverStrategy;
  readonly scope: (vertex: string, index: number) => FailureScope | undefined;
}

export interface DetailActions {
  readonly inject: ((element: PictureElement) => void) | undefined;
  readonly open: ((element: PictureElement) => void) | undefined;
  readonly pick: (element: PictureElement) => void;
  /** Shows the scopes of the other failover strategy. */
  readonly strategy: (strategy: FailoverStrategy) => void;
  readonly close: () => void;
}

type Row = readonly [name: string, value: string];

export function drawDetails(
  host: HTMLElement,
  element: PictureElement,
  source: DetailSource,
  actions: DetailActions,
): void {
  const vertex = "vertex" in element ? source.picture.vertices.get(element.vertex) : undefined;
  host.replaceChildren();
  if (vertex === undefined || !("vertex" in element)) return;
  const head = document.createElement("div");
  head.className = "detail-head";
  const title = document.createElement("h2");
  const name = displayName(vertex.name, vertex.id);
  title.textContent = element.kind === "subtask" ? `${name}#${element.index}` : name;
  head.append(
    title,
    button({
      label: "Close details",
      sign: "M-5-3.6L-3.6-5 0-1.4 3.6-5 5-3.6 1.4 0 5 3.6 3.6 5 0 1.4-3.6 5-5 3.6-1.4 0Z",
      look: "icon",
      press: actions.close,
    }).element,
  );
  host.append(head);

  const acts = document.createElement("div");
  acts.className = "detail-acts";
  const inject = actions.inject;
  if (inject !== undefined) acts.append(button({ label: "Inject Failure…", press: () => inject(element) }).element);
  const open = actions.open;
  if (open !== undefined) acts.append(button({ label: "Go to Definition", press: () => open(element) }).element);
  if (acts.childElementCount > 0) host.append(acts);

  if (element.kind === "subtask") subtaskDetails(host, source, element.vertex, element.index, actions);
  else vertexDetails(host, source, element.vertex, actions);
}

/** What it does at the moment; empty where nothing is known. */
function figureRows(run: RunModel, vertex: VertexDescription, at: number, only?: number): Row[] {
  const figures = vertexFigures(run, vertex, at, only);
  if (figures === undefined) return [];
  if (vertex.kind === "service") {
    const rows: Row[] = [
      ["Requests", `${count(figures.inPerSecond)}/s`],
      ["Queue", `${count(figures.queueDepth)} waiting, ${count(figures.inFlight)} in flight`],
      ["Busy", percent(figures.busy)],
    ];
    if (figures.batch !== undefined) rows.push(["Batch", `${figures.batch.toFixed(1)} requests, mean`]);
    if (figures.p99Ms !== undefined) rows.push(["p99", duration(figures.p99Ms)]);
    return rows;
  }
  const rows: Row[] = [
    ["Records", `${count(figures.inPerSecond)}/s in, ${count(figures.outPerSecond)}/s out`],
    ["Busy", percent(figures.busy)],
    ["Back-pressured", percent(figures.backPressured)],
    ["Idle", percent(figures.idle)],
  ];
  if (vertex.operators.some(({ kind }) => kind === "rpc")) rows.push(["Calls in flight", count(figures.inFlight)]);
  return rows;
}

function subtaskDetails(
  host: HTMLElement,
  source: DetailSource,
  vertex: string,
  index: number,
  actions: DetailActions,
): void {
  const { picture, run, at } = source;
  const name = `${vertex}#${index}`;
  const region = picture.regions.regionOfSubtask.get(name);
  const rows: Row[] = [];
  if (run !== undefined) {
    const look = lookAt(run.attempts, name, at);
    rows.push([
      "State",
      look.look === "idle"
        ? look.words
        : `${look.words}${look.phase === undefined ? "" : ` (${look.phase})`}, for ${duration(Math.max(0, at - look.since))}`,
    ]);
    if (look.attempt > 0) rows.push(["Attempt", `${look.attempt} (${plural(look.restarts, "restart")})`]);
    if (look.cause !== undefined) rows.push(["Last failure", `${look.cause.message} ${look.cause.code}`]);
    const instance = run.attempts.of(name);
    if (instance?.device !== undefined) rows.push(["Device", instance.device]);
    const process = instance?.process;
    const pid = instance?.pid ?? (process === undefined ? undefined : run.facts.processes.get(process)?.at(-1)?.pid);
    if (process !== undefined) rows.push(["Process", pid === undefined ? process : `${process}, pid ${pid}`]);
  }
  const owner = picture.vertices.get(vertex);
  if (run !== undefined && owner !== undefined && !picture.collapsed.has(vertex))
    rows.push(...figureRows(run, owner, at, index));
  if (region !== undefined)
    rows.push(["Region", `${regionName(region.id)}, ${plural(region.subtasks.length, "task")}`]);
  host.append(table(rows));
  scopeDetails(host, source, source.scope(vertex, index), actions);
  if (run !== undefined) attemptDetails(host, run, name, at);
}

function attemptDetails(host: HTMLElement, run: RunModel, name: string, at: number): void {
  const history = run.attempts.of(name);
  const attempts = history?.taskAttempts(6) ?? [];
  const instances = history?.instanceAttempts(6) ?? [];
  if (attempts.length === 0) return;
  host.append(heading("Attempts"));
  for (const attempt of attempts.reverse()) {
    const instance = instances.findLast((one) => one.attempt === attempt.attempt);
    const steps =
      instance === undefined
        ? attempt.states.map(({ state, at: since }) => ({ words: state, since }))
        : instance.phases.map(({ phase, at: since }) => ({ words: `${phase} · ${PHASE_WORDS[phase]}`, since }));
    const end = attempt.states.find(
      ({ state }) => state === "FAILED" || state === "CANCELED" || state === "FINISHED",
    )?.at;
    const rows = steps.map(({ words, since }, i): Row => {
      const until = steps[i + 1]?.since ?? end ?? at;
      return [words, duration(Math.max(0, until - since))];
    });
    const caption = document.createElement("p");
    caption.className = "detail-caption";
    const last = attempt.states.at(-1)?.state ?? "CREATED";
    caption.textContent = `Attempt ${attempt.attempt}: ${last}${instance !== undefined && instance.loadDelayMs > 0 ? `, with a stated load delay of ${duration(instance.loadDelayMs)}` : ""}`;
    host.append(caption, table(rows, "steps"));
  }
}

function vertexDetails(host: HTMLElement, source: DetailSource, id: string, actions: DetailActions): void {
  const { picture, run, at } = source;
  const vertex = picture.vertices.get(id);
  if (vertex === undefined) return;
  const collapsed = picture.collapsed.has(id);
  const rows: Row[] = [
    [collapsed ? "Tasks" : "Parallelism", vertex.parallelism < 0 ? "not decided yet" : String(vertex.parallelism)],
  ];
  if (vertex.service !== undefined) {
    rows.push(
      ["Model", vertex.service.model],
      ["Deployment", vertex.service.deployment],
      ["Device", vertex.service.device],
    );
  }
  if (run !== undefined && !collapsed) rows.push(...figureRows(run, vertex, at));
  if (vertex.slotSharingGroup !== undefined) rows.push(["Slot sharing group", vertex.slotSharingGroup]);
  const group = picture.regions.groupOfVertex.get(id);
  if (group !== undefined) {
    const { name, detail } = groupTitle(group);
    rows.push(["Region", [name, detail].filter(Boolean).join(", ")]);
  } else if (vertex.kind === "service") rows.push(["Regions", "each instance its own"]);
  host.append(table(rows));
  if (vertex.parallelism > 0)
    scopeDetails(
      host,
      source,
      source.scope(id, 0),
      actions,
      vertex.kind === "service" || (group?.regions.length ?? 1) > 1 ? "of one subtask" : undefined,
    );
  if (vertex.operators.length > 0) {
    host.append(heading(collapsed ? "Vertices" : "Operators"));
    const list = document.createElement("ul");
    for (const operator of vertex.operators) {
      const item = document.createElement("li");
      item.textContent = `${displayName(operator.name, operator.id)}${operator.kind === undefined ? "" : ` (${operator.kind})`}`;
      for (const reason of operator.notChained ?? []) {
        const why = document.createElement("p");
        why.className = "detail-caption";
        why.textContent = `Not chained: ${reason}`;
        item.append(why);
      }
      list.append(item);
    }
    host.append(list);
  }
  if (vertex.parallelism <= 0) return;
  host.append(heading(vertex.kind === "service" ? "Instances" : "Subtasks"));
  const list = document.createElement("div");
  list.className = "detail-subtasks";
  for (let index = 0; index < Math.min(vertex.parallelism, 200); index++) {
    const look = run === undefined ? undefined : lookAt(run.attempts, realSubtask(picture, id, index), at);
    const item = document.createElement("button");
    item.type = "button";
    item.className = "detail-subtask";
    const name = collapsed ? realSubtask(picture, id, index) : `#${index}`;
    item.textContent = `${name}${look === undefined || look.look === "idle" ? "" : ` ${look.words}${look.restarts > 0 ? `, ${plural(look.restarts, "restart")}` : ""}`}`;
    if (collapsed) item.disabled = true;
    item.addEventListener("click", () => actions.pick({ kind: "subtask", vertex: id, index }));
    list.append(item);
  }
  if (vertex.parallelism > 200) list.append(`and ${vertex.parallelism - 200} more`);
  host.append(list);
}

function scopeDetails(
  host: HTMLElement,
  source: DetailSource,
  scope: FailureScope | undefined,
  actions: DetailActions,
  whose?: string,
): void {
  if (scope === undefined) return;
  host.append(heading("If it fails"));
  const strategies = choice<FailoverStrategy>({
    label: "Failover strategy",
    values: [
      { value: "region", label: "region", hint: "Its pipelined region and what depends on it restart" },
      { value: "full", label: "full", hint: "Everything restarts" },
    ],
    chosen: actions.strategy,
  });
  strategies.set(source.strategy);
  strategies.element.classList.add("detail-strategy");
  host.append(strategies.element);
  const words = document.createElement("p");
  words.className = "detail-scope";
  words.textContent = scopeWords(scope).replace("here", whose ?? "here");
  host.append(words);
  const list = document.createElement("ul");
  for (const reason of scope.reasons) {
    const item = document.createElement("li");
    item.textContent = reason;
    list.append(item);
  }
  host.append(list);
}

function heading(text: string): HTMLElement {
  const element = document.createElement("h3");
  element.textContent = text;
  return element;
}

function table(rows: readonly Row[], className = ""): HTMLElement {
  const list = document.createElement("dl");
  list.className = className;
  for (const [name, value] of rows) {
    const term = document.createElement("dt");
    term.textContent = name;
    const description = document.createElement("dd");
    description.textContent = value;
    list.append(term, description);
  }
  return list;
}
