/** Where in a run a fault can act when somebody points at an element of the picture, and which faults of the catalogue can act there. */
import type { Picture } from "../model/picture";
import type { RunModel } from "../model/runModel";
import type { FaultChoice, FaultTargetKind, PictureElement } from "../protocol";

export interface FaultPlace {
  readonly kind: FaultTargetKind;
  /** As on the command line. */
  readonly target: string;
  /** `langid#1`, `taskmanager:0, which hosts classify#0`. */
  readonly words: string;
}

export interface FaultOffer {
  readonly choice: FaultChoice;
  readonly place: FaultPlace;
}

/** The element itself first; then the process that hosts it, and the connections that it uses. A vertex stands for any of its subtasks. */
export function placesOf(element: PictureElement, picture: Picture, run: RunModel | undefined): readonly FaultPlace[] {
  if (!("vertex" in element)) return [];
  const vertex = picture.vertices.get(element.vertex);
  // A region that is shown as one card is no target: its tasks are.
  if (vertex === undefined || picture.collapsed.has(vertex.id)) return [];
  const name = `${vertex.id}#${element.kind === "subtask" ? element.index : "*"}`;
  const shown = element.kind === "subtask" ? name : `any subtask of ${vertex.id}`;
  if (vertex.kind === "service") {
    const target = `service:${name}`;
    const any = element.kind === "subtask" ? name : `any instance of ${vertex.id}`;
    return [
      { kind: "service", target, words: any },
      { kind: "link", target: `link:taskmanager:*->${target}`, words: `the connections of TaskManagers to ${any}` },
    ];
  }
  const places: FaultPlace[] = [{ kind: "task", target: `task:${name}`, words: shown }];
  const hosted = element.kind === "subtask" ? name : `${vertex.id}#0`;
  const process = run?.attempts.of(hosted)?.process;
  if (process === undefined) return places;
  places.push({ kind: "taskmanager", target: process, words: `${process}, which hosts ${hosted}` });
  for (const called of picture.out.get(vertex.id) ?? []) {
    if (picture.vertices.get(called)?.kind !== "service") continue;
    const target = `link:${process}->service:${called}#*`;
    places.push({ kind: "link", target, words: `the connections of ${process} to ${called}` });
  }
  return places;
}

/** Every fault that can act at one of these places, at the first of them where it can. */
export function offersAt(faults: readonly FaultChoice[], places: readonly FaultPlace[]): readonly FaultOffer[] {
  return faults.flatMap((choice) => {
    const place = places.find(({ kind }) => choice.actsOn.includes(kind));
    return place === undefined ? [] : [{ choice, place }];
  });
}
