/**
 * `Edit…` from the picture: what is to be done with an operator or a service, asked with VS Code's own pickers, and done as an edit of the job
 * file. It is not saved and can be undone like anything typed; comments and layout stay.
 */
import * as vscode from "vscode";
import { FaultlineError } from "../../simulator/graph/errors";
import type { GraphDescription, OperatorDescription, VertexDescription } from "../../simulator/graph/graphDescription";
import type { Deployment } from "../../simulator/graph/jobFile";
import { ID } from "../../simulator/graph/jsonSchema";
import type { PictureElement } from "../../webview/protocol";
import { loadBundle } from "../bundles/loadBundle";
import type { JobFileEdit } from "../language/jobFileEdits";
import { inputOf, pickOf } from "../personInput";
import { openJobDocument } from "./jobGraphSource";

interface Action extends vscode.QuickPickItem {
  /** @returns what to do; undefined when the person turned away */
  readonly ask: () => Promise<JobFileEdit | undefined>;
}

/** @throws FaultlineError FL1010 when the file does not have this element (any more) */
export async function editElement(uri: vscode.Uri, element: PictureElement): Promise<void> {
  const document = await openJobDocument(uri);
  const { graph } = loadBundle("extensionLanguage").graphOfDocument(document);
  const vertex = "vertex" in element ? graph?.vertices.find(({ id }) => id === element.vertex) : undefined;
  if (graph === undefined || vertex === undefined)
    throw FaultlineError.of("FL1010", "The job file does not have this element any more.", "Mend its errors first.");
  const actions =
    vertex.kind === "service" ? serviceActions(vertex) : await operatorActions(document, graph, vertex, element);
  if (actions === undefined) return;
  const title = `Edit ${actions.name}`;
  const picked = await pickOf(actions.items, { title, placeHolder: "What to do with it" });
  const edit = await picked?.ask();
  if (edit !== undefined) await applyJobFileEdit(document, edit);
}

/** Only the text that it is about is replaced. */
export async function applyJobFileEdit(document: vscode.TextDocument, edit: JobFileEdit): Promise<void> {
  const { editJobFile, rangeOfSpan } = loadBundle("extensionLanguage");
  const change = new vscode.WorkspaceEdit();
  for (const one of editJobFile(document.getText(), edit))
    change.replace(document.uri, rangeOfSpan(document, one), one.content);
  if (!(await vscode.workspace.applyEdit(change)))
    throw FaultlineError.of("FL4001", "The job file could not be edited.", "Look whether it is read-only.");
}

interface Actions {
  readonly name: string;
  readonly items: readonly Action[];
}

function serviceActions(vertex: VertexDescription): Actions {
  const { id } = vertex;
  const symbol = "service";
  return {
    name: id,
    items: [
      renameAction(symbol, id),
      numberAction("Set Instances…", symbol, id, vertex.parallelism, "Instances of the service"),
      {
        label: "Set Deployment…",
        description: vertex.service?.deployment,
        ask: async () => {
          const value = await pick(`Deployment of ${id}`, DEPLOYMENTS);
          return value === undefined ? undefined : { kind: "setField", symbol, id, field: "deployment", value };
        },
      },
    ],
  };
}

const DEPLOYMENTS: readonly (vscode.QuickPickItem & { readonly label: Deployment })[] = [
  { label: "embedded", detail: "Inside the task that calls it: it fails and restarts with the task's region." },
  { label: "sidecar", detail: "One process beside each TaskManager: it restarts alone, calls wait." },
  { label: "rpc-service", detail: "Each instance in a region of its own: it fails and restarts alone." },
  { label: "external", detail: "Outside of the job, at addresses that the file gives." },
];

async function operatorActions(
  document: vscode.TextDocument,
  graph: GraphDescription,
  vertex: VertexDescription,
  element: PictureElement,
): Promise<Actions | undefined> {
  const operator =
    element.kind === "operator"
      ? vertex.operators.find(({ id }) => id === element.operator)
      : await pickOperator(vertex.operators);
  if (operator === undefined) return undefined;
  const { id } = operator;
  const symbol = "operator";
  const { edgesOf } = loadBundle("extensionLanguage");
  const edges = edgesOf(document.getText()).filter(({ from, to }) => from === id || to === id);
  const others = graph.vertices.flatMap(({ kind, operators }) =>
    kind === "service" ? [] : operators.filter((one) => one.id !== id),
  );
  const isSink = operator.kind === "sink";
  const items: Action[] = [
    renameAction(symbol, id),
    numberAction("Set Parallelism…", symbol, id, vertex.parallelism, "Subtasks of the operator"),
  ];
  if (!isSink) {
    items.push({ label: "Add Operator Behind…", ask: () => askNewOperator(graph, id) });
    items.push({ label: "Connect To…", ask: () => askEdge(id, others) });
  }
  if (edges.length > 0) {
    items.push({
      label: "Remove Edge…",
      ask: async () => {
        const choices = edges.map(({ from, to }) => ({ label: `${from} → ${to}`, from, to }));
        const edge = await pickOf(choices, { title: "Remove Which Edge?" });
        return edge === undefined ? undefined : { kind: "removeEdge", from: edge.from, to: edge.to };
      },
    });
  }
  items.push({
    label: "Remove Operator",
    detail: "With its edges. What had one input goes on from there.",
    ask: () => Promise.resolve({ kind: "removeOperator", id }),
  });
  return { name: id, items };
}

