/**
 * The whole view: toolbar, status line, picture, details, timeline. It draws at most once a frame what the host's messages changed; figures at
 * most ten times a second, so that numbers can be read.
 */
import { ActiveFaultList } from "./faults/activeFaultList";
import { FaultInjection } from "./faults/faultInjection";
import { RunComparison } from "./compare/runComparison";
import { showMenu } from "./contextMenu";
import { drawDetails } from "./detailPanel";
import { exportPng, exportSvg } from "./exportPicture";
import { GraphView, LARGE } from "./graph/graphView";
import { drawScope } from "./graph/scopeOverlay";
import { anotherTask, inSlices } from "./graph/taskSlices";
import { textMeasure } from "./graph/textMeasure";
import { HostChannel } from "./hostChannel";
import { IsolateDialog } from "./isolateDialog";
import { commandOf, keyOf, type Command } from "./keymap";
import type { Point } from "./layout/layoutRequest";
import { drawLegend } from "./legend";
import { Minimap } from "./minimap";
import { activeFaults, ends } from "./model/activeFaults";
import { FailureScopes } from "./model/failureScope";
import { livePicture } from "./model/livePicture";
import { duration } from "./model/numberWords";
import type { Picture } from "./model/picture";
import { statusAt, type Status } from "./model/statusWords";
import { isUnsettled, lookAt } from "./model/subtaskLook";
import { perform, type CommandTarget } from "./pageCommands";
import { elementMenu, momentMenu, moreMenu } from "./pageMenus";
import { makeParts, type PageParts } from "./pageParts";
import { PictureArranger } from "./pictureArranger";
import { drawProblems } from "./problemList";
import type { HostMessage, HostMessageOf, PictureElement, PictureLevel } from "./protocol";
import { RunSession, type RunChange } from "./runSession";
import { findElements, reachable } from "./search";
import { ShortcutSheet } from "./shortcutSheet";
import { StatusLine } from "./statusLine";
import { TimelineView } from "./timeline/timelineView";
import { Toolbar } from "./toolbar";

const FIGURES_EVERY_MS = 100;
const MOVING_EVERY_MS = 50;
const IDLE_EVERY_MS = 250;

