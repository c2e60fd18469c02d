/**
 * The stream as the Debug Adapter Protocol sees it: subtasks are threads, the operators of a chain are the stack of the record that stands in
 * it, and what an operator knows are its variables.
 */
import type { BreakpointPlace, DebugValue, FramePlace } from "../../simulator/observe/debuggerMessage";
import type { SubtaskName } from "../../simulator/observe/journalEvent";
import type { PlaceInFile } from "../language/jobFileBreakpoints";
import type { Scope, StackFrame, Variable } from "./debugProtocol";
import { placeName } from "./placeName";

/** Where a record stands; `index` is the frame's number in the TaskManager, innermost 0. */
export interface RecordFrame {
  readonly task: SubtaskName;
  readonly index: number;
  readonly place: BreakpointPlace;
}

export class StreamThreads {
  private readonly ids = new Map<SubtaskName, number>();
  private readonly standing = new Map<SubtaskName, readonly FramePlace[]>();
  private readonly frames = new Map<number, RecordFrame>();
  private readonly values = new Map<number, readonly DebugValue[]>();
  /** Frames and variables: both are numbers that the protocol wants to be over 0. */
  private nextId = 1;

  idOf(task: SubtaskName): number {
    const known = this.ids.get(task);
    if (known !== undefined) return known;
    const id = this.ids.size + 1;
    this.ids.set(task, id);
    return id;
  }

  taskOf(threadId: number): SubtaskName | undefined {
    return [...this.ids].find(([, id]) => id === threadId)?.[0];
  }

  /** Innermost first. */
  stop(task: SubtaskName, frames: readonly FramePlace[]): void {
    this.standing.set(task, frames);
  }

  isStanding(task: SubtaskName): boolean {
    return this.standing.has(task);
  }

  /** Those that go on take their frames and variables along. */
  go(task?: SubtaskName): void {
    if (task === undefined) this.standing.clear();
    else this.standing.delete(task);
    if (this.standing.size > 0) return;
    this.frames.clear();
    this.values.clear();
  }

  stackOf(task: SubtaskName, places: readonly PlaceInFile[], jobFile: string): readonly StackFrame[] {
    const standing = this.standing.get(task);
    const source = { name: jobFile.split(/[\\/]/).at(-1) ?? jobFile, path: jobFile };
    if (standing === undefined) {
      return [
        {
          id: this.frameId({ task, index: -1, place: { kind: "operator", operator: "" } }),
          name: "waits for a record",
          line: 0,
          column: 0,
          presentationHint: "label",
        },
      ];
    }
    return standing.flatMap(({ place }, index) => {
      // An edge on the way says nothing that its two ends do not say.
      if (place.kind === "edge" && index > 0) return [];
      const line = places.find((one) => placeName(one.place) === placeName(place))?.firstLine;
      const frame = {
        id: this.frameId({ task, index, place }),
        name: placeName(place),
        column: line === undefined ? 0 : 1,
      };
      return [line === undefined ? { ...frame, line: 0 } : { ...frame, line, source }];
    });
  }

  frame(frameId: number): RecordFrame | undefined {
    return this.frames.get(frameId);
  }

  scopes(values: readonly DebugValue[]): readonly Scope[] {
    return values.map((value) => ({
      name: value.name,
      expensive: false,
      // A scope shows children only: what has none is its own child.
      variablesReference: this.reference(value.children ?? [{ ...value, name: "value" }]),
    }));
  }

  variables(reference: number): readonly Variable[] {
    return (this.values.get(reference) ?? []).map((value) => this.variable(value));
  }

  variable({ name, text, type, children }: DebugValue): Variable {
    return { name, value: text, type, variablesReference: children === undefined ? 0 : this.reference(children) };
  }

  private frameId(frame: RecordFrame): number {
    const id = this.nextId++;
    this.frames.set(id, frame);
    return id;
  }

  private reference(values: readonly DebugValue[]): number {
    const id = this.nextId++;
    this.values.set(id, values);
    return id;
  }
}
