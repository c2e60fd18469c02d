/** What can be done about a finding with one click: edits of the text that keep its comments and its layout. */
import { type Edit, type JSONPath, type ModificationOptions, modify } from "jsonc-parser";
import type { Problem } from "../../simulator/graph/errors";
import type { JsonSchema } from "../../simulator/graph/jsonSchema";
import { members, nodeAtPath, readTree, schemasAt, textAt } from "./jobFileTree";

export interface QuickFix {
  readonly title: string;
  /** All of them hold for the text as it is; applied together. */
  readonly edits: readonly Edit[];
  readonly preferred: boolean;
}

export interface Indentation {
  readonly tabSize: number;
  readonly insertSpaces: boolean;
}

export function quickFixes(text: string, problem: Problem, indentation: Indentation): readonly QuickFix[] {
  const fixer = new Fixer(text, problem, {
    formattingOptions: { ...indentation, eol: text.includes("\r\n") ? "\r\n" : "\n" },
  });
  return [...fixer.suggestedName(), ...fixer.byCode()].filter(({ edits }) => edits.length > 0);
}

/** `operators.classify.window.size`, `edges[3].from` → segments. Ids may hold dots, so the tree decides where a segment ends. */
export function elementPath(text: string, element: string): JSONPath {
  const path: (string | number)[] = [];
  let node = readTree(text);
  let rest = element;
  while (rest !== "") {
    const index = /^\[(\d+)\]\.?/.exec(rest);
    if (index !== null) {
      path.push(Number(index[1]));
      rest = rest.slice(index[0].length);
      node = node?.children?.[Number(index[1])];
      continue;
    }
    const known = [...members(node).keys()]
      .filter((name) => rest === name || rest.startsWith(`${name}.`) || rest.startsWith(`${name}[`))
      .sort((a, b) => b.length - a.length)[0];
    const name = known ?? /^[^.[]+/.exec(rest)?.[0] ?? rest;
    path.push(name);
    node = members(node).get(name)?.value;
    rest = rest.slice(name.length).replace(/^\./, "");
  }
  return path;
}

class Fixer {
  private readonly root;
  private readonly path: JSONPath;

  constructor(
    private readonly text: string,
    private readonly problem: Problem,
    private readonly options: ModificationOptions,
  ) {
    this.root = readTree(text);
    this.path = elementPath(text, problem.location?.element ?? "");
  }

  /** The finding's hint names what was probably meant. */
  suggestedName(): readonly QuickFix[] {
    const name = /Did you mean "([^"]+)"\?/.exec(this.problem.hint ?? "")?.[1];
    const { offset, length } = this.problem.location ?? {};
    if (name === undefined || offset === undefined || length === undefined) return [];
    return [
      { title: `Change to "${name}"`, edits: [{ offset, length, content: JSON.stringify(name) }], preferred: true },
    ];
  }

  byCode(): readonly QuickFix[] {
    switch (this.problem.code) {
      case "FL1003":
        return [...this.missingField(), ...this.choices(), ...this.unknownField(), ...this.serviceWithoutModel()];
      case "FL1010":
        return this.uncalledService();
      case "FL1011":
        return this.path[0] === "edges" ? [this.fix("Remove this edge", this.set(this.path, undefined))] : [];
      case "FL1012":
        return [];
      case "FL1015":
        return [...this.shipping(), ...this.unconnected()];
      case "FL1023":
        return this.slots();
      case "FL1024":
        return this.duration();
      default:
        return [];
    }
  }

  private missingField(): readonly QuickFix[] {
    const name = /has no "([^"]+)"\.$/.exec(this.problem.message)?.[1];
    const node = nodeAtPath(this.root, this.path);
    if (name === undefined || node?.type !== "object") return [];
    const field = schemasAt(this.root, this.path).find((schema) => schema.properties?.[name] !== undefined)
      ?.properties?.[name];
    if (field === undefined) return [];
    return [this.fix(`Add "${name}"`, this.set([...this.path, name], startValue(field)), true)];
  }

  /** A value that is none of the few allowed ones. */
  private choices(): readonly QuickFix[] {
    const node = nodeAtPath(this.root, this.path);
    if (node?.type !== "string" || this.path.length === 0) return [];
    const allowed = new Set(
      schemasAt(this.root, this.path).flatMap(
        (schema) => schema.enum ?? (schema.const === undefined ? [] : [schema.const]),
      ),
    );
    if (allowed.size === 0 || allowed.size > 8 || allowed.has(String(node.value))) return [];
    return [...allowed].map((value) => this.fix(`Change to "${value}"`, this.set(this.path, value)));
  }

  private unknownField(): readonly QuickFix[] {
    if (!this.problem.message.startsWith("Unknown field ")) return [];
    return [this.fix(`Remove "${String(this.path.at(-1))}"`, this.set(this.path, undefined))];
  }

  private serviceWithoutModel(): readonly QuickFix[] {
    const [section, id] = this.path;
    if (section !== "services" || id === undefined) return [];
    if (/ has no model\.$/.test(this.problem.message)) {
      return [this.fix('Add "model"', this.set(["services", id, "model"], "model.onnx"), true)];
    }
    if (/ has no addresses\.$/.test(this.problem.message)) {
      return [this.fix('Add "addresses"', this.set(["services", id, "addresses"], ["127.0.0.1:8001"]), true)];
    }
    if (/^The addresses of /.test(this.problem.message)) {
      return [
        this.fix('Change the deployment to "external"', this.set(["services", id, "deployment"], "external"), true),
        this.fix("Remove the addresses", this.set(["services", id, "addresses"], undefined)),
      ];
    }
    return [];
  }

  private uncalledService(): readonly QuickFix[] {
    const [section, id] = this.path;
    if (section !== "services" || this.problem.severity !== "warning" || id === undefined) return [];
    return [this.fix(`Remove the service "${String(id)}"`, this.set(["services", id], undefined))];
  }

  private shipping(): readonly QuickFix[] {
    const [section, index, field] = this.path;
    if (section !== "edges" || typeof index !== "number") return [];
    const edge = (name: string): JSONPath => ["edges", index, name];
    const ship = textAt(this.root, edge("ship"));
    if (field === "ship" && ship === "FORWARD") {
      return ["REBALANCE", "RESCALE"].map((name) =>
        this.fix(`Change to ${name}`, this.set(edge("ship"), name), name === "REBALANCE"),
      );
    }
    if (field === "key" && ship !== undefined) {
      return [
        this.fix("Change the edge to HASH", this.set(edge("ship"), "HASH"), true),
        this.fix("Remove the key", this.set(edge("key"), undefined)),
      ];
    }
    if (field === "partitioner") {
      return [
        this.fix("Change the edge to CUSTOM", this.set(edge("ship"), "CUSTOM"), true),
        this.fix("Remove the partitioner", this.set(edge("partitioner"), undefined)),
      ];
    }
    if (field === "sideOutput") return [this.fix("Remove sideOutput", this.set(edge("sideOutput"), undefined))];
    if (field === undefined && /HASH edge needs a key/.test(this.problem.message)) {
      return [this.fix("Add a key", this.set(edge("key"), "key"), true)];
    }
    if (field === undefined && /CUSTOM edge needs a partitioner/.test(this.problem.message)) {
      return [this.fix("Add a partitioner", this.set(edge("partitioner"), "functions/partitioner.ts#partition"), true)];
    }
    return [];
  }

  /** An operator that nothing leads to, or whose results nothing takes. */
  private unconnected(): readonly QuickFix[] {
    const [section, id] = this.path;
    if (section !== "operators" || typeof id !== "string" || this.path.length !== 2) return [];
    const operators = [...members(nodeAtPath(this.root, ["operators"])).keys()];
    const typeOf = (one: string): string | undefined => textAt(this.root, ["operators", one, "type"]);
    const before = operators[operators.indexOf(id) - 1];
    const after = operators[operators.indexOf(id) + 1];
    const fixes: QuickFix[] = [];
    if (/has no input\.$/.test(this.problem.message) && before !== undefined && typeOf(before) !== "sink") {
      fixes.push(this.fix(`Add an edge from "${before}"`, this.addEdge(before, id), true));
    }
    if (/^Nothing takes/.test(this.problem.message) && after !== undefined && typeOf(after) !== "source") {
      fixes.push(this.fix(`Add an edge to "${after}"`, this.addEdge(id, after), true));
    }
    fixes.push(this.fix(`Remove "${id}"`, this.set(["operators", id], undefined)));
    return fixes;
  }

  private slots(): readonly QuickFix[] {
    const wanted = /Set runtime\.slots to (\d+)/.exec(this.problem.hint ?? "")?.[1];
    if (wanted === undefined) return [];
    return [this.fix(`Set runtime.slots to ${wanted}`, this.set(["runtime", "slots"], Number(wanted)), true)];
  }

  /** A number where a duration belongs: milliseconds or seconds were meant. */
  private duration(): readonly QuickFix[] {
    const node = nodeAtPath(this.root, this.path);
    const written = /^"?(\d+(?:\.\d+)?)"?$/.exec(String(node?.value))?.[1];
    const isDuration = schemasAt(this.root, this.path).some(
      ({ type, pattern }) => type === "string" && pattern !== undefined,
    );
    if (written === undefined || !isDuration) return [];
    return ["ms", "s"].map((unit) =>
      this.fix(`Change to "${written}${unit}"`, this.set(this.path, `${written}${unit}`), unit === "ms"),
    );
  }

  private addEdge(from: string, to: string): readonly Edit[] {
    const edges = nodeAtPath(this.root, ["edges"]);
    const edge = { from, to };
    if (edges?.type !== "array") return this.set(["edges"], [edge]);
    return modify(this.text, ["edges", -1], edge, { ...this.options, isArrayInsertion: true });
  }

  private set(path: JSONPath, value: unknown): readonly Edit[] {
    return modify(this.text, path, value, this.options);
  }

  private fix(title: string, edits: readonly Edit[], preferred = false): QuickFix {
    return { title, edits, preferred };
  }
}

/** What to begin with in a field that must be there. */
function startValue(schema: JsonSchema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  switch (schema.type) {
    case "object":
      return {};
    case "array":
      return [];
    case "boolean":
      return false;
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    default:
      return schema.oneOf?.[0]?.type === "object" ? {} : "";
  }
}