async function pickOperator(operators: readonly OperatorDescription[]): Promise<OperatorDescription | undefined> {
  if (operators.length <= 1) return operators[0];
  const items = operators.map((operator) => ({ label: operator.id, description: operator.kind, operator }));
  return (await pickOf(items, { title: "Edit Which Operator of the Chain?" }))?.operator;
}

function renameAction(symbol: "operator" | "service", id: string): Action {
  return {
    label: "Rename…",
    description: id,
    ask: async () => {
      const newId = await askId(`Rename ${id}`, id);
      return newId === undefined || newId === id ? undefined : { kind: "rename", symbol, id, newId };
    },
  };
}

function numberAction(label: string, symbol: "operator" | "service", id: string, now: number, prompt: string): Action {
  return {
    label,
    description: String(now),
    ask: async () => {
      const answer = await inputOf({
        title: `${label.replace(/…$/, "")} of ${id}`,
        prompt: `${prompt}; now ${now}`,
        value: String(now),
        validateInput: (text) => (/^[1-9]\d{0,4}$/.test(text.trim()) ? undefined : "Write a whole number, at least 1."),
      });
      if (answer === undefined || Number(answer) === now) return undefined;
      return { kind: "setField", symbol, id, field: "parallelism", value: Number(answer) };
    },
  };
}

async function askEdge(from: string, others: readonly OperatorDescription[]): Promise<JobFileEdit | undefined> {
  const targets = others.filter(({ kind }) => kind !== "source");
  const to = await pick(
    `Connect ${from} To Which Operator?`,
    targets.map(({ id, kind }) => ({ label: id, description: kind })),
  );
  if (to === undefined) return undefined;
  const ship = await pick(`How Records Go From ${from} To ${to}`, [
    { label: "FORWARD", detail: "Subtask to subtask, where both have the same parallelism." },
    { label: "REBALANCE", detail: "In turns, to every subtask." },
    { label: "HASH", detail: "All records of a key to one subtask." },
    { label: "BROADCAST", detail: "Every record to every subtask." },
  ]);
  if (ship === undefined) return undefined;
  if (ship !== "HASH") return { kind: "addEdge", from, to, ...(ship === "FORWARD" ? {} : { ship }) };
  const key = await inputOf({ title: "Key", prompt: "Field of the record, for example sensor" });
  return key === undefined || key === "" ? undefined : { kind: "addEdge", from, to, ship, key };
}

async function askNewOperator(graph: GraphDescription, after: string): Promise<JobFileEdit | undefined> {
  const services = graph.vertices.filter(({ kind }) => kind === "service").map(({ id }) => id);
  const type = await pick(`Add an Operator Behind ${after}`, [
    { label: "map", detail: "A function makes one record of each." },
    { label: "flatMap", detail: "A function makes any number of records of each." },
    { label: "filter", detail: "A function says which records stay." },
    ...(services.length === 0 ? [] : [{ label: "rpc", detail: "A model answers: the operator calls a service." }]),
    { label: "sink", detail: "Records are written to files." },
  ]);
  if (type === undefined) return undefined;
  const id = await askId(`Id of the New ${type}`, "");
  if (id === undefined) return undefined;
  const add = (operator: Readonly<Record<string, unknown>>): JobFileEdit => ({
    kind: "addOperator",
    after,
    id,
    operator,
  });
  if (type === "sink") return add({ type, connector: "file", path: id });
  if (type === "rpc") {
    const service =
      services.length === 1
        ? services[0]
        : await pick(
            "Which Service Does It Call?",
            services.map((label) => ({ label })),
          );
    return service === undefined ? undefined : add({ type, service });
  }
  const reference = await inputOf({
    title: `Function of ${id}`,
    prompt: "Module and export, from the job file's folder",
    placeHolder: "functions/messages.ts#toFeatures",
    validateInput: (text) => (/^[^#]+#[\w$]+$/.test(text) ? undefined : "Write MODULE#EXPORT."),
  });
  return reference === undefined ? undefined : add({ type, function: reference });
}

function askId(title: string, value: string): Thenable<string | undefined> {
  return inputOf({
    title,
    prompt: "Letters, digits and what else an id may hold",
    value,
    validateInput: (text) => (new RegExp(ID.pattern ?? "").test(text) ? undefined : ID.patternErrorMessage),
  });
}

async function pick<T extends string>(
  title: string,
  items: readonly (vscode.QuickPickItem & { readonly label: T })[],
): Promise<T | undefined> {
  return (await pickOf(items, { title, matchOnDetail: true }))?.label;
}