export class GraphPage {
  readonly #channel: HostChannel;
  readonly #measure = textMeasure();
  readonly #arranger = new PictureArranger(this.#measure);
  readonly #toolbar: Toolbar;
  readonly #status = new StatusLine();
  readonly #sheet = new ShortcutSheet();
  readonly #faults: ActiveFaultList;
  readonly #parts: PageParts;
  readonly #view: GraphView;
  readonly #minimap: Minimap;
  readonly #timeline: TimelineView;
  readonly #session: RunSession;
  readonly #comparison: RunComparison;
  readonly #injection: FaultInjection;
  readonly #isolate: IsolateDialog;
  /** It was asked what isolating this would change. */
  #isolating = false;
  #graph: HostMessageOf<"graph"> | undefined;
  #picture: Picture | undefined;
  #scopes: FailureScopes | undefined;
  #notice: { readonly status: Status; readonly until: number } | undefined;
  #selection: PictureElement | undefined;
  #hover: PictureElement | undefined;
  #tracing = false;
  readonly #changed = new Set<string>();
  #everything = false;
  /** A picture was taken over since the last frame. */
  #fresh = false;
  #figuresDue = false;
  #figuresAt = 0;
  /** `seq` of the newest event that the status line told of. */
  #news = -1;
  #frame: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: HTMLElement) {
    this.#channel = new HostChannel((message) => this.#received(message));
    const { state } = this.#channel;
    this.#selection = state.selection;
    this.#session = new RunSession({
      changed: (change) => this.#runChanged(change),
      read: () => this.#travelBack(),
      resync: (run, have) => this.#channel.send({ kind: "resync", run, have }),
    });
    this.#toolbar = new Toolbar((command) => this.do(command), {
      searched: (text) => this.#searched(text),
      level: (level) => this.#setLevel(level),
      more: () => this.#more(),
    });
    this.#faults = new ActiveFaultList(() => this.#channel.send({ kind: "heal" }));
    this.#parts = makeParts(host, [this.#toolbar.element, this.#status.element], this.#sheet.element);
    const { stage, legend, timeline } = this.#parts;
    legend.hidden = state.legend !== true;
    this.#view = new GraphView(stage, this.#measure, {
      selected: (element) => this.#select(element),
      hovered: (element) => this.#hovered(element),
      menu: (element, at) => this.#menu(element, at),
      opened: (element) => this.#open(element),
      dragged: (vertex, dx, dy, dropped) => this.#dragged(vertex, dx, dy, dropped),
      zoomed: (zoom) => {
        this.#channel.keep({ zoom });
        this.#minimap.draw();
      },
    });
    this.#minimap = new Minimap(this.#view);
    this.#injection = this.#makeInjection();
    stage.append(this.#minimap.element, this.#faults.element);
    if (state.zoom !== undefined) this.#view.camera.set(state.zoom);
    this.#timeline = new TimelineView(timeline, {
      picked: (element) => this.#reveal(element),
      travelled: (at) => this.#travelTo(at),
      menu: (at, element, place) => {
        const words = `${duration(Math.max(0, at - (this.#session.run?.facts.startAt ?? at)))} into the run`;
        const acts = {
          travel: () => this.#travelTo(at),
          journal: () => this.#channel.send({ kind: "openEvent", at }),
          reveal: (one: PictureElement) => this.#reveal(one),
        };
        showMenu(momentMenu(words, element, acts), place, "Moment");
      },
    });
    this.#comparison = this.#makeComparison();
    this.#isolate = new IsolateDialog(this.#measure, (element) =>
      this.#channel.send({ kind: "isolate", element, apply: true }),
    );
    document.body.append(this.#isolate.element);
    if (state.palette === true) this.#injection.togglePalette(true);
    this.#listen();
    this.#drawToolbar();
    this.#drawStatus(Date.now());
    this.#channel.send({ kind: "ready", state: Object.keys(state).length === 0 ? undefined : state });
  }

  #makeComparison(): RunComparison {
    const { compare, stage, timeline } = this.#parts;
    return new RunComparison(compare, {
      send: (message) => this.#channel.send(message),
      shown: () => this.#session.run,
      keep: (compared) => this.#channel.keep({ compared }),
      note: (words) => this.#note("quiet", words, "", 6000),
      opened: (open) => {
        stage.inert = open;
        timeline.inert = open;
        if (!open && this.#view.focus !== undefined) this.#view.setFocus(this.#view.focus);
      },
    });
  }

  #makeInjection(): FaultInjection {
    return new FaultInjection(this.#parts.stage, {
      picture: () => this.#picture,
      liveRun: () => (this.#session.isLive ? this.#session.run : undefined),
      elementAt: (event) => this.#view.elementAt(event),
      current: () => this.#selection ?? this.#view.focus,
      held: (element) => {
        if (element === undefined && this.#hover === undefined) return;
        this.#hovered(element);
      },
      send: (message) => this.#channel.send(message),
      note: (words) => this.#note("quiet", words, "", 6000),
      keep: (palette) => {
        this.#channel.keep({ palette });
        this.#setInsets();
      },
    });
  }

  #listen(): void {
    window.addEventListener("keydown", (event) => this.#key(event));
    window.addEventListener("error", (event) => this.#channel.send({ kind: "viewError", message: event.message }));
    window.addEventListener("unhandledrejection", (event) =>
      this.#channel.send({ kind: "viewError", message: String(event.reason) }),
    );
    document.addEventListener("visibilitychange", () => this.#schedule());
    // VS Code tells of another theme by the class of the body.
    new MutationObserver(() => {
      this.#view.recolor();
      this.#minimap.draw();
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  #received(message: HostMessage): void {
    switch (message.kind) {
      case "graph":
        void this.#setGraph(message);
        break;
      case "problems":
        drawProblems(this.#parts.empty, message, this.#picture !== undefined, (problem) =>
          this.#channel.send({ kind: "openProblem", problem }),
        );
        break;
      case "runStarting":
      case "runStarted":
      case "runFailed":
      case "snapshot":
      case "journal":
      case "events":
      case "runEnded":
        this.#notice = message.kind === "runStarting" ? undefined : this.#notice;
        this.#session.receive(message);
        if (message.kind === "snapshot") this.#travelBack();
        if (message.kind === "runStarted") this.#comparison.restore(this.#channel.state.compared ?? []);
        if (message.kind === "runFailed")
          this.#note("bad", message.problem.message, message.problem.hint ?? "", 60_000);
        if (message.kind !== "events" && message.kind !== "journal") this.#drawToolbar();
        if (message.kind === "runStarted" || message.kind === "runEnded") this.#injection.refresh();
        this.#schedule();
        break;
      case "reveal":
        this.#reveal(message.element);
        break;
      case "isolated":
        if (this.#isolating && this.#graph !== undefined) void this.#isolate.open(this.#graph.graph, message);
        this.#isolating = false;
        break;
      case "faults":
        this.#injection.setFaults(message.faults);
        break;
      case "runs":
        this.#comparison.listed(message);
        break;
      case "compared":
        this.#comparison.compared(message);
        break;
      case "notice":
        this.#note(message.severity === "info" ? "quiet" : "bad", message.text, "", 6000);
        break;
      default:
        break;
    }
  }

  #runChanged(change: RunChange): void {
    if (change.fresh === true) {
      this.#timeline.clear();
      this.#news = -1;
      this.#parts.timeline.hidden = this.#channel.state.timeline?.open === false;
    }
    for (const vertex of change.vertices ?? []) this.#changed.add(vertex);
    this.#figuresDue ||= change.figures === true;
    this.#everything ||= change.everything === true;
    this.#schedule();
  }

  async #setGraph(message: HostMessageOf<"graph">): Promise<void> {
    this.#graph = message;
    this.#parts.empty.replaceChildren();
    this.#scopes = undefined;
    this.#drawToolbar();
    await this.#layOut();
  }

  async #layOut(): Promise<void> {
    const graph = this.#graph?.graph;
    if (graph === undefined) return;
    const { orientation } = this.#channel.state;
    const { collapsed } = this.#channel.state;
    const options = { level: this.#level(), orientation, collapsed, room: this.#view.camera.room };
    const arranged = await this.#arranger.arrange(graph, options).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.#channel.send({ kind: "viewError", message: why });
      this.#note("bad", "This graph could not be laid out.", why, 60_000);
      return undefined;
    });
    if (arranged === undefined) return;
    const { picture, layout, tookMs } = arranged;
    this.#picture = picture;
    this.#setLive();
    const { moved } = this.#channel.state;
    if (picture.graph.vertices.length > LARGE) {
      await inSlices(this.#view.pictureSteps(picture, layout, moved), () => this.#picture === picture);
      await anotherTask();
    } else this.#view.setPicture(picture, layout, moved);
    if (this.#picture !== picture) return;
    this.#view.select(this.#selection);
    this.#drawLegend();
    this.#drawDetails();
    this.#drawScope();
    this.#drawTrace();
    document.body.dataset.ready = String(Number(document.body.dataset.ready ?? 0) + 1);
    document.body.dataset.layoutMs = tookMs.toFixed(1);
    this.#fresh = true;
    this.#schedule();
  }

  #travelTo(at: number | undefined): void {
    this.#session.travelTo(at);
    const { run, travel } = this.#session;
    const kept = run === undefined || travel === undefined ? undefined : { run: run.handle.id, at: travel };
    this.#channel.keep({ travel: kept });
  }

  /** After a reload: the moment that was looked at, as soon as the run is there up to it. */
  #travelBack(): void {
    const { travel } = this.#channel.state;
    const { run } = this.#session;
    if (travel !== undefined && travel.run === run?.handle.id && this.#session.travel === undefined)
      this.#session.travelTo(travel.at);
  }

  #level(): PictureLevel {
    return this.#channel.state.level ?? "operator";
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #setLive(): void {
    if (this.#picture !== undefined)
      this.#view.setLive(livePicture(this.#picture, this.#session.run, this.#session.at, this.#channel.state.cells));
  }

  #draw(): void {
    this.#frame = undefined;
    const clock = performance.now();
    const { at, run } = this.#session;
    const fresh = this.#fresh || this.#everything;
    const due = fresh || clock - this.#figuresAt >= FIGURES_EVERY_MS;
    const news = run?.milestones.at(-1)?.seq ?? -1;
    const isNews = news !== this.#news;
    this.#news = news;
    this.#setLive();
    if (this.#everything) this.#view.showAll();
    else {
      this.#view.showVertices(new Set(Array.from(this.#changed, (vertex) => this.#drawnAs(vertex))));
      if (this.#fresh) this.#view.showRest();
      else if (isNews || (this.#figuresDue && due)) this.#view.showFlow();
    }
    if (due || isNews) this.#drawStatus(at);
    if (due) {
      this.#figuresAt = clock;
      this.#figuresDue = false;
      if (fresh || !this.#minimap.element.hidden) this.#minimap.draw();
      if (run !== undefined) this.#drawRun(at);
    }
    this.#everything = false;
    this.#fresh = false;
    this.#changed.clear();
    this.#next(at);
  }

  #drawRun(at: number): void {
    const { run, travel, isLive } = this.#session;
    const { timeline, details } = this.#parts;
    if (run === undefined) return;
    if (this.#graph !== undefined && !timeline.hidden)
      this.#timeline.show(run, this.#graph.graph, run.now(Date.now()), travel);
    this.#comparison.refresh();
    this.#faults.show(activeFaults(run.facts, at), at, isLive);
    if (this.#selection !== undefined && !details.matches(":focus-within, :hover")) this.#drawDetails();
  }

  /** What moves by itself is drawn again soon; a run at rest a few times a second; what is over or hidden not at all. */
  #next(at: number): void {
    const { run, travel, isReading } = this.#session;
    clearTimeout(this.#timer);
    // What seems to move while a journal is read only waits for its next events; the session says when to draw how far it is.
    const resting = run === undefined || run.ended || isReading || document.hidden;
    // Figures that came too soon after the last ones are still to be drawn, also when they are the last of the run.
    const owed = this.#figuresDue && !document.hidden;
    if (resting && !owed && this.#notice === undefined) return;
    let moving = false;
    if (!resting && travel === undefined) {
      for (const task of run.attempts.names()) {
        if (!isUnsettled(lookAt(run.attempts, task, at).look)) continue;
        this.#changed.add(task.slice(0, task.lastIndexOf("#")));
        moving = true;
      }
      // How long a fault still acts stands on what it acts on.
      for (const end of activeFaults(run.facts, at).flatMap(ends))
        this.#changed.add(end.slice(end.indexOf(":") + 1, end.lastIndexOf("#")));
    }
    const wait = moving ? MOVING_EVERY_MS : owed ? FIGURES_EVERY_MS : IDLE_EVERY_MS;
    this.#timer = setTimeout(() => this.#schedule(), wait);
  }

  #drawStatus(at: number): void {
    if (this.#notice !== undefined && this.#notice.until < Date.now()) this.#notice = undefined;
    const { run, travel } = this.#session;
    const behind =
      run !== undefined && travel !== undefined
        ? `Looking back at ${duration(travel - run.facts.startAt)} · ${keyOf("present")}: now`
        : "";
    this.#status.show(this.#notice?.status ?? this.#statusAt(at), behind);
  }

  #statusAt(at: number): Status {
    const { run, isStarting } = this.#session;
    if (isStarting) {
      return {
        tone: "busy",
        headline: "Starting.",
        detail: "Processes are being started.",
        spoken: "The job is starting.",
      };
    }
    if (run !== undefined) return statusAt(run, at);
    const graph = this.#graph;
    if (graph === undefined) return { tone: "quiet", headline: "No graph yet.", detail: "", spoken: "" };
    const detail = graph.runnable ? "Press Run to start this job on this machine." : (graph.runBlocked ?? "");
    return { tone: "quiet", headline: "Not running.", detail, spoken: "" };
  }

  #note(tone: Status["tone"], headline: string, detail: string, forMs: number): void {
    this.#notice = { status: { tone, headline, detail, spoken: `${headline} ${detail}` }, until: Date.now() + forMs };
    this.#drawStatus(this.#session.at);
    this.#schedule();
  }

  #drawToolbar(): void {
    const graph = this.#graph;
    this.#toolbar.show({
      title: graph?.title ?? "Job graph",
      level: this.#level(),
      runnable: graph?.runnable === true,
      runBlocked: graph?.runBlocked,
      running: this.#session.isLive,
      starting: this.#session.isStarting,
      legend: !this.#parts.legend.hidden,
    });
  }

  #drawLegend(): void {
    const { legend } = this.#parts;
    if (this.#picture !== undefined && !legend.hidden)
      drawLegend(legend, this.#picture, this.#channel.state.cells ?? "state");
    this.#setInsets();
  }

  #drawDetails(): void {
    const picture = this.#picture;
    const selection = this.#selection;
    const { details } = this.#parts;
    details.hidden = picture === undefined || selection === undefined;
    this.#setInsets();
    if (picture === undefined || selection === undefined) return;
    const { run, at, isLive } = this.#session;
    const strategy = this.#strategy();
    const source = { picture, run, at, strategy, scope: (vertex: string, index: number) => this.#scope(vertex, index) };
    drawDetails(details, selection, source, {
      inject: isLive ? (element) => this.#injection.inject(element) : undefined,
      open: this.#graph?.openable === true ? (element) => this.#open(element) : undefined,
      pick: (element) => this.#reveal(element),
      strategy: (failoverStrategy) => {
        this.#channel.keep({ failoverStrategy });
        this.#drawDetails();
        this.#drawScope();
        details.querySelector<HTMLElement>('.detail-strategy [aria-checked="true"]')?.focus();
      },
      close: () => this.#select(undefined),
    });
  }

  #setInsets(): void {
    const { legend, details } = this.#parts;
    const covered = (panel: HTMLElement): number => (panel.hidden ? 0 : panel.offsetWidth + 12);
    const left = Math.max(covered(legend), covered(this.#injection.paletteElement));
    this.#view.camera.setInsets(left, covered(details));
    this.#minimap.element.classList.toggle("aside", !details.hidden);
  }

  #scope(vertex: string, index: number): ReturnType<FailureScopes["of"]> {
    if (this.#graph === undefined) return undefined;
    this.#scopes ??= new FailureScopes(this.#graph.graph);
    const [real] = this.#picture?.collapsed.get(vertex)?.subtasks ?? [`${vertex}#${index}`];
    const at = real.lastIndexOf("#");
    return this.#scopes.of(real.slice(0, at), Number(real.slice(at + 1)), this.#strategy());
  }

  /** The one that was chosen; else that of the run. */
  #strategy(): "region" | "full" {
    const { state } = this.#channel;
    return state.failoverStrategy ?? this.#session.run?.facts.started?.run.failoverStrategy ?? "region";
  }

  #drawScope(): void {
    const { layout } = this.#view;
    const picture = this.#picture;
    if (picture === undefined || layout === undefined) return;
    const element = [this.#hover, this.#selection].find((one) => one?.kind === "subtask");
    const scope = element === undefined ? undefined : this.#scope(element.vertex, element.index);
    drawScope(this.#view.overlay, picture, layout, scope, element?.vertex, this.#measure);
  }

  #drawTrace(): void {
    const { picture, selection } = { picture: this.#picture, selection: this.#selection };
    const traced = this.#tracing && picture !== undefined && selection !== undefined && "vertex" in selection;
    this.#view.trace(traced ? reachable(picture, selection.vertex) : undefined);
  }

  #select(element: PictureElement | undefined): void {
    this.#selection = element;
    this.#view.select(element);
    this.#channel.keep({ selection: element });
    this.#drawDetails();
    this.#drawScope();
    this.#drawTrace();
  }

  #hovered(element: PictureElement | undefined): void {
    this.#hover = element;
    this.#drawScope();
  }

  #reveal(wanted: PictureElement): void {
    const drawn = "vertex" in wanted ? this.#picture?.drawnAs.get(wanted.vertex) : undefined;
    const element: PictureElement = drawn === undefined ? wanted : { kind: "vertex", vertex: drawn };
    this.#view.setFocus(element, false);
    this.#select(element);
  }

  #drawnAs(vertex: string): string {
    return this.#picture?.drawnAs.get(vertex) ?? vertex;
  }

  /** The region of an element as one card, or as its vertices again. */
  #collapse(element: PictureElement): void {
    const picture = this.#picture;
    if (picture === undefined || !("vertex" in element)) return;
    const before = this.#channel.state.collapsed ?? [];
    const open = picture.collapsed.get(element.vertex);
    const group = open === undefined ? picture.regions.groupOfVertex.get(element.vertex) : undefined;
    if (open === undefined && (group === undefined || group.vertices.length < 2)) return;
    const collapsed = group === undefined ? before.filter((id) => id !== open?.group) : [...before, group.id];
    this.#setCollapsed(collapsed, group?.vertices[0] ?? open?.vertices[0]?.id);
  }

  #setCollapsed(collapsed: readonly string[], focus?: string): void {
    this.#channel.keep({ collapsed, moved: undefined });
    this.#select(undefined);
    void this.#layOut().then(() => {
      if (focus !== undefined) this.#view.setFocus({ kind: "vertex", vertex: this.#drawnAs(focus) });
    });
  }

  #dragged(vertex: string, dx: number, dy: number, dropped: boolean): void {
    const { moved = {} } = this.#channel.state;
    const before = Object.hasOwn(moved, vertex) ? moved[vertex] : { dx: 0, dy: 0 };
    const moves = { ...moved, [vertex]: { dx: before.dx + dx, dy: before.dy + dy } };
    this.#view.setMoves(moves);
    this.#drawScope();
    if (dropped) this.#channel.keep({ moved: moves });
  }

  #open(element: PictureElement): void {
    if ("vertex" in element && this.#picture?.collapsed.has(element.vertex) === true) return this.#collapse(element);
    if (this.#graph?.openable === true) this.#channel.send({ kind: "openElement", element });
  }

  #menu(element: PictureElement, at: Point): void {
    const graph = this.#graph;
    const picture = this.#picture;
    if (graph === undefined || picture === undefined) return;
    const actions = {
      inject: () => this.#injection.inject(element),
      collapse: () => this.#collapse(element),
      isolate: () => {
        this.#isolating = true;
        this.#channel.send({ kind: "isolate", element, apply: false });
      },
      send: (message: Parameters<HostChannel["send"]>[0]) => this.#channel.send(message),
      select: () => this.#select(element),
    };
    showMenu(elementMenu(element, picture, { graph, live: this.#session.isLive }, actions), at, "Actions");
  }

  #more(): void {
    const box = this.#toolbar.more.element.getBoundingClientRect();
    const { hasReport, run, isLive } = this.#session;
    const moved = Object.keys(this.#channel.state.moved ?? {}).length > 0;
    const collapsed = (this.#picture?.collapsed.size ?? 0) > 0;
    const items = moreMenu(
      {
        report: hasReport,
        run: run !== undefined,
        live: isLive,
        picture: this.#picture !== undefined,
        moved,
        collapsed,
        byLoad: this.#channel.state.cells === "load",
      },
      {
        send: (message) => this.#channel.send(message),
        does: (command) => this.do(command),
        save: (format) => void this.#save(format),
        collapseAll: (all) => {
          const groups = all ? (this.#picture?.regions.groups ?? []) : [];
          this.#setCollapsed(groups.filter(({ vertices }) => vertices.length > 1).map(({ id }) => id));
        },
        putBack: () => {
          this.#channel.keep({ moved: undefined });
          this.#view.setMoves({});
        },
      },
    );
    showMenu(items, { x: box.left, y: box.bottom + 2 }, "More");
  }

  async #save(format: "svg" | "png"): Promise<void> {
    const { layout, svg } = this.#view;
    if (layout === undefined) return;
    const name = this.#graph?.title ?? "job graph";
    const data = this.#view.withEverything(() => exportSvg(svg, layout.bounds, name));
    if (format === "svg") this.#channel.send({ kind: "exportSvg", name, data });
    else this.#channel.send({ kind: "exportPng", name, data: await exportPng(data) });
  }

  #setLevel(level: PictureLevel): void {
    this.#channel.keep({ level });
    this.#drawToolbar();
    void this.#layOut();
  }

  #searched(text: string): void {
    if (this.#picture === undefined) return;
    const found = findElements(this.#picture, text);
    if (text.trim() !== "")
      this.#status.say(found.length === 0 ? `Nothing found for ${text}.` : `${found.length} found.`);
    if (found.length > 0) this.#reveal(found[0]);
  }

  #key(event: KeyboardEvent): void {
    const target = event.target instanceof Element ? event.target : undefined;
    if (target?.closest("vscode-text-field, input, textarea, select, dialog")) {
      if (event.key !== "Escape" && event.key !== "Enter") return;
      if (this.#view.focus !== undefined) this.#view.setFocus(this.#view.focus);
      event.preventDefault();
      return;
    }
    const command = commandOf(event, target !== undefined && this.#view.svg.contains(target));
    if (command === undefined) return;
    event.preventDefault();
    this.do(command);
  }

  do(command: Command): void {
    perform(command, this.#commands());
  }

  #commands(): CommandTarget {
    const { legend, timeline } = this.#parts;
    const session = this.#session;
    return {
      view: this.#view,
      picture: this.#picture,
      select: (element) => this.#select(element),
      menu: (element, at) => this.#menu(element, at),
      inject: (element) => this.#injection.inject(element),
      collapse: (element) => this.#collapse(element),
      toggleColouring: () => {
        const cells = this.#channel.state.cells === "load" ? "state" : "load";
        this.#channel.keep({ cells });
        this.#status.say(`Subtasks are coloured by ${cells}.`);
        this.#drawLegend();
        this.#everything = true;
        this.#schedule();
      },
      togglePalette: () => this.#injection.togglePalette(),
      open: (element) => this.#open(element),
      fit: () => {
        this.#view.camera.fit();
        this.#channel.keep({ zoom: undefined });
      },
      setLevel: (level) => this.#setLevel(level),
      turn: () => {
        this.#channel.keep({
          orientation: this.#picture?.orientation === "right" ? "down" : "right",
          moved: undefined,
        });
        void this.#layOut();
      },
      search: () => this.#toolbar.search.focus(),
      toggleLegend: () => {
        legend.hidden = !legend.hidden;
        this.#channel.keep({ legend: !legend.hidden });
        this.#drawLegend();
        this.#drawToolbar();
      },
      toggleTimeline: () => {
        timeline.hidden = !timeline.hidden;
        this.#channel.keep({ timeline: { open: !timeline.hidden } });
        this.#schedule();
      },
      toggleTrace: () => {
        this.#tracing = !this.#tracing;
        this.#drawTrace();
      },
      toggleCompare: () => {
        const box = this.#toolbar.more.element.getBoundingClientRect();
        this.#comparison.toggle({ x: box.left, y: box.bottom + 2 });
      },
      closeCompare: () => this.#comparison.close(),
      toggleShortcuts: () => this.#sheet.toggle(),
      closeShortcuts: () => this.#sheet.close(),
      present: () => {
        this.#timeline.follow();
        this.#travelTo(undefined);
      },
      travelBy: (ms) => this.#travelTo(session.at + ms),
      run: () => {
        if (this.#graph?.runnable === true && !session.isLive && !session.isStarting)
          this.#channel.send({ kind: "run" });
      },
      stop: () => {
        if (session.isLive || session.isStarting) this.#channel.send({ kind: "stop", mode: "drain" });
      },
    };
  }
}
