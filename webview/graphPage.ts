/**
 * The whole view: toolbar, status line, picture, details, timeline. It folds what the host sends into the model and draws at most once a
 * frame; figures at most ten times a second, so that numbers can be read.
 */
import type { GraphDescription } from "../simulator/graph/graphDescription";
import { drawDetails } from "./detailPanel";
import { GraphView } from "./graph/graphView";
import { step } from "./graph/graphNavigation";
import { drawScope } from "./graph/scopeOverlay";
import { textMeasure } from "./graph/textMeasure";
import { HostChannel } from "./hostChannel";
import { commandOf, type Command } from "./keymap";
import { LayoutClient, type TimedLayout } from "./layout/layoutClient";
import type { Point } from "./layout/layoutRequest";
import { drawLegend } from "./legend";
import { closeMenu, showMenu } from "./contextMenu";
import { FailureScopes } from "./model/failureScope";
import { JournalPieces } from "./model/journalPieces";
import { livePicture } from "./model/livePicture";
import { ARRANGEMENTS, makePicture, type Picture } from "./model/picture";
import { RunModel } from "./model/runModel";
import { statusAt, type Status } from "./model/statusWords";
import { isUnsettled, lookAt } from "./model/subtaskLook";
import { elementMenu, faultTarget, moreMenu } from "./pageMenus";
import { drawProblems } from "./problemList";
import type { HostMessage, HostMessageOf, PictureElement, PictureLevel } from "./protocol";
import { findElements } from "./search";
import { ShortcutSheet } from "./shortcutSheet";
import { StatusLine } from "./statusLine";
import { TimelineView } from "./timeline/timelineView";
import { Toolbar } from "./toolbar";

const FIGURES_EVERY_MS = 100;
const IDLE_EVERY_MS = 250;
/** While a long journal is read, drawing only shows how far it is. */
const WHILE_READING_MS = 400;
/** Up to this many vertices both directions are tried. */
const TURNABLE = 150;

export class GraphPage {
  readonly #channel: HostChannel;
  readonly #layouts = new LayoutClient();
  readonly #measure = textMeasure();
  readonly #toolbar: Toolbar;
  readonly #status = new StatusLine();
  readonly #view: GraphView;
  readonly #timeline: TimelineView;
  readonly #sheet = new ShortcutSheet();
  readonly #elements: Record<"stage" | "empty" | "legend" | "details" | "timeline", HTMLElement>;
  #graph: HostMessageOf<"graph"> | undefined;
  #picture: Picture | undefined;
  #scopes: FailureScopes | undefined;
  #run: RunModel | undefined;
  #journal: JournalPieces | undefined;
  #starting = false;
  #ended: HostMessageOf<"runEnded"> | undefined;
  #notice: { readonly status: Status; readonly until: number } | undefined;
  #selection: PictureElement | undefined;
  #hover: PictureElement | undefined;
  /** Moment that is looked at instead of the present. */
  #travel: number | undefined;
  readonly #changed = new Set<string>();
  #everything = false;
  #figuresDue = false;
  #figuresAt = 0;
  /** `seq` of the newest event that the status line told of. */
  #news = -1;
  #frame: number | undefined;

