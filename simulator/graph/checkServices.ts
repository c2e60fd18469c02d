/** What the fields of the services of a job file mean together. Adds FL1003, FL1010, FL1011, FL1013, FL1015. */
import type { Node } from "jsonc-parser";
import type { ProblemCollector } from "./checkAgainstSchema";
import { findCycle } from "./cycle";
import type { JobSpec, ServiceSpec } from "./jobFile";

type NodeAt = (path: readonly (string | number)[]) => Node | undefined;

export function checkServices(job: JobSpec, at: NodeAt, found: ProblemCollector): void {
  const operatorGroups = new Set(job.operators.map((operator) => operator.slotSharingGroup));
  for (const service of job.services) {
    const path = `services.${service.id}`;
    const node = at(["services", service.id]);
    checkModels(service, node, at, found);
    checkFunction(service, job, at, found);
    if (service.deployment === "external" && service.addresses.length === 0) {
      found.add(
        "FL1003",
        node,
        path,
        `The external service "${service.id}" has no addresses.`,
        'Add "addresses": ["HOST:PORT"].',
      );
    }
    if (service.deployment !== "external" && service.addresses.length > 0) {
      found.add(
        "FL1003",
        at(["services", service.id, "addresses"]),
        `${path}.addresses`,
        `The addresses of "${service.id}" are not used: its deployment is ${service.deployment}.`,
        'Write "deployment": "external", or remove the addresses.',
        "warning",
      );
    }
    if (service.shared === true && service.deployment !== "rpc-service") {
      found.add(
        "FL1015",
        at(["services", service.id, "shared"]) ?? node,
        `${path}.shared`,
        `The service "${service.id}" cannot be shared: with deployment ${service.deployment} it belongs to one job.`,
        "Use rpc-service, or remove shared.",
      );
    }
    if (operatorGroups.has(service.slotSharingGroup)) {
      found.add(
        "FL1015",
        at(["services", service.id, "slotSharingGroup"]) ?? node,
        `${path}.slotSharingGroup`,
        `The service "${service.id}" cannot share slots with operators (group "${service.slotSharingGroup}").`,
        "Give it a group of its own, or leave the field out.",
      );
    }
    checkAutoscaler(service, at, found);
    checkUnused(service, at, found);
  }
  checkCalledModels(job, at, found);
  checkCapacities(job, at, found);
  checkCallCycle(job, at, found);
}

function checkModels(service: ServiceSpec, node: Node | undefined, at: NodeAt, found: ProblemCollector): void {
  const path = `services.${service.id}`;
  if (service.deployment !== "external" && service.models.length === 0 && service.function === undefined) {
    found.add(
      "FL1003",
      node,
      path,
      `The service "${service.id}" has no model.`,
      'Add "model": the path of an ONNX file, or "function": code that is run instead.',
    );
  }
  const names = service.models.map((model) => model.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    found.add(
      "FL1012",
      at(["services", service.id, "models", twice]),
      `${path}.models.${twice}`,
      `"model" of the service goes by the name "${twice}" already.`,
      "Give this one another name, or remove the field model.",
    );
  }
}

/** What goes with code instead of a model, and whom it can call. */
function checkFunction(service: ServiceSpec, job: JobSpec, at: NodeAt, found: ProblemCollector): void {
  const path = `services.${service.id}`;
  const calls = at(["services", service.id, "calls"]);
  if (service.function === undefined) {
    if (service.calls.length === 0) return;
    found.add(
      "FL1003",
      calls,
      `${path}.calls`,
      `calls of "${service.id}" is not used: a model calls nothing.`,
      'Remove it, or write a "function" that calls them.',
      "warning",
    );
    return;
  }
  if (service.models.length > 0) {
    found.add(
      "FL1003",
      at(["services", service.id, "function"]),
      `${path}.function`,
      `The service "${service.id}" has a function and a model.`,
      "Remove one of them; a function can call a service with the model.",
    );
  }
  for (const id of service.calls) {
    const called = job.services.find((other) => other.id === id);
    // With "any", it is an error of the code to call what it cannot reach.
    if (called === undefined || service.callsAny === true) continue;
    if (called.deployment === "sidecar" && service.deployment === "rpc-service") {
      found.add(
        "FL1015",
        calls,
        `${path}.calls`,
        `"${service.id}" cannot call "${id}": a sidecar serves the tasks of its own TaskManager, and an rpc-service belongs to none.`,
        "Give both the same deployment.",
      );
    }
    if (service.shared === true && called.shared !== true && called.deployment !== "external") {
      found.add(
        "FL1015",
        calls,
        `${path}.calls`,
        `The shared service "${service.id}" cannot call "${id}", which belongs to one job.`,
        `Share "${id}" as well.`,
      );
    }
  }
}

