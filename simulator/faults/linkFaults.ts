/** Faults of the links between processes, carried out on the sockets. */
import type { FaultContext, FaultDefinition } from "./faultDefinition";
import type { FaultParameter } from "./faultParameter";
import { DURATION, PROBABILITY } from "./faultParameter";

const DIRECTION: FaultParameter = {
  name: "direction",
  description: "What is hit of link:A->B: from A to B, from B to A, or both.",
  unit: "text",
  default: "both",
  values: ["both", "forward", "backward"],
};
const common = {
  group: "Link" as const,
  targets: ["link"] as const,
  evidence: "reported" as const,
  inject: (context: FaultContext) => context.perform(),
  heal: (context: FaultContext) => context.endPerforming(),
};

export const LINK_FAULTS: readonly FaultDefinition[] = [
  {
    name: "latency",
    title: "Latency",
    description: "What goes over the link arrives later, as between distant machines.",
    injected: "What is read from the socket is held back and passed on in order, each piece after the delay and a jitter of its own.",
    healed: "What is held back goes on at once.",
    parameters: [
      { name: "delay", description: "How much later it arrives.", unit: "ms", default: 50, minimum: 0, maximum: 600_000 },
      { name: "jitter", description: "The delay is more or less by up to this.", unit: "ms", default: 0, minimum: 0, maximum: 600_000 },
      DIRECTION,
      PROBABILITY,
      DURATION,
    ],
    ...common,
  },
  {
    name: "bandwidth",
    title: "Bandwidth",
    description: "Only so much goes over the link in a second.",
    injected: "What is read from the socket is passed on at the rate; what is more waits, and then its sender.",
    healed: "What waits goes on at once.",
    parameters: [{ name: "rate", description: "How much goes through.", unit: "bytes/s", default: 64 * 1024, minimum: 16, maximum: 1024 ** 4 }, DIRECTION, PROBABILITY, DURATION],
    ...common,
  },
  {
    name: "reset",
    title: "Reset",
    description: "The connection is torn down in the middle of what it carries, as by a firewall that forgot it.",
    injected: "On TCP both ends get a reset (RST), on a Unix-domain socket the connection is closed, when data passes. Whoever connects may connect again.",
    healed: "After so many resets, or when it is healed.",
    parameters: [{ name: "resets", description: "How many connections are reset.", unit: "count", default: 1, minimum: 1, maximum: 100_000 }, DIRECTION, PROBABILITY, DURATION],
    ...common,
  },
  {
    name: "black-hole",
    title: "Black Hole",
    description: "The link swallows what goes over it: the connection stays, and nothing arrives. Only a timeout notices.",
    injected: "What is read from the socket is passed on no more. With a probability, from the first piece on that is hit: what comes after it cannot overtake it.",
    healed: "What was swallowed arrives late, in order, as after a network that came back.",
    parameters: [DIRECTION, PROBABILITY, DURATION],
    ...common,
  },
  {
    name: "slicing",
    title: "Slicing",
    description: "What is sent arrives in small pieces with pauses between them, as over a bad path with a small packet size.",
    injected: "What is read from the socket is cut and passed on piece by piece.",
    healed: "What is left goes on at once.",
    parameters: [
      { name: "size", description: "Of a piece.", unit: "bytes", default: 64, minimum: 1, maximum: 1024 ** 2 },
      { name: "pause", description: "Between two pieces.", unit: "ms", default: 1, minimum: 0, maximum: 60_000 },
      DIRECTION,
      PROBABILITY,
      DURATION,
    ],
    ...common,
  },
];