  constructor(host: HTMLElement) {
    this.#channel = new HostChannel((message) => this.#received(message));
    const { state } = this.#channel;
    this.#selection = state.selection;
    this.#toolbar = new Toolbar((command) => this.do(command), {
      searched: (text) => this.#searched(text),
      level: (level) => this.#setLevel(level),
      more: () => this.#more(),
    });
    const part = (name: string, tag = "div"): HTMLElement => {
      const element = document.createElement(tag);
      element.className = name;
      return element;
    };
    this.#elements = {
      stage: part("stage", "main"),
      empty: part("empty"),
      legend: part("legend"),
      details: part("details", "aside"),
      timeline: part("timeline", "section"),
    };
    const { stage, empty, legend, details, timeline } = this.#elements;
    details.setAttribute("aria-label", "Details");
    legend.setAttribute("role", "region");
    legend.setAttribute("aria-label", "Legend");
    timeline.setAttribute("aria-label", "Recovery timeline");
    legend.hidden = state.legend !== true;
    details.hidden = true;
    timeline.hidden = true;
    const header = part("header", "header");
    header.append(this.#toolbar.element, this.#status.element);
    host.replaceChildren(header, stage, timeline);
    stage.append(empty, legend, details);
    document.body.append(this.#sheet.element);
    this.#view = new GraphView(stage, {
      selected: (element) => this.#select(element),
      hovered: (element) => this.#hovered(element),
      menu: (element, at) => this.#menu(element, at),
      opened: (element) => this.#open(element),
      zoomed: (zoom) => this.#channel.keep({ zoom }),
    });
    if (state.zoom !== undefined) this.#view.camera.set(state.zoom);
    this.#timeline = new TimelineView(timeline, {
      picked: (element) => this.#reveal(element),
      travelled: (at) => this.#travelTo(at),
    });
    window.addEventListener("keydown", (event) => this.#key(event));
    window.addEventListener("error", (event) =>
      this.#channel.send({ kind: "viewError", message: String(event.message) }),
    );
    window.addEventListener("unhandledrejection", (event) =>
      this.#channel.send({ kind: "viewError", message: String(event.reason) }),
    );
    this.#drawToolbar();
    this.#drawStatus(Date.now());
    this.#channel.send({ kind: "ready", state: Object.keys(state).length === 0 ? undefined : state });
  }

  #received(message: HostMessage): void {
    switch (message.kind) {
      case "graph":
        void this.#setGraph(message);
        break;
      case "problems":
        drawProblems(this.#elements.empty, message, this.#picture !== undefined, (problem) =>
          this.#channel.send({ kind: "openProblem", problem }),
        );
        break;
      case "faults":
        break;
      case "runStarting":
        this.#starting = true;
        this.#notice = undefined;
        this.#drawToolbar();
        this.#schedule();
        break;
      case "runStarted":
        this.#starting = false;
        this.#ended = undefined;
        this.#travel = undefined;
        this.#journal?.dispose();
        this.#journal = undefined;
        this.#run = new RunModel(message.run);
        this.#timeline.clear();
        this.#elements.timeline.hidden = this.#channel.state.timeline?.open === false;
        this.#drawToolbar();
        this.#everything = true;
        this.#schedule();
        break;
      case "runFailed":
        this.#starting = false;
        this.#note("bad", message.problem.message, message.problem.hint ?? "", 60_000);
        this.#drawToolbar();
        break;
      case "snapshot":
        if (this.#run === undefined || this.#run.handle.id !== message.run) break;
        this.#run = new RunModel(this.#run.handle);
        this.#run.sparse = true;
        this.#run.add(message.events, Date.now());
        this.#run.sparse = false;
        this.#run.next = message.next;
        this.#everything = true;
        this.#schedule();
        break;
      case "journal":
        this.#journalPiece(message);
        break;
      case "events":
        this.#events(message);
        break;
      case "runEnded":
        this.#ended = message;
        this.#starting = false;
        if (this.#run !== undefined) this.#run.ended = true;
        this.#everything = true;
        this.#drawToolbar();
        this.#schedule();
        break;
      case "reveal":
        this.#reveal(message.element);
        break;
      case "notice":
        this.#note(message.severity === "info" ? "quiet" : "bad", message.text, "", 6000);
        break;
      default:
        break;
    }
  }

  async #setGraph(message: HostMessageOf<"graph">): Promise<void> {
    this.#graph = message;
    this.#elements.empty.replaceChildren();
    document.title = message.title;
    this.#scopes = new FailureScopes(message.graph);
    this.#drawToolbar();
    await this.#layOut();
  }

  async #layOut(): Promise<void> {
    const graph = this.#graph?.graph;
    if (graph === undefined) return;
    const { level } = this.#look();
    const best = await this.#arranged(graph, level).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.#channel.send({ kind: "viewError", message: why });
      this.#note("bad", "This graph could not be laid out.", why, 60_000);
      return undefined;
    });
    if (best === undefined) return;
    const { picture, layout } = best;
    this.#picture = picture;
    this.#setLive();
    this.#view.setPicture(picture, layout.result);
    this.#view.select(this.#selection);
    this.#drawLegend();
    this.#drawDetails();
    this.#drawScope();
    performance.mark("faultline-picture");
    document.body.dataset.ready = String(Number(document.body.dataset.ready ?? 0) + 1);
    document.body.dataset.layoutMs = layout.tookMs.toFixed(1);
    this.#everything = true;
    this.#schedule();
  }

  /** Laid out in the direction that was chosen; where nobody chose one, in the one that is largest on this screen. */
  async #arranged(
    graph: GraphDescription,
    level: PictureLevel,
  ): Promise<{ picture: Picture; layout: TimedLayout } | undefined> {
    const chosen = this.#channel.state.orientation;
    const hasServices = graph.vertices.some((vertex) => vertex.kind === "service");
    const all = ARRANGEMENTS.filter(
      (one) => (chosen ?? one.orientation) === one.orientation && (hasServices || one.services === "below"),
    );
    const before = all.find(
      (one) => one.orientation === this.#picture?.orientation && one.services === this.#picture.services,
    );
    // What is large is not tried out in every way: it keeps the direction that it has.
    const tried = graph.vertices.length <= TURNABLE ? all : [before ?? all[0]];
    let best: { picture: Picture; layout: TimedLayout; scale: number } | undefined;
    const { width, height } = this.#view.camera.room;
    for (const arrangement of tried) {
      const picture = makePicture(graph, level, arrangement, this.#measure, width / height);
      const previous = arrangement === before ? middles(this.#view.layout?.nodes) : undefined;
      const layout = await this.#layouts.layout(picture.request, previous);
      if (layout === undefined) return undefined;
      const { bounds } = layout.result;
      const scale = Math.min(1, width / bounds.width, height / bounds.height);
      if (best === undefined || scale > best.scale * 1.06) best = { picture, layout, scale };
    }
    return best;
  }

  #look(): { level: PictureLevel } {
    return { level: this.#channel.state.level ?? "operator" };
  }

  #events(message: HostMessageOf<"events">): void {
    const run = this.#run;
    if (run === undefined || run.handle.id !== message.run) return;
    const { changed, figures, gap } = run.add(message.events, Date.now());
    if (gap) {
      this.#channel.send({ kind: "resync", run: message.run, have: run.next - 1 });
      return;
    }
    for (const subtask of changed) this.#changed.add(subtask.slice(0, subtask.lastIndexOf("#")));
    this.#figuresDue ||= figures;
    this.#schedule();
  }

  /** A long journal comes in pieces; what was read so far is shown while the rest is read. */
  #journalPiece(message: HostMessageOf<"journal">): void {
    const handle = this.#run?.handle;
    if (handle === undefined || handle.id !== message.run) return;
    if (this.#journal === undefined) {
      const run = new RunModel(handle);
      run.sparse = true;
      this.#run = run;
      this.#timeline.clear();
      this.#journal = new JournalPieces({
        batch: (events) => {
          run.add(events, Date.now());
          if (performance.now() - this.#figuresAt < WHILE_READING_MS) return;
          this.#figuresDue = true;
          this.#schedule();
        },
        done: () => {
          run.sparse = false;
          this.#journal = undefined;
          this.#everything = true;
          document.body.dataset.journal = handle.id;
          this.#schedule();
        },
      });
    }
    this.#journal.add(message.bytes, message.last);
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  /** The moment of the picture: the present of the run, or where somebody travelled to. */
  #at(): number {
    return this.#travel ?? this.#run?.now(Date.now()) ?? Date.now();
  }

  #setLive(): void {
    if (this.#picture !== undefined) this.#view.setLive(livePicture(this.#picture, this.#run, this.#at()));
  }

  #draw(): void {
    this.#frame = undefined;
    const clock = performance.now();
    const at = this.#at();
    const picture = this.#picture;
    if (picture !== undefined) {
      this.#setLive();
      if (this.#everything) this.#view.showAll();
      else {
        this.#view.showVertices(this.#changed);
        if (this.#figuresDue && clock - this.#figuresAt >= FIGURES_EVERY_MS) this.#view.showFlow();
      }
    }
    const news = this.#run?.milestones.at(-1)?.seq ?? -1;
    if (news !== this.#news) {
      this.#news = news;
      this.#drawStatus(at);
      this.#view.showFlow();
    }
    if (this.#everything || clock - this.#figuresAt >= FIGURES_EVERY_MS) {
      this.#figuresAt = clock;
      this.#figuresDue = false;
      this.#drawStatus(at);
      if (this.#run !== undefined && this.#graph !== undefined && !this.#elements.timeline.hidden) {
        this.#timeline.show(this.#run, this.#graph.graph, this.#run.now(Date.now()), this.#travel);
      }
      if (
        this.#selection?.kind === "subtask" &&
        this.#run !== undefined &&
        !this.#elements.details.matches(":focus-within")
      )
        this.#drawDetails();
    }
    this.#everything = false;
    this.#changed.clear();
    this.#next(at);
  }

  /** What moves by itself is drawn again soon; a run at rest a few times a second; no run not at all. */
  #next(at: number): void {
    const run = this.#run;
    if (run === undefined || run.ended || document.hidden) {
      if (this.#notice === undefined) return;
      setTimeout(() => this.#schedule(), IDLE_EVERY_MS);
      return;
    }
    let moving = false;
    if (this.#travel === undefined) {
      for (const task of run.facts.tasks.keys()) {
        if (!isUnsettled(lookAt(run.facts, task, at).look)) continue;
        this.#changed.add(task.slice(0, task.lastIndexOf("#")));
        moving = true;
      }
    }
    setTimeout(() => this.#schedule(), moving ? 50 : IDLE_EVERY_MS);
  }

  #drawStatus(at: number): void {
    const now = Date.now();
    if (this.#notice !== undefined && this.#notice.until < now) this.#notice = undefined;
    const run = this.#run;
    const behind = run !== undefined && this.#travel !== undefined ? "Looking back" : "";
    const status: Status =
      this.#notice?.status ??
      (this.#starting
        ? {
            tone: "busy",
            headline: "Starting.",
            detail: "Processes are being started.",
            spoken: "The job is starting.",
          }
        : run !== undefined
          ? statusAt(run, at)
          : this.#graph === undefined
            ? { tone: "quiet", headline: "No graph yet.", detail: "", spoken: "" }
            : {
                tone: "quiet",
                headline: "Not running.",
                detail: this.#graph.runnable
                  ? "Press Run to start this job on this machine."
                  : (this.#graph.runBlocked ?? ""),
                spoken: "",
              });
    this.#status.show(status, behind);
  }

  #note(tone: Status["tone"], headline: string, detail: string, forMs: number): void {
    this.#notice = { status: { tone, headline, detail, spoken: `${headline} ${detail}` }, until: Date.now() + forMs };
    this.#drawStatus(this.#at());
    this.#schedule();
  }

  #drawToolbar(): void {
    const graph = this.#graph;
    this.#toolbar.show({
      title: graph?.title ?? "Job graph",
      level: this.#look().level,
      runnable: graph?.runnable === true,
      runBlocked: graph?.runBlocked,
      running: this.#isLive(),
      starting: this.#starting,
      legend: !this.#elements.legend.hidden,
    });
  }

  #isLive(): boolean {
    return this.#run !== undefined && this.#run.handle.live && !this.#run.ended && this.#ended === undefined;
  }

  #drawLegend(): void {
    if (this.#picture !== undefined && !this.#elements.legend.hidden) drawLegend(this.#elements.legend, this.#picture);
    this.#setInsets();
  }

  #drawDetails(): void {
    const picture = this.#picture;
    const selection = this.#selection;
    const { details } = this.#elements;
    details.hidden = picture === undefined || selection === undefined;
    this.#setInsets();
    if (picture === undefined || selection === undefined) return;
    drawDetails(
      details,
      selection,
      {
        picture,
        run: this.#run,
        at: this.#at(),
        scope: (vertex, index) => this.#scopes?.of(vertex, index, this.#strategy()),
      },
      {
        inject: this.#isLive() ? (element) => this.#inject(element) : undefined,
        open: this.#graph?.openable === true ? (element) => this.#open(element) : undefined,
        pick: (element) => this.#reveal(element),
        close: () => this.#select(undefined),
      },
    );
  }

  #setInsets(): void {
    const { legend, details } = this.#elements;
    this.#view.camera.setInsets(
      legend.hidden ? 0 : legend.offsetWidth + 12,
      details.hidden ? 0 : details.offsetWidth + 12,
    );
  }

  #strategy(): "region" | "full" {
    return this.#channel.state.failoverStrategy ?? this.#run?.facts.started?.run.failoverStrategy ?? "region";
  }

  #drawScope(): void {
    const { layout } = this.#view;
    const picture = this.#picture;
    if (picture === undefined || layout === undefined) return;
    const element =
      this.#hover?.kind === "subtask" ? this.#hover : this.#selection?.kind === "subtask" ? this.#selection : undefined;
    const scope = element === undefined ? undefined : this.#scopes?.of(element.vertex, element.index, this.#strategy());
    drawScope(this.#view.overlay, picture, layout, scope, element?.vertex, this.#measure);
  }

  #select(element: PictureElement | undefined): void {
    this.#selection = element;
    this.#view.select(element);
    this.#channel.keep({ selection: element });
    this.#drawDetails();
    this.#drawScope();
  }

  #hovered(element: PictureElement | undefined): void {
    this.#hover = element;
    this.#drawScope();
  }

  #reveal(element: PictureElement): void {
    this.#view.setFocus(element, false);
    this.#select(element);
  }

  #open(element: PictureElement): void {
    if (this.#graph?.openable === true) this.#channel.send({ kind: "openElement", element });
  }

  #inject(element: PictureElement): void {
    const target = faultTarget(element, this.#picture);
    if (target !== undefined) this.#channel.send({ kind: "inject", target });
  }

  #menu(element: PictureElement, at: Point): void {
    const graph = this.#graph;
    const picture = this.#picture;
    if (graph === undefined || picture === undefined) return;
    showMenu(
      elementMenu(
        element,
        picture,
        { graph, live: this.#isLive() },
        {
          inject: () => this.#inject(element),
          send: (message) => this.#channel.send(message),
          select: () => this.#select(element),
        },
      ),
      at,
      "Actions",
    );
  }

  #more(): void {
    const box = this.#toolbar.more.element.getBoundingClientRect();
    showMenu(
      moreMenu(
        { report: this.#ended?.report === true, run: this.#run !== undefined, live: this.#isLive() },
        (message) => this.#channel.send(message),
        (command) => this.do(command),
      ),
      { x: box.left, y: box.bottom + 2 },
      "More",
    );
  }

  #setLevel(level: PictureLevel): void {
    this.#channel.keep({ level });
    this.#drawToolbar();
    void this.#layOut();
  }

  #searched(text: string): void {
    const picture = this.#picture;
    if (picture === undefined) return;
    const found = findElements(picture, text);
    if (found.length === 0) {
      if (text.trim() !== "") this.#status.say(`Nothing found for ${text}.`);
      return;
    }
    this.#status.say(`${found.length} found.`);
    this.#reveal(found[0]);
  }

  #travelTo(at: number | undefined): void {
    const run = this.#run;
    this.#travel = at !== undefined && run !== undefined && at < run.now(Date.now()) - 50 ? at : undefined;
    this.#everything = true;
    this.#schedule();
  }

  #key(event: KeyboardEvent): void {
    const target = event.target as Element | null;
    const typing = target?.closest("vscode-text-field, input, textarea") !== null && target !== null;
    if (typing) {
      if (event.key === "Escape" || event.key === "Enter") {
        const focus = this.#view.focus;
        if (focus !== undefined) this.#view.setFocus(focus);
        event.preventDefault();
      }
      return;
    }
    const inGraph = target !== null && this.#view.svg.contains(target);
    const command = commandOf(event, inGraph);
    if (command === undefined) return;
    if (!inGraph && (event.key === "Enter" || event.key === " ")) return;
    event.preventDefault();
    this.do(command);
  }

  do(command: Command): void {
    const focus = this.#view.focus;
    switch (command) {
      case "right":
      case "left":
      case "down":
      case "up": {
        const { layout } = this.#view;
        if (focus === undefined || this.#picture === undefined || layout === undefined) return;
        const next = step(this.#picture, layout, focus, command);
        if (next !== undefined) this.#view.setFocus(next);
        return;
      }
      case "enter":
        if (
          focus?.kind === "vertex" &&
          (this.#picture?.vertices.get(focus.vertex)?.parallelism ?? 0) > 0 &&
          this.#picture?.cards.get(focus.vertex)?.cells.mode !== "bar"
        ) {
          this.#view.setFocus({ kind: "subtask", vertex: focus.vertex, index: 0 });
        } else if (focus !== undefined) this.#select(focus);
        return;
      case "leave":
        if (closeMenu() || this.#sheet.close()) return;
        if (
          focus?.kind === "subtask" &&
          document.activeElement !== null &&
          this.#view.svg.contains(document.activeElement)
        ) {
          this.#view.setFocus({ kind: "vertex", vertex: focus.vertex });
        } else this.#select(undefined);
        return;
      case "first":
      case "last": {
        const vertex = this.#picture?.graph.vertices.at(command === "first" ? 0 : -1)?.id;
        if (vertex !== undefined) this.#view.setFocus({ kind: "vertex", vertex });
        return;
      }
      case "select":
        this.#select(focus);
        return;
      case "menu": {
        const box = focus === undefined ? undefined : this.#view.screenRectangle(focus);
        if (focus !== undefined && box !== undefined) this.#menu(focus, { x: box.x + 12, y: box.y + 24 });
        return;
      }
      case "inject":
        if (focus !== undefined && this.#isLive()) this.#inject(focus);
        return;
      case "definition":
        if (focus !== undefined) this.#open(focus);
        return;
      case "fit":
        this.#view.camera.fit();
        this.#channel.keep({ zoom: undefined });
        return;
      case "zoomIn":
      case "zoomOut":
        this.#view.camera.zoomBy(command === "zoomIn" ? 1.25 : 0.8);
        return;
      case "levelOperator":
        return this.#setLevel("operator");
      case "levelVertex":
        return this.#setLevel("vertex");
      case "levelSubtask":
        return this.#setLevel("subtask");
      case "orientation":
        this.#channel.keep({ orientation: this.#picture?.orientation === "right" ? "down" : "right" });
        void this.#layOut();
        return;
      case "search":
        this.#toolbar.search.focus();
        return;
      case "legend":
        this.#elements.legend.hidden = !this.#elements.legend.hidden;
        this.#channel.keep({ legend: !this.#elements.legend.hidden });
        this.#drawLegend();
        this.#drawToolbar();
        return;
      case "timeline":
        this.#elements.timeline.hidden = !this.#elements.timeline.hidden;
        this.#channel.keep({ timeline: { open: !this.#elements.timeline.hidden } });
        this.#schedule();
        return;
      case "present":
        this.#timeline.follow();
        this.#travelTo(undefined);
        return;
      case "earlier":
        this.#travelTo(this.#at() - 100);
        return;
      case "later":
        this.#travelTo(this.#at() + 100);
        return;
      case "run":
        if (this.#graph?.runnable === true && !this.#isLive() && !this.#starting) this.#channel.send({ kind: "run" });
        return;
      case "stop":
        if (this.#isLive() || this.#starting) this.#channel.send({ kind: "stop", mode: "drain" });
        return;
      case "shortcuts":
        this.#sheet.toggle();
        return;
    }
  }
}

function middles(
  nodes: ReadonlyMap<string, { x: number; y: number; width: number; height: number }> | undefined,
): ReadonlyMap<string, Point> | undefined {
  if (nodes === undefined) return undefined;
  return new Map([...nodes].map(([id, { x, y, width, height }]) => [id, { x: x + width / 2, y: y + height / 2 }]));
}