function checkAutoscaler(service: ServiceSpec, at: NodeAt, found: ProblemCollector): void {
  const { autoscaler } = service;
  if (autoscaler === undefined) return;
  const path = `services.${service.id}.autoscaler`;
  const node = at(["services", service.id, "autoscaler"]);
  if (service.deployment !== "rpc-service") {
    found.add(
      "FL1015",
      node,
      path,
      `A service with deployment ${service.deployment} cannot be scaled by itself.`,
      "Use rpc-service, or remove the autoscaler.",
    );
  }
  if (autoscaler.min > autoscaler.max) {
    found.add(
      "FL1013",
      node,
      path,
      `The autoscaler wants at least ${autoscaler.min} and at most ${autoscaler.max} instances.`,
      "Let min be at most max.",
    );
  } else if (service.parallelism < autoscaler.min || service.parallelism > autoscaler.max) {
    found.add(
      "FL1013",
      at(["services", service.id, "parallelism"]) ?? node,
      `services.${service.id}.parallelism`,
      `The service "${service.id}" starts with ${service.parallelism} instances, outside the bounds of its autoscaler (${autoscaler.min} to ${autoscaler.max}).`,
      `Set parallelism to a number from ${autoscaler.min} to ${autoscaler.max}.`,
    );
  }
}

/** Switches that this deployment does not have. */
function checkUnused(service: ServiceSpec, at: NodeAt, found: ProblemCollector): void {
  const { deployment } = service;
  const warn = (field: string, why: string): void =>
    found.add(
      "FL1003",
      at(["services", service.id, field]),
      `services.${service.id}.${field}`,
      `${field} of "${service.id}" is not used: ${why}.`,
      "Remove it, or choose another deployment.",
      "warning",
    );
  const outside =
    deployment === "external" ? "the instances are outside the job" : "the model runs in the operator's own process";
  if (deployment === "embedded" || deployment === "external") {
    if (service.resultCacheBytes > 0) warn("resultCache", outside);
    if (service.memoryLimitBytes !== undefined) warn("memoryLimit", outside);
  }
  if (deployment === "embedded") {
    if (service.hedging !== undefined) warn("hedging", outside);
    if (service.transport !== "streams") warn("transport", outside);
  }
}

/** The models that operators ask for. External services have models that this file does not know. */
function checkCalledModels(job: JobSpec, at: NodeAt, found: ProblemCollector): void {
  const services = new Map(job.services.map((service) => [service.id, service]));
  for (const operator of job.operators) {
    if (operator.kind !== "rpc" || operator.rpc.model === undefined) continue;
    const { model } = operator.rpc;
    const service = services.get(operator.rpc.service);
    if (service === undefined || service.deployment === "external") continue;
    const names = service.function === undefined ? service.models.map(({ name }) => name) : [service.id];
    if (names.includes(model)) continue;
    found.add(
      "FL1010",
      at(["operators", operator.id, "model"]),
      `operators.${operator.id}.model`,
      `The service "${service.id}" has no model "${model}".`,
      `It has: ${names.join(", ")}.`,
    );
  }
}

/** Calls that find every queue full are refused: tried again where there is a client that does so, a failure of the task where the model is its own. */
function checkCapacities(job: JobSpec, at: NodeAt, found: ProblemCollector): void {
  for (const service of job.services) {
    if (service.deployment === "external") continue;
    const callers = job.operators.flatMap((operator) =>
      operator.kind === "rpc" && operator.rpc.service === service.id
        ? [{ id: operator.id, capacity: operator.rpc.capacity, subtasks: operator.parallelism }]
        : [],
    );
    const embedded = service.deployment === "embedded";
    const calls = callers.reduce((sum, { capacity, subtasks }) => sum + capacity * (embedded ? 1 : subtasks), 0);
    const copies = embedded ? 1 : service.deployment === "sidecar" ? job.runtime.taskManagers : service.parallelism;
    const room = copies * (service.queue.maxLength + service.batching.maxSize);
    const [first] = callers;
    if (calls <= room || first === undefined) continue;
    found.add(
      "FL1003",
      at(["operators", first.id, "capacity"]) ?? at(["operators", first.id]),
      `operators.${first.id}.capacity`,
      `Up to ${calls} calls of "${service.id}" can be under way${embedded ? " in one task" : ""}; its ${embedded ? "queue takes" : "queues take"} ${room}. ${embedded ? "One more fails the task." : "Those over it are refused and tried again."}`,
      `Lower the capacity, or raise queue.maxLength of "${service.id}".`,
      "warning",
    );
  }
}

/** Each instance runs one request at a time and waits for those it calls: in a circle they wait for each other for ever. */
function checkCallCycle(job: JobSpec, at: NodeAt, found: ProblemCollector): void {
  // What "any" means is known only when the code runs; instances look after that (`inference/callAnswer.ts`).
  const callsOf = new Map(job.services.map(({ id, calls, callsAny }) => [id, callsAny === true ? [] : calls]));
  const cycle = findCycle([...callsOf.keys()], (id) => callsOf.get(id) ?? []);
  const first = cycle?.[0];
  if (cycle === undefined || first === undefined) return;
  found.add(
    "FL1011",
    at(["services", first, "calls"]),
    `services.${first}.calls`,
    `Services wait for each other: ${[...cycle, first].join(" calls ")}. Each instance runs one request at a time, so none would ever be answered.`,
    "Remove one of these calls, or move what both need into a service of its own.",
  );
}
