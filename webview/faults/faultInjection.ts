/** Breaking things from the picture: the dialog and the palette, and what is asked of the host. */
import { displayName } from "../graph/vertexCard";
import type { Picture } from "../model/picture";
import type { RunModel } from "../model/runModel";
import type { FaultChoice, PictureElement, ViewMessage } from "../protocol";
import { FaultForm } from "./faultForm";
import { FaultPalette } from "./faultPalette";
import { offersAt, placesOf, type FaultOffer } from "./faultPlaces";

export interface InjectionHost {
  readonly picture: () => Picture | undefined;
  /** The run that can be broken; undefined while none goes on. */
  readonly liveRun: () => RunModel | undefined;
  readonly elementAt: (event: Event) => PictureElement | undefined;
  /** What a press in the palette acts on. */
  readonly current: () => PictureElement | undefined;
  readonly held: (element: PictureElement | undefined) => void;
  readonly send: (message: ViewMessage) => void;
  readonly note: (words: string) => void;
  readonly keep: (palette: boolean) => void;
}

export class FaultInjection {
  readonly #form: FaultForm;
  readonly #palette: FaultPalette;
  #faults: readonly FaultChoice[] = [];

  constructor(
    stage: HTMLElement,
    private readonly host: InjectionHost,
  ) {
    this.#form = new FaultForm((chosen) => host.send({ kind: "inject", ...chosen }));
    this.#palette = new FaultPalette(stage, {
      elementAt: (event) => host.elementAt(event),
      accepts: (fault, element) => this.#offers(element).some(({ choice }) => choice.fault === fault),
      held: (element) => host.held(element),
      dropped: (fault, element) => this.inject(element, fault),
      pressed: (fault) => this.#pressed(fault),
      closed: () => this.togglePalette(),
    });
    stage.append(this.#palette.element);
    document.body.append(this.#form.element);
  }

  get paletteOpen(): boolean {
    return !this.#palette.element.hidden;
  }

  get paletteElement(): HTMLElement {
    return this.#palette.element;
  }

  setFaults(faults: readonly FaultChoice[]): void {
    this.#faults = faults;
    this.refresh();
  }

  /** A run began or ended. */
  refresh(): void {
    if (this.paletteOpen) this.#palette.show(this.#faults, this.host.liveRun() !== undefined);
  }

  togglePalette(open = !this.paletteOpen): void {
    this.#palette.element.hidden = !open;
    this.refresh();
    this.host.keep(open);
  }

  /** Asks what shall happen to an element; the host asks where the catalogue is not known yet. */
  inject(element: PictureElement, wanted?: string): void {
    const picture = this.host.picture();
    const run = this.host.liveRun();
    if (picture === undefined || run === undefined) return;
    const places = placesOf(element, picture, run);
    if (places.length === 0) return this.host.note("Expand the region, and choose one of its tasks.");
    if (this.#faults.length === 0) {
      this.host.send({ kind: "inject", target: places[0].target });
      return;
    }
    this.#form.open(nameOf(element, picture), this.#offers(element), wanted);
  }

  #pressed(fault: string): void {
    const element = this.host.current();
    if (element === undefined) return this.host.note("Select what shall fail first.");
    const offer = this.#offers(element).find(({ choice }) => choice.fault === fault);
    if (offer === undefined) {
      const label = this.#faults.find((one) => one.fault === fault)?.label ?? fault;
      return this.host.note(`${label} cannot act on what is selected.`);
    }
    this.inject(element, fault);
  }

  #offers(element: PictureElement): readonly FaultOffer[] {
    const picture = this.host.picture();
    return picture === undefined ? [] : offersAt(this.#faults, placesOf(element, picture, this.host.liveRun()));
  }
}

function nameOf(element: PictureElement, picture: Picture): string {
  if (!("vertex" in element)) return "";
  const name = displayName(picture.vertices.get(element.vertex)?.name ?? element.vertex, element.vertex);
  const short = name.length > 60 ? `${name.slice(0, 40)}…${name.slice(-16)}` : name;
  return element.kind === "subtask" ? `${short}#${element.index}` : short;
}
