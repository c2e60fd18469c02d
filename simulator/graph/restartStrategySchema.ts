/** JSON Schema of `restartStrategy`, of the runtime and of a service. */
import { duration, numeric, object, whole, wholeOrInfinite, type JsonSchema } from "./jsonSchema";

export const RESTART_STRATEGY: JsonSchema = {
  description: "What to do after a failure.",
  flinkName: "restart-strategy",
  oneOf: [
    object("Never restart.", { type: { type: "string", const: "none" } }, ["type"], { title: "none" }),
    object(
      "Restart a number of times, always after the same delay.",
      {
        type: { type: "string", const: "fixed-delay" },
        attempts: wholeOrInfinite("Restarts before the job fails.", 0, {
          default: 1,
          flinkName: "restart-strategy.fixed-delay.attempts",
        }),
        delay: duration("Delay before each restart.", "1s", { flinkName: "restart-strategy.fixed-delay.delay" }),
      },
      ["type"],
      { title: "fixed-delay" },
    ),
    object(
      "Restart after a delay that grows with every failure and is reset after a quiet time.",
      {
        type: { type: "string", const: "exponential-delay" },
        initialBackoff: duration("First delay.", "1s", {
          flinkName: "restart-strategy.exponential-delay.initial-backoff",
        }),
        maxBackoff: duration("Longest delay.", "1m", { flinkName: "restart-strategy.exponential-delay.max-backoff" }),
        backoffMultiplier: numeric("Factor from one delay to the next.", {
          default: 1.5,
          minimum: 1,
          maximum: 1000,
          flinkName: "restart-strategy.exponential-delay.backoff-multiplier",
        }),
        jitterFactor: numeric("Random part of the delay, as a share of it, up or down.", {
          default: 0.1,
          minimum: 0,
          maximum: 1,
          flinkName: "restart-strategy.exponential-delay.jitter-factor",
        }),
        resetBackoffThreshold: duration("Time without a failure after which delay and attempts start anew.", "1h", {
          flinkName: "restart-strategy.exponential-delay.reset-backoff-threshold",
        }),
        attemptsBeforeResetBackoff: wholeOrInfinite("Restarts before the job fails, unless they are reset before.", 0, {
          default: "infinite",
          flinkName: "restart-strategy.exponential-delay.attempts-before-reset-backoff",
        }),
      },
      ["type"],
      { title: "exponential-delay" },
    ),
    object(
      "Restart unless failures come too often.",
      {
        type: { type: "string", const: "failure-rate" },
        maxFailuresPerInterval: whole("Failures in one interval before the job fails.", 1, {
          default: 1,
          flinkName: "restart-strategy.failure-rate.max-failures-per-interval",
        }),
        failureRateInterval: duration("Length of the interval.", "1m", {
          flinkName: "restart-strategy.failure-rate.failure-rate-interval",
        }),
        delay: duration("Delay before each restart.", "1s", { flinkName: "restart-strategy.failure-rate.delay" }),
      },
      ["type"],
      { title: "failure-rate" },
    ),
  ],
};
