/** The page's landmarks, empty. */

export interface PageParts {
  /** The picture and the panels on it. */
  readonly stage: HTMLElement;
  /** What is shown instead of a picture, or over it: problems. */
  readonly empty: HTMLElement;
  readonly legend: HTMLElement;
  readonly details: HTMLElement;
  readonly timeline: HTMLElement;
  /** Lies over the picture and the timeline while runs are compared. */
  readonly compare: HTMLElement;
}

export function makeParts(host: HTMLElement, head: readonly HTMLElement[], sheet: HTMLElement): PageParts {
  const header = part("header", "header");
  header.append(...head);
  const body = part("main", "body");
  const stage = part("div", "stage");
  const empty = part("div", "empty");
  const legend = part("section", "legend", "Legend");
  const details = part("aside", "details", "Details");
  const timeline = part("section", "timeline", "Recovery timeline");
  const compare = part("section", "compare", "Compare runs");
  compare.hidden = true;
  details.hidden = true;
  timeline.hidden = true;
  stage.append(empty, legend, details);
  body.append(stage, timeline, compare);
  host.replaceChildren(header, body);
  document.body.append(sheet);
  return { stage, empty, legend, details, timeline, compare };
}

function part(tag: string, className: string, label?: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  if (label !== undefined) element.setAttribute("aria-label", label);
  return element;
}
