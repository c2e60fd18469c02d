/** Reading Flink's answers: values of any shape in, typed data or FL5002 out. What is missing where older versions lack it has a default. */
import { FaultlineError } from "../graph/errors";
import { field, isObject, type JsonObject } from "../graph/planReading";

/** One answer, and the path that it answers, for messages. */
export class AnswerReader {
  constructor(
    readonly path: string,
    private readonly where: string = "",
  ) {}

  fail(what: string): never {
    throw FaultlineError.of(
      "FL5002",
      `The answer to ${this.path} is not understood: ${this.where === "" ? what : `${this.where}: ${what}`}.`,
      "Faultline reads Flink 1.20 and later; if this is one, please report it with the answer.",
    );
  }

  at(name: string | number): AnswerReader {
    return new AnswerReader(
      this.path,
      typeof name === "number" ? `${this.where}[${name}]` : this.where === "" ? name : `${this.where}.${name}`,
    );
  }

  object(value: unknown): JsonObject {
    return isObject(value) ? value : this.fail("an object is expected");
  }

  text(object: JsonObject, name: string, otherwise?: string): string {
    const value = field(object, name);
    if (typeof value === "string") return value;
    return otherwise ?? this.at(name).fail("text is expected");
  }

  number(object: JsonObject, name: string, otherwise?: number): number {
    const value = field(object, name);
    if (typeof value === "number" && Number.isFinite(value)) return value;
    return otherwise ?? this.at(name).fail("a number is expected");
  }

  flag(object: JsonObject, name: string): boolean {
    return field(object, name) === true;
  }

  /** Entries of a list of objects; an absent one is empty. */
  list<T>(object: JsonObject, name: string, read: (entry: JsonObject, reader: AnswerReader) => T): T[] {
    const value = field(object, name);
    const inner = this.at(name);
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) return inner.fail("a list is expected");
    return value.map((entry: unknown, index) => {
      const reader = inner.at(index);
      return read(reader.object(entry), reader);
    });
  }
}
