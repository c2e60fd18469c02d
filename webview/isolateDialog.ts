/** "Run as RPC service", before it is done: the graph as it is and as it would be, side by side, and what a failure would cost in each. */
import type { GraphDescription } from "../simulator/graph/graphDescription";
import { button } from "./controls";
import { GraphView } from "./graph/graphView";
import { drawScope } from "./graph/scopeOverlay";
import type { Measure } from "./graph/vertexCard";
import { FailureScopes, scopeWords } from "./model/failureScope";
import { livePicture } from "./model/livePicture";
import { PictureArranger } from "./pictureArranger";
import type { HostMessageOf, PictureElement } from "./protocol";

const QUIET = {
  selected: () => undefined,
  hovered: () => undefined,
  menu: () => undefined,
  opened: () => undefined,
  dragged: () => undefined,
  zoomed: () => undefined,
};

export class IsolateDialog {
  readonly element = document.createElement("dialog");
  readonly #title = document.createElement("h2");
  readonly #sides = document.createElement("div");
  readonly #changes = document.createElement("ul");
  readonly #apply;
  #asked: PictureElement | undefined;

  constructor(
    private readonly measure: Measure,
    apply: (element: PictureElement) => void,
  ) {
    this.element.className = "sheet-dialog isolate";
    this.#title.id = "isolate-title";
    this.element.setAttribute("aria-labelledby", this.#title.id);
    this.#sides.className = "isolate-sides";
    this.#apply = button({
      label: "Apply to Job File",
      look: "primary",
      press: () => {
        const element = this.#asked;
        this.element.close();
        if (element !== undefined) apply(element);
      },
    });
    const cancel = button({ label: "Cancel", press: () => this.element.close() });
    const acts = document.createElement("div");
    acts.className = "fault-acts";
    acts.append(this.#apply.element, cancel.element);
    this.element.append(this.#title, this.#sides, this.#changes, acts);
    this.element.addEventListener("keydown", (event) => event.stopPropagation());
  }

  async open(before: GraphDescription, { element, after, changes }: HostMessageOf<"isolated">): Promise<void> {
    if (!("vertex" in element)) return;
    this.#asked = element;
    const name = element.kind === "operator" ? element.operator : element.vertex;
    this.#title.textContent = `Run ${name} as an RPC service`;
    const known = new Set(before.vertices.map(({ id }) => id));
    const service = after.vertices.find(({ id, kind }) => kind === "service" && !known.has(id));
    this.#changes.replaceChildren(
      ...changes.map((change) => Object.assign(document.createElement("li"), { textContent: change })),
    );
    this.#sides.replaceChildren();
    if (!this.element.open) this.element.showModal();
    this.#apply.element.focus();
    await this.#side("As it is", before, element.vertex);
    await this.#side("As an RPC service", after, service?.id ?? element.vertex);
  }

  async #side(caption: string, graph: GraphDescription, failing: string): Promise<void> {
    const figure = document.createElement("figure");
    const stage = document.createElement("div");
    stage.className = "isolate-stage";
    // Only looked at: the words beneath say the same.
    stage.inert = true;
    const scope = new FailureScopes(graph).of(failing, 0, "region");
    const words = document.createElement("figcaption");
    const cost = scope === undefined ? "" : scopeWords(scope).replace("A failure here", "A failure of the model");
    words.append(Object.assign(document.createElement("strong"), { textContent: `${caption}. ` }), cost);
    figure.append(stage, words);
    this.#sides.append(figure);
    const view = new GraphView(stage, this.measure, QUIET);
    const arranger = new PictureArranger(this.measure);
    const options = { level: "vertex", orientation: undefined, room: view.camera.room } as const;
    const arranged = await arranger.arrange(graph, options).finally(() => arranger.dispose());
    if (arranged === undefined) return;
    view.setLive(livePicture(arranged.picture, undefined, 0));
    view.setPicture(arranged.picture, arranged.layout);
    view.showAll();
    drawScope(view.overlay, arranged.picture, arranged.layout, scope, failing, this.measure);
    view.overlay.select(".scope-tip").remove();
  }
}
